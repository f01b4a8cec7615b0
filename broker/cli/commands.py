"""The reference page of commands, read off the parser itself."""

import argparse
from collections.abc import Iterator

LATER = "Ещё не сделано и появится со следующими выпусками: `inaya audit verify` (сцепление журнала хэшами)."


def commands_page(root: argparse.ArgumentParser) -> str:
    """Return the page: every command with its arguments and their meaning."""
    parts = [
        "# Команды",
        "",
        "Страница создана командой `inaya reference --write`; правьте программу, не её.",
        "",
    ]
    parts += [LATER, ""]
    for words, parser in _leaves("inaya", root):
        parts += [f"## {words}", "", _sentence(parser.description or ""), ""]
        parts += [f"- {line}" for line in _arguments(parser)]
        parts += [""] if _arguments(parser) else []
    return "\n".join(parts).rstrip() + "\n"


def _leaves(words: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001  argparse has no public walk
    if not groups:
        yield words, parser
    for group in groups:
        for name, child in group.choices.items():
            yield from _leaves(f"{words} {name}", child)


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    lines = []
    for action in parser._actions:  # noqa: SLF001  argparse has no public walk
        if isinstance(action, argparse._HelpAction):  # noqa: SLF001  argparse has no public walk
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        choices = f" ({', '.join(str(choice) for choice in action.choices)})" if action.choices else ""
        needed = " Обязателен." if action.required and action.option_strings else ""
        lines.append(f"`{name}`{choices}: {action.help or ''}.{needed}".replace("..", "."))
    return lines


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
