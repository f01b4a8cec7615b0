"""Applications as rows: sealed forms, decisions and what an approval makes, each in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from broker.archive import Codec
from broker.document.event import EventName
from broker.document.submission import Mode
from broker.partners.credential import Credential, is_same
from broker.partners.form import Form
from broker.partners.problem import Known, KnownClinic, OpenRegistration, Problem, Severity
from broker.partners.registration import RegistrationStatus, check, of_severity
from broker.store.database import Database
from broker.store.journal import note
from broker.store.sql import queries

QUERIES: Final = queries("registrations")
PARTNERS: Final = queries("partners")
MOST_ANONYMOUS: Final = 500
"""Open applications without a partner; more must wait until the operator has decided on some."""


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """Who applies: a partner, or whoever holds the token (only its hash is known here)."""

    partner_id: str = ""
    token_hash: bytes = b""
    mode: Mode = Mode.PRODUCTION

    @property
    def actor(self) -> str:
        """Name the applicant in the journal."""
        return f"partner:{self.partner_id}" if self.partner_id else "applicant"


class RegistrationLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An application as lists show it: no persons."""

    id: UUID
    clinic: str
    title: str
    region: str
    status: RegistrationStatus
    mode: str
    created_at: datetime
    updated_at: datetime
    partner: str = ""
    comment: str = ""
    decided_by: str = ""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """An application with its form; ``token_hash`` tells its anonymous applicant."""

    line: RegistrationLine
    form: Form
    token_hash: bytes = b""

    def belongs_to(self, applicant: Applicant) -> bool:
        """Tell whether this applicant made it."""
        if applicant.partner_id:
            return self.line.partner == applicant.partner_id
        return bool(applicant.token_hash) and is_same(self.token_hash, applicant.token_hash)


class Taken(msgspec.Struct, frozen=True):
    """An application that was kept; ``repeated``: the very same form was there already."""

    id: UUID
    problems: list[Problem]
    repeated: bool = False


class Refused(msgspec.Struct, frozen=True):
    """An application that was not kept, with everything that is wrong."""

    problems: list[Problem]


class Crowded(msgspec.Struct, frozen=True):
    """Too many applications without a partner wait already."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator decided."""

    status: RegistrationStatus
    actor: str
    comment: str = ""


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval makes besides the clinic: the partner, the link and, when it has none, a credential."""

    partner_id: str
    partner_title: str
    credential: Credential
    secret_hash: bytes
    remd_link: str


class RegistrationStore:
    """Reads and writes applications."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self._db = database
        self._codec = codec

    async def submit(
        self, form: Form, applicant: Applicant, problems: list[Problem], now: datetime
    ) -> Taken | Refused | Crowded:
        """Check a form against what is known and keep it; ``problems`` were found while reading it."""
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["lock"])
            known, own = await self._known(connection, form, applicant, now)
            found = [*problems, *check(form, known)]
            if of_severity(found, Severity.SUBMISSION):
                return Refused(found)
            if own is not None:
                return await self._again(connection, own, form, applicant, found, now)
            if not applicant.partner_id:
                waiting = await connection.fetchval(QUERIES["open_anonymous"])
                if waiting >= MOST_ANONYMOUS:
                    return Crowded()
            identifier = uuid7()
            await connection.execute(
                QUERIES["insert"],
                identifier,
                applicant.partner_id,
                form.oid,
                form.ogrn,
                form.kpp,
                form.region,
                form.name.short,
                self._seal(form, identifier),
                applicant.token_hash or None,
                applicant.mode,
                now,
            )
            await self._tell(
                connection, EventName.REGISTRATION_SUBMITTED, identifier, form, applicant.actor, now
            )
            return Taken(identifier, found)

    async def _known(
        self, connection: Any, form: Form, applicant: Applicant, now: datetime
    ) -> tuple[Known, UUID | None]:
        own: UUID | None = None
        open_ones = []
        for row in await connection.fetch(QUERIES["open_same"], form.oid, form.ogrn):
            if applicant.partner_id:
                ours = row["partner_id"] == applicant.partner_id
            else:
                ours = bool(row["token_hash"]) and is_same(row["token_hash"], applicant.token_hash)
            if ours and row["clinic_oid"] == form.oid:
                own = row["id"]
            open_ones.append(
                OpenRegistration(oid=row["clinic_oid"], ogrn=row["ogrn"], kpp=row["kpp"], ours=ours)
            )
        rows = await connection.fetch(
            QUERIES["clinics_same"], form.oid, form.ogrn, applicant.partner_id or "-"
        )
        clinics = tuple(KnownClinic(**dict(row)) for row in rows)
        return Known(today=now.date(), clinics=clinics, registrations=tuple(open_ones)), own

    async def _again(
        self,
        connection: Any,
        own: UUID,
        form: Form,
        applicant: Applicant,
        found: list[Problem],
        now: datetime,
    ) -> Taken:
        row = await connection.fetchrow(QUERIES["get"], own)
        same = self._open(row["sealed"], own) == form
        if same and row["status"] == RegistrationStatus.SUBMITTED:
            return Taken(own, found, repeated=True)
        await connection.execute(
            QUERIES["replace"],
            own,
            form.ogrn,
            form.kpp,
            form.region,
            form.name.short,
            self._seal(form, own),
            now,
        )
        await self._tell(connection, EventName.REGISTRATION_SUBMITTED, own, form, applicant.actor, now)
        return Taken(own, found)

    async def knows(self, token_hash: bytes) -> bool:
        """Tell whether an application was given this read token."""
        return await self._db.fetchval(QUERIES["by_token"], token_hash) is not None

    async def get(self, identifier: UUID) -> Registration | None:
        """Return an application with its form."""
        row = await self._db.fetchrow(QUERIES["get"], identifier)
        if row is None:
            return None
        return Registration(
            line=_line(row), form=self._open(row["sealed"], identifier), token_hash=row["token_hash"] or b""
        )

    async def page(self, status: str = "", partner: str = "", limit: int = 200) -> list[RegistrationLine]:
        """Return applications, the ones to decide on first."""
        return [_line(row) for row in await self._db.fetch(QUERIES["page"], status, partner, limit)]

    async def decide(
        self,
        identifier: UUID,
        decision: Decision,
        may: Callable[[RegistrationStatus], bool],
        now: datetime,
        activation: Activation | None = None,
    ) -> tuple[RegistrationStatus, bool, bool]:
        """Write a decision where ``may`` allows it; return (status before, changed, credential issued)."""
        async with self._db.transaction() as connection:
            await connection.execute(QUERIES["lock"])
            row = await connection.fetchrow(QUERIES["get"], identifier)
            before = RegistrationStatus(row["status"])
            if before is decision.status or not may(before):
                return before, False, False
            form = self._open(row["sealed"], identifier)
            issued = False
            partner = row["partner_id"]
            if activation is not None:
                partner = activation.partner_id
                issued = await _activate(connection, identifier, form, activation, decision.actor, now)
            await connection.execute(
                QUERIES["move"],
                identifier,
                decision.status,
                decision.comment,
                decision.actor,
                partner,
                now,
            )
            event = _EVENTS[decision.status]
            await self._tell(connection, event, identifier, form, decision.actor, now, decision.comment)
        return before, True, issued

    async def _tell(
        self,
        connection: Any,
        event: EventName,
        identifier: UUID,
        form: Form,
        actor: str,
        now: datetime,
        comment: str = "",
    ) -> None:
        body = {"registration": str(identifier), "comment": comment}
        await note(connection, event, now, body=body, actor=actor, clinic=form.oid)

    def _seal(self, form: Form, identifier: UUID) -> bytes:
        return self._codec.seal(msgspec.json.encode(form), identifier)

    def _open(self, sealed: bytes, identifier: UUID) -> Form:
        return msgspec.json.decode(self._codec.open(sealed, identifier), type=Form)


_EVENTS: Final = {
    RegistrationStatus.SUBMITTED: EventName.REGISTRATION_SUBMITTED,
    RegistrationStatus.RETURNED: EventName.REGISTRATION_RETURNED,
    RegistrationStatus.APPROVED: EventName.REGISTRATION_APPROVED,
    RegistrationStatus.REJECTED: EventName.REGISTRATION_REJECTED,
}


async def _activate(
    connection: Any, identifier: UUID, form: Form, activation: Activation, actor: str, now: datetime
) -> bool:
    """Make clinic, partner and link; issue the credential unless the partner holds one. Tell whether it was."""
    partner, mode = activation.partner_id, activation.credential.mode
    await connection.execute(QUERIES["add_partner"], partner, activation.partner_title or partner, now)
    await connection.execute(
        QUERIES["activate_clinic"],
        form.oid,
        form.name.short,
        form.region,
        form.ogrn,
        form.inn,
        form.kpp,
        form.oms.works,
        form.oms.mcod if form.oms.works else "",
        activation.remd_link,
        form.mis.client_entity_id,
        _card(form, identifier),
        now,
    )
    await connection.execute(PARTNERS["link"], form.oid, partner, now)
    if await connection.fetchval(QUERIES["has_credential"], partner, mode, now):
        return False
    await connection.execute(
        PARTNERS["insert_credential"],
        activation.credential.key_id,
        partner,
        mode,
        activation.secret_hash,
        now,
    )
    body = {"partner": partner, "keyId": activation.credential.key_id, "mode": mode}
    await note(connection, EventName.CREDENTIAL_ISSUED, now, body=body, actor=actor)
    return True


def _card(form: Form, identifier: UUID) -> dict[str, Any]:
    """Return what the clinic's card keeps of the form: no persons."""
    kept = (
        "name",
        "kpp",
        "legalAddress",
        "actualAddress",
        "units",
        "regions",
        "licence",
        "mis",
        "oms",
        "kinds",
    )
    plain = msgspec.to_builtins(form)
    return {name: plain[name] for name in kept if name in plain} | {"registration": str(identifier)}


def _line(row: Any) -> RegistrationLine:
    return RegistrationLine(
        id=row["id"],
        clinic=row["clinic_oid"],
        title=row["title"],
        region=row["region"],
        status=RegistrationStatus(row["status"]),
        mode=row["mode"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        partner=row["partner_id"],
        comment=row["comment"],
        decided_by=row["decided_by"],
    )
