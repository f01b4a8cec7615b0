"""Partners, clinics, links and credentials as rows; doors read them through a cache of seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from broker.document.submission import Mode
from broker.partners.clinic import Clinic, ClinicStatus, RemdLink
from broker.partners.credential import Credential
from broker.store.database import Database
from broker.store.sql import queries

QUERIES: Final = queries("partners")


def _clinic(row: Any) -> Clinic:
    fields = dict(row)
    return Clinic(
        **{
            **fields,
            "status": ClinicStatus(fields["status"]),
            "remd_link": RemdLink(fields["remd_link"]),
        }
    )


class PartnerStore:
    """Reads and writes who may speak for whom."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def credential(self, key_id: str) -> tuple[Credential, bytes] | None:
        """Return a live credential and the keyed hash of its secret."""
        row = await self._db.fetchrow(QUERIES["credential"], key_id)
        if row is None:
            return None
        return Credential(row["key_id"], row["partner_id"], Mode(row["mode"])), row["secret_hash"]

    async def credentials_of(self, partner_id: str, mode: Mode) -> list[tuple[Credential, bytes]]:
        """Return the live credentials of a partner in a mode."""
        rows = await self._db.fetch(QUERIES["credentials_of"], partner_id, mode)
        return [(Credential(r["key_id"], r["partner_id"], Mode(r["mode"])), r["secret_hash"]) for r in rows]

    async def links(self, partner_id: str) -> frozenset[str]:
        """Return the OIDs of the clinics a partner may speak for."""
        return frozenset(r["clinic_oid"] for r in await self._db.fetch(QUERIES["links"], partner_id))

    async def clinics(self, oids: Sequence[str]) -> dict[str, Clinic]:
        """Return clinics by OID; unknown ones are absent."""
        return {r["oid"]: _clinic(r) for r in await self._db.fetch(QUERIES["clinics"], list(oids))}

    async def all_partners(self) -> list[dict[str, Any]]:
        """List partners with their clinics."""
        return [dict(row) for row in await self._db.fetch(QUERIES["partners"])]

    async def add_partner(self, partner_id: str, title: str, now: datetime) -> None:
        """Make a partner known."""
        await self._db.execute(QUERIES["insert_partner"], partner_id, title, now)

    async def add_credential(self, credential: Credential, secret_hash: bytes, now: datetime) -> None:
        """Keep a new secret's hash."""
        await self._db.execute(
            QUERIES["insert_credential"],
            credential.key_id,
            credential.partner_id,
            credential.mode,
            secret_hash,
            now,
        )

    async def revoke_others(self, credential: Credential, now: datetime) -> None:
        """Revoke every other credential of the partner in this mode."""
        await self._db.execute(
            QUERIES["revoke_credentials"], credential.partner_id, credential.mode, credential.key_id, now
        )

    async def put_clinic(self, clinic: Clinic, card: dict[str, Any], now: datetime) -> None:
        """Make a clinic known with its parameters."""
        async with self._db.transaction() as connection:
            await connection.execute(
                QUERIES["upsert_clinic"],
                clinic.oid,
                clinic.title,
                clinic.region,
                clinic.ogrn,
                clinic.inn,
                clinic.oms,
                clinic.mcod,
                clinic.status,
                clinic.remd_link,
                clinic.client_entity_id,
                clinic.storage,
                card,
                now,
            )
            for destination, params in clinic.params.items():
                for name, value in params.items():
                    await connection.execute(QUERIES["set_param"], clinic.oid, destination, name, value)

    async def link(self, clinic: str, partner_id: str, now: datetime) -> None:
        """Let a partner speak for a clinic."""
        await self._db.execute(QUERIES["link"], clinic, partner_id, now)

    async def set_status(self, clinic: str, status: ClinicStatus, now: datetime) -> bool:
        """Suspend, resume or close a clinic; False when it is unknown."""
        return await self._db.fetchval(QUERIES["set_status"], clinic, status, now) is not None

    async def set_link(self, clinic: str, link: RemdLink, now: datetime) -> bool:
        """Record the state of the link in РЭМД; False when the clinic is unknown."""
        return await self._db.fetchval(QUERIES["set_link"], clinic, link, now) is not None
