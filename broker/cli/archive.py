"""Documents' files at a terminal: let go what nobody may ask for any more, see what is kept and what is waited for."""

import argparse
from collections import Counter
from uuid import UUID

from broker.archive.retention import Go, Keep
from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.console import words


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    archive = family(parsers, "archive", "файлы документов: что хранится, что удаляется, чего ждут")
    purge = command(
        archive, "purge", at_desk(_purge), "удалить файлы, которые больше никто не вправе запросить"
    )
    purge.add_argument("--document", default="", help="только этот документ; 1 — удалять нельзя")
    purge.add_argument("--dry-run", action="store_true", help="только сосчитать")
    desk_arguments(purge)
    show = command(archive, "show", at_desk(_show), "что стало с файлом документа, или чего ждут получатели")
    show.add_argument("document", nargs="?", default="", help="идентификатор документа")
    desk_arguments(show)


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandFailed(f"{text} — не идентификатор документа") from error


async def _purge(terminal: Terminal, arguments: argparse.Namespace) -> int:
    dry = arguments.dry_run
    if arguments.document:
        document = _identifier(arguments.document)
        verdict = await terminal.filing.purge_one(document, dry=dry, actor=actor(arguments))
        if verdict is None:
            raise CommandFailed(f"документа {document} нет, или от него ничего не осталось")
        if isinstance(verdict, Keep):
            say(f"Файл остаётся: {_kept(verdict)}.")
            return 1
        say(f"Файл {'был бы удалён' if dry else 'удалён'}: {words.FILES[verdict.why]}.")
        return 0
    walked = await terminal.filing.purge(dry=dry, actor=actor(arguments))
    say(_counted(walked.gone, "Было бы удалено" if dry else "Удалено"))
    say(_counted(walked.kept, "Остаётся"))
    return 0


def _kept(verdict: Keep) -> str:
    until = f", до {verdict.until:%d.%m.%Y}" if verdict.until else ""
    return f"{words.FILES[verdict.why]}{until}"


def _counted(counts: Counter[str], title: str) -> str:
    if not counts:
        return f"{title}: ничего."
    return "\n".join(
        [f"{title}:"]
        + [f"  {words.FILES[why]}: {words.grouped(number)}" for why, number in counts.most_common()]
    )


async def _show(terminal: Terminal, arguments: argparse.Namespace) -> int:
    if arguments.document:
        return await _story(terminal, _identifier(arguments.document))
    found = await terminal.filing.summary()
    for one in found["purged"]:
        say(f"Удалено за месяц, {words.FILES[one['why']]}: {words.grouped(one['documents'])}")
    if not found["requests"]:
        say("Файлов, которых нет под рукой, никто не ждёт.")
        return 0
    lines = [
        (str(r["document_id"]), r["clinic_oid"], r["destination"], words.reason(r["reason"]),
         f"{r['first_at']:%d.%m.%Y %H:%M}", str(r["times"]))
        for r in found["requests"]
    ]  # fmt: skip
    say(columns(lines, ("документ", "клиника", "кто ждёт", "почему нет", "ждёт с (UTC)", "спросили раз")))
    return 1


async def _story(terminal: Terminal, document: UUID) -> int:
    if await terminal.views.document(document) is None:
        raise CommandFailed(f"документа {document} нет")
    story = await terminal.filing.story(document)
    if story.fate is not None:
        say(f"Удалён {story.fate.purged_at:%d.%m.%Y %H:%M} (UTC), {words.FILES[story.fate.why]}; "
            f"кто: {story.fate.purged_by}.")  # fmt: skip
    elif isinstance(story.rule, Keep):
        say(f"Хранится у нас: {_kept(story.rule)}.")
    elif isinstance(story.rule, Go):
        say(f"Хранится у нас; следующей ночью будет удалён: {words.FILES[story.rule.why]}.")
    lines = [
        (one.destination, words.reason(one.reason), f"{one.first_at:%d.%m.%Y %H:%M}", str(one.times),
         f"{one.answered_at:%d.%m.%Y %H:%M}" if one.answered_at else "ждут")
        for one in story.requests
    ]  # fmt: skip
    if lines:
        say(columns(lines, ("кто спрашивал", "почему не было", "с (UTC)", "раз", "отдан (UTC)")))
    return 0
