"""Bringing packs in from a terminal: read, prove in a process of its own, keep, and if asked put into force."""

import argparse
import asyncio
from pathlib import Path

from broker.assembly.proving import ProofFailed, prove
from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk
from broker.cli.rules import reasoned, term, told
from broker.cli.terminal import CommandFailed, Parsers, command, say
from broker.document.kind import KindCatalogue
from broker.store.rules import Form
from broker.validation.packs import Pack, PackRefused, PackSpoilt, SelfTest, read_pack


def add_to(schemas: Parsers) -> None:
    """Declare ``inaya schemas import``."""
    load = command(schemas, "import", at_desk(_import), "загрузить официальные пакеты и проверить их на себе")
    load.add_argument("files", nargs="+", type=Path, metavar="PACK", help="архив или каталог пакета")
    load.add_argument("--kind", default="", help="код вида, если пакет его не называет")
    load.add_argument("--activate", action="store_true", help="и ввести в действие для всех видов пакета")
    load.add_argument("--in-spite", action="store_true", help="ввести вопреки замечаниям загрузки")
    term(load)
    reasoned(load, required=False)


async def _import(terminal: Terminal, arguments: argparse.Namespace) -> int:
    failed = 0
    for path in arguments.files:
        failed += not await _one(terminal, path, arguments)
    return 1 if failed else 0


async def _one(terminal: Terminal, path: Path, arguments: argparse.Namespace) -> bool:
    catalogue = KindCatalogue.load(terminal.schemas / "nsi" / "kinds.toml")
    pack = await asyncio.to_thread(read_pack, path, path.name, catalogue, kind=arguments.kind)
    if isinstance(pack, PackRefused):
        say(f"{path.name}: {pack.to_text()}")
        return False
    try:
        tested = await prove(pack, terminal.schemas)
    except ProofFailed as error:
        say(f"{path.name}: {error}.")
        return False
    new = await terminal.importing.pack(pack, tested, source=path.name, actor=actor(arguments))
    say(f"{path.name}: {'загружен' if new else 'уже загружен'}, отпечаток {pack.digest[:12]}.")
    tell(pack, tested)
    if not arguments.activate:
        return True
    return await _activate(terminal, pack, arguments)


def tell(pack: Pack, tested: SelfTest) -> None:
    """Say what was found in a pack and what its self-test showed."""
    for finding in pack.findings:
        say(finding.to_text())
    say("\n".join(tested.lines()))


async def _activate(terminal: Terminal, pack: Pack, arguments: argparse.Namespace) -> bool:
    done = [
        told(
            await terminal.rules.activate(
                kind,
                pack.digest,
                starts=arguments.starts,
                ends=arguments.ends,
                reason=arguments.reason or f"загрузка {pack.name}",
                actor=actor(arguments),
                in_spite=arguments.in_spite,
            )
        )
        for kind in pack.kinds
    ]
    return not any(done)


async def test_stored(terminal: Terminal, digest: str) -> int:
    """Prove a stored pack again and say what came of it."""
    card = await terminal.rules.store.find(Form.PACK, digest)
    if card is None:
        raise CommandFailed(f"пакета {digest} нет, или начало отпечатка не одно: inaya schemas list")
    try:
        pack = Pack.from_bytes((await terminal.rules.store.bodies([card.digest]))[card.digest][1])
        tested = await prove(pack, terminal.schemas)
    except (PackSpoilt, ProofFailed) as error:
        raise CommandFailed(f"пакет {card.digest[:12]}: {error}") from error
    tell(pack, tested)
    return 0 if tested.compiles and not tested.contradicts and not pack.blocked else 1
