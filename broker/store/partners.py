"""Partners, clinics, links and credentials as rows; doors read them through a cache of seconds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from broker.document.event import EventName
from broker.document.submission import Mode
from broker.partners.clinic import Clinic, ClinicStatus, RemdLink
from broker.partners.credential import Credential
from broker.store.channels import QUERIES as CHANNELS
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries

QUERIES: Final = queries("partners")


def _clinic(row: Any) -> Clinic:
    fields = dict(row)
    return Clinic(
        **{
            **fields,
            "status": ClinicStatus(fields["status"]),
            "remd_link": RemdLink(fields["remd_link"]),
            "unlinked": tuple(fields["unlinked"]),
        }
    )


def _credential(row: Any) -> Credential:
    return Credential(row["key_id"], row["partner_id"], Mode(row["mode"]), row["revoked_at"])


class ClinicPatch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a clinic (None: stays); ``params`` by destination, a None value forgets the parameter."""

    title: str | None = None
    oms: bool | None = None
    mcod: str | None = None
    client_entity_id: str | None = None
    storage: str | None = None
    remd_link: RemdLink | None = None
    card: dict[str, Any] | None = None
    params: dict[str, dict[str, str | None]] = {}


class PartnerStore:
    """Reads and writes who may speak for whom."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def credential(self, key_id: str) -> tuple[Credential, bytes] | None:
        """Return a credential and the keyed hash of its secret; ``Credential.until`` tells whether it is live."""
        row = await self._db.fetchrow(QUERIES["credential"], key_id)
        if row is None:
            return None
        return _credential(row), row["secret_hash"]

    async def credentials_of(self, partner_id: str, mode: Mode) -> list[tuple[Credential, bytes]]:
        """Return the credentials of a partner in a mode; ``Credential.until`` tells which are live."""
        rows = await self._db.fetch(QUERIES["credentials_of"], partner_id, mode)
        return [(_credential(row), row["secret_hash"]) for row in rows]

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

    async def replace_credential(
        self, credential: Credential, secret_hash: bytes, now: datetime, *, others_until: datetime, actor: str
    ) -> bool:
        """Issue a new secret and revoke the partner's others in its mode from an instant on; False: no such partner."""
        async with self._db.transaction() as connection:
            if await connection.fetchrow(QUERIES["partner"], credential.partner_id) is None:
                return False
            key, partner, mode = credential.key_id, credential.partner_id, credential.mode
            await connection.execute(QUERIES["insert_credential"], key, partner, mode, secret_hash, now)
            await connection.execute(QUERIES["revoke_credentials"], partner, mode, key, others_until)
            body = {"partner": partner, "keyId": key, "mode": mode, "othersUntil": others_until}
            await note(connection, EventName.CREDENTIAL_ISSUED, now, body=body, actor=actor)
        return True

    async def revoke_others(self, credential: Credential, now: datetime) -> None:
        """Revoke every other credential of the partner in this mode at once."""
        await self._db.execute(
            QUERIES["revoke_credentials"], credential.partner_id, credential.mode, credential.key_id, now
        )

    async def credential_list(self, partner_id: str) -> list[dict[str, Any]]:
        """Return a partner's credentials without anything secret."""
        return [dict(row) for row in await self._db.fetch(QUERIES["partner_credentials"], partner_id)]

    async def patch_clinic(
        self, oid: str, patch: ClinicPatch, told: dict[str, Any], now: datetime, actor: str
    ) -> bool:
        """Change a clinic and journal what was changed; False when it is unknown."""
        async with self._db.transaction() as connection:
            link = patch.remd_link.value if patch.remd_link else None
            found = await connection.fetchval(
                QUERIES["patch_clinic"],
                oid,
                patch.title,
                patch.oms,
                patch.mcod,
                patch.client_entity_id,
                patch.storage,
                link,
                patch.card,
                now,
            )
            if found is None:
                return False
            if patch.remd_link is RemdLink.CONFIRMED:
                await connection.execute(CHANNELS["relink_clinic"], oid)
            for destination, params in patch.params.items():
                for name, value in params.items():
                    if value is None:
                        await connection.execute(QUERIES["drop_param"], oid, destination, name)
                    else:
                        await connection.execute(QUERIES["set_param"], oid, destination, name, value)
            await note(connection, EventName.CLINIC_CHANGED, now, body=told, actor=actor, clinic=oid)
        return True

    async def clinic_card(self, oid: str) -> dict[str, Any] | None:
        """Return what onboarding left of a clinic beside what steps need: card, КПП, partners."""
        row = await self._db.fetchrow(QUERIES["clinic_card"], oid)
        return None if row is None else dict(row)

    async def clinic_list(
        self, text: str = "", status: str = "", link: str = "", limit: int = 500
    ) -> list[dict[str, Any]]:
        """List clinics for people."""
        return [dict(row) for row in await self._db.fetch(QUERIES["clinic_list"], text, status, link, limit)]

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

    async def set_status(
        self, clinic: str, status: ClinicStatus, now: datetime, *, actor: str = "", reason: str = ""
    ) -> bool:
        """Suspend, resume or close a clinic, journalled; False when it is unknown."""
        async with self._db.transaction() as connection:
            if await connection.fetchval(QUERIES["set_status"], clinic, status, now) is None:
                return False
            body = {"status": status, "reason": reason}
            await note(connection, EventName.CLINIC_CHANGED, now, body=body, actor=actor, clinic=clinic)
        return True

    async def set_link(self, clinic: str, link: RemdLink, now: datetime) -> bool:
        """Record the state of the link in РЭМД; False when the clinic is unknown."""
        return await self._db.fetchval(QUERIES["set_link"], clinic, link, now) is not None
