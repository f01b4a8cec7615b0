"""Bringing dictionaries up to date over the network: what the portal of НСИ has and we do not is read, kept and put into force."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from broker.adapter_kit.dictionaries import DictionarySource, SourceSettings
from broker.adapter_kit.dictionary_sync import Current, Fresh, Missed, sync
from broker.assembly.foundation import discover
from broker.assembly.terminal import Terminal
from broker.control.importing import DictionariesKept
from broker.settings import Settings, SettingsError
from broker.store.rules import Form
from broker.validation.nsi import read_files

_GROUP: Final = "inaya.dictionaries"


class Synced(msgspec.Struct, frozen=True):
    """What came of one dictionary: ``text`` in Russian, ``kept`` when something new was put into force or proposed."""

    oid: str
    text: str
    good: bool
    kept: DictionariesKept | None = None


@contextlib.asynccontextmanager
async def dictionary_source(settings: Settings) -> AsyncIterator[DictionarySource]:
    """Open the source of dictionaries; raise ``SettingsError`` when its key is missing."""
    data = settings.data
    if not data.nsi_key_file:
        raise SettingsError(
            "INAYA_NSI_KEY_FILE не задан: положите личный ключ портала НСИ в файл с правами 0600 и назовите его"
        )
    try:
        key = (await asyncio.to_thread(Path(data.nsi_key_file).read_text, encoding="ascii")).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"INAYA_NSI_KEY_FILE ({data.nsi_key_file}): {type(error).__name__}") from error
    factory = discover(_GROUP)["nsi"]
    async with aiohttp.ClientSession() as http:
        yield factory(http, SourceSettings(url=data.nsi_url, user_key=key))


async def synced(
    terminal: Terminal, source: DictionarySource, wanted: Sequence[str], *, actor: str
) -> AsyncIterator[Synced]:
    """Bring the wanted dictionaries (without any: those held) up to date, one at a time; one never stops the others."""
    cards = await terminal.rules.store.imported(Form.DICTIONARY)
    held: dict[str, list[str]] = {}
    columns: dict[str, list[str]] = {}
    for card in reversed(cards):  # the newest import last: its columns are those we know
        held.setdefault(card.name, []).append(card.version)
        columns[card.name] = list(card.summary.get("columns", ()))
    async for outcome in sync(source, wanted or sorted(held), held, columns):
        match outcome:
            case Current(oid, version):
                yield Synced(oid, f"редакция {version} — новейшая", good=True)
            case Missed(oid, trouble):
                yield Synced(oid, trouble.text, good=False)
            case Fresh():
                yield await _kept(terminal, outcome, actor)


async def _kept(terminal: Terminal, fresh: Fresh, actor: str) -> Synced:
    version = fresh.files.passport.version
    reading = await asyncio.to_thread(read_files, fresh.files.files, terminal.nsi_rules)
    if not reading.dictionaries:
        return Synced(fresh.oid, f"редакция {version}: {'; '.join(reading.refusals)}", good=False)
    kept = await terminal.importing.dictionaries(
        reading.dictionaries, source="НСИ", reason=f"обновление с портала НСИ: {version}", actor=actor
    )
    text = f"редакция {version}, записей {sum(one.size for one in reading.dictionaries)}"
    if fresh.reshaped:
        changed = [*(f"+{name}" for name in fresh.added), *(f"-{name}" for name in fresh.removed)]
        text += f"; столбцы изменились: {', '.join(changed)} — проверьте schemas/nsi/dictionaries.toml"
    return Synced(fresh.oid, text, good=True, kept=kept)
