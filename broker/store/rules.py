"""The rule book as rows: imported packs and dictionaries, and every state of what is in force."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from broker.document.event import EventName
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries
from broker.validation.rulebook import BookAct, BookStatus, Rulebook

QUERIES: Final = queries("rules")
LISTED: Final = 500
"""Imported things a list shows at most."""


class Form(StrEnum):
    """What was imported."""

    PACK = "pack"
    """An official rule pack."""
    DICTIONARY = "dictionary"
    """An edition of a dictionary of НСИ."""


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """An imported thing to keep: ``name`` is the guide's or dictionary's OID, ``source`` the file it came in."""

    digest: str
    form: Form
    name: str
    version: str
    title: str
    source: str
    summary: Mapping[str, Any]
    body: bytes


class ArtefactCard(msgspec.Struct, frozen=True, kw_only=True):
    """A kept thing without its bytes; ``size`` in bytes."""

    digest: str
    form: Form
    name: str
    version: str
    title: str
    source: str
    summary: Mapping[str, Any]
    size: int
    imported_at: datetime
    imported_by: str


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the book: what made it, who proposed and who decided; ``what`` says the change in words."""

    revision: int
    based_on: int
    status: BookStatus
    act: BookAct
    what: str
    reason: str
    body: Rulebook
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None = None
    decided_by: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the book to be written; ``based_on`` is the revision it was made from, 0 for none."""

    based_on: int
    act: BookAct
    what: str
    reason: str
    body: Rulebook


class InForce(msgspec.Struct, frozen=True):
    """The book in force and the number of its revision."""

    revision: int
    book: Rulebook


class OutdatedError(Exception):
    """The book changed since the change was made from it; ``revision`` is in force now."""

    def __init__(self, revision: int) -> None:
        super().__init__(revision)
        self.revision = revision


EMPTY: Final = 0
"""The revision of a book nobody has written yet."""


class RuleStore:
    """Imported things and revisions."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def keep(self, artefacts: Iterable[Artefact], who: str, at: datetime) -> list[str]:
        """Keep what was imported; return the digests that were new."""
        new = []
        async with self._db.transaction() as connection:
            for one in artefacts:
                row = (
                    one.digest,
                    one.form,
                    one.name,
                    one.version,
                    one.title,
                    one.source,
                    one.summary,
                    one.body,
                )
                if await connection.fetchval(QUERIES["keep_artefact"], *row, at, who):
                    new.append(one.digest)
                    body = {
                        "act": f"import_{one.form}",
                        "name": one.name,
                        "version": one.version,
                        "digest": one.digest,
                    }
                    await note(connection, EventName.OPERATOR_ACTED, at, body=body, actor=who)
        return new

    async def imported(self, form: Form) -> list[ArtefactCard]:
        """Return what was imported, newest first."""
        return [_card(row) for row in await self._db.fetch(QUERIES["artefacts"], form, LISTED)]

    async def find(self, form: Form, digest: str) -> ArtefactCard | None:
        """Return the one thing whose digest begins so; None when there is none or several."""
        rows = await self._db.fetch(QUERIES["artefact"], form, digest)
        return _card(rows[0]) if len(rows) == 1 else None

    async def bodies(self, digests: Iterable[str]) -> dict[str, tuple[Form, bytes]]:
        """Return the bytes of imported things."""
        rows = await self._db.fetch(QUERIES["artefact_bodies"], list(digests))
        return {row["digest"]: (Form(row["form"]), row["body"]) for row in rows}

    async def number(self) -> int:
        """Return the number of the revision in force, 0 when there is none."""
        return await self._db.fetchval(QUERIES["book_number"]) or EMPTY

    async def book(self) -> InForce:
        """Return the book in force; an empty one when nobody has written any."""
        row = await self._db.fetchrow(QUERIES["book"])
        return InForce(EMPTY, Rulebook()) if row is None else InForce(row["revision"], _revision(row).body)

    async def revision(self, number: int) -> Revision | None:
        """Return one revision."""
        row = await self._db.fetchrow(QUERIES["revision"], number)
        return None if row is None else _revision(row)

    async def revisions(self, most: int) -> list[Revision]:
        """Return the newest revisions."""
        return [_revision(row) for row in await self._db.fetch(QUERIES["revisions"], most)]

    async def add(self, draft: Draft, who: str, at: datetime, *, decided: bool) -> Revision:
        """Write a change: into force when ``decided``, else as a proposal; raise ``OutdatedError``."""
        async with self._db.transaction() as connection:
            await _based(connection, draft.based_on)
            if decided:
                await connection.execute(QUERIES["retire_book"])
            status = BookStatus.ACTIVE if decided else BookStatus.PROPOSED
            by = (at, who) if decided else (None, "")
            number = await connection.fetchval(
                QUERIES["add_revision"], draft.based_on, status, draft.act, draft.what, draft.reason,
                msgspec.to_builtins(draft.body), at, who, *by,
            )  # fmt: skip
            await _noted(connection, f"rules_{draft.act}", number, draft, who, at, status)
        return Revision(
            revision=number, status=status, proposed_at=at, proposed_by=who, decided_at=by[0], decided_by=by[1],
            **{name: getattr(draft, name) for name in draft.__struct_fields__},
        )  # fmt: skip

    async def decide(self, proposal: Revision, status: BookStatus, who: str, at: datetime) -> bool:
        """Put a proposal into force or withdraw it; False: it is none any more; raise ``OutdatedError``."""
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["lock_book"])
            row = await connection.fetchrow(QUERIES["revision"], proposal.revision)
            if row is None or row["status"] != BookStatus.PROPOSED:
                return False
            if status is BookStatus.ACTIVE:
                await _based(connection, proposal.based_on)
                await connection.execute(QUERIES["retire_book"])
            await connection.execute(QUERIES["decide_revision"], proposal.revision, status, at, who)
            act = "rules_approve" if status is BookStatus.ACTIVE else "rules_withdraw"
            await _noted(connection, act, proposal.revision, proposal, who, at, status)
        return True


async def _based(connection: Any, based_on: int) -> None:
    await connection.execute(QUERIES["lock_book"])
    current = await connection.fetchval(QUERIES["book_number"]) or EMPTY
    if current != based_on:
        raise OutdatedError(current)


async def _noted(
    connection: Any,
    act: str,
    number: int,
    change: Draft | Revision,
    who: str,
    at: datetime,
    status: BookStatus,
) -> None:
    body = {"act": act, "revision": number, "what": change.what, "reason": change.reason, "status": status}
    await note(connection, EventName.OPERATOR_ACTED, at, body=body, actor=who)


def _card(row: Any) -> ArtefactCard:
    return msgspec.convert(dict(row), ArtefactCard)


def _revision(row: Any) -> Revision:
    return msgspec.convert(dict(row), Revision)
