"""Operators and their sessions as rows; passwords are Argon2id hashes, session tokens are kept hashed."""

from datetime import datetime
from typing import Final

import msgspec

from broker.store.database import Database
from broker.store.sql import queries

QUERIES: Final = queries("operators")


class OperatorRow(msgspec.Struct, frozen=True):
    """An operator; ``role`` is viewer, operator or admin."""

    login: str
    password_hash: str
    role: str


class SessionRow(msgspec.Struct, frozen=True):
    """Who is signed in, and the token that must come with every change."""

    login: str
    role: str
    csrf: str


class OperatorStore:
    """Reads and writes operators and sessions."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def put(self, login: str, password_hash: str, role: str, now: datetime) -> None:
        """Make an operator known or change the password and role."""
        await self._db.execute(QUERIES["put"], login, password_hash, role, now)

    async def get(self, login: str) -> OperatorRow | None:
        """Return an operator."""
        row = await self._db.fetchrow(QUERIES["get"], login)
        return None if row is None else OperatorRow(row["login"], row["password_hash"], row["role"])

    async def open_session(self, token_hash: bytes, login: str, csrf: str, now: datetime) -> None:
        """Begin a session."""
        await self._db.execute(QUERIES["open_session"], token_hash, login, csrf, now)

    async def session(
        self, token_hash: bytes, now: datetime, since: datetime, begun: datetime, *, used: bool = True
    ) -> SessionRow | None:
        """Return a session used since an instant and begun after another; using it keeps it alive."""
        query = QUERIES["session" if used else "peek_session"]
        row = await self._db.fetchrow(query, token_hash, now, since, begun)
        return None if row is None else SessionRow(row["login"], row["role"], row["csrf"])

    async def forget_sessions(self, since: datetime, begun: datetime) -> None:
        """Drop sessions that are over."""
        await self._db.execute(QUERIES["forget_sessions"], since, begun)

    async def close_session(self, token_hash: bytes) -> None:
        """End a session."""
        await self._db.execute(QUERIES["close_session"], token_hash)
