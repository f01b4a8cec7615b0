"""The operator's acts on applications, clinics and secrets: each is checked, journalled and harmless when repeated."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.adapter_kit.clock import Clock
from broker.control.commands import Commands
from broker.delivery.decide import NOT_LINKED, UNLINKED
from broker.document.identity import PARTNER_ID_PATTERN
from broker.document.submission import Mode
from broker.partners.clinic import ClinicStatus, RemdLink
from broker.partners.credential import Credential, hash_secret, make_secret, partner_of
from broker.partners.problem import Known, Problem, Severity
from broker.partners.registration import MOVES, RegistrationStatus, check, of_severity
from broker.store.partners import ClinicPatch, PartnerStore
from broker.store.registrations import (
    Activation,
    Decision,
    Registration,
    RegistrationLine,
    RegistrationStore,
)

SUSPENDED: Final = "clinic.suspended"
PARAMS_MISSING: Final = "clinic.params_missing"
LONGEST_GRACE: Final = timedelta(days=30)


class NotFound(msgspec.Struct, frozen=True):
    """There is no such application, clinic or partner."""


class Conflict(msgspec.Struct, frozen=True):
    """It has gone another way already; where it stands now."""

    status: str


class Incomplete(msgspec.Struct, frozen=True):
    """It cannot be done until these are mended."""

    problems: list[Problem]


class Done(msgspec.Struct, frozen=True):
    """It is so now; ``secret`` is shown this once, ``changed`` False: it was so before."""

    registration: RegistrationLine
    changed: bool
    secret: str = ""


class Released(msgspec.Struct, frozen=True):
    """The clinic is changed; so many held deliveries go on."""

    deliveries: int = 0


class NewSecret(msgspec.Struct, frozen=True):
    """A new secret, shown this once; the partner's others end after the grace."""

    key_id: str
    secret: str
    mode: Mode


class Onboarding:
    """The acts; authorisation is the caller's door."""

    def __init__(
        self,
        registrations: RegistrationStore,
        partners: PartnerStore,
        commands: Commands,
        clock: Clock,
        pepper: bytes,
        token: Callable[[int], str] = secrets.token_urlsafe,
        hexadecimal: Callable[[int], str] = secrets.token_hex,
    ) -> None:
        self._registrations = registrations
        self._partners = partners
        self._commands = commands
        self._clock = clock
        self._pepper = pepper
        self._token = token
        self._hexadecimal = hexadecimal

    def missing(self, registration: Registration) -> list[Problem]:
        """Return what still stands between an application and an active clinic, and what to look at."""
        return check(registration.form, Known(today=self._clock.now().date()))

    async def approve(
        self,
        identifier: UUID,
        *,
        actor: str,
        partner: str = "",
        partner_title: str = "",
        comment: str = "",
        link_requested: bool = False,
    ) -> Done | NotFound | Conflict | Incomplete:
        """Make the clinic active, tie it to its partner, and issue a secret when the partner has none."""
        registration = await self._registrations.get(identifier)
        if registration is None:
            return NotFound()
        line = registration.line
        if line.status is RegistrationStatus.APPROVED:
            return Done(line, changed=False)
        if RegistrationStatus.APPROVED not in MOVES[line.status]:
            return Conflict(line.status)
        problems = of_severity(self.missing(registration), Severity.SUBMISSION, Severity.ACTIVATION)
        partner = line.partner or partner
        problems += _partner_problems(partner)
        if problems:
            return Incomplete(problems)
        minted = self._mint(partner, Mode(line.mode))
        activation = Activation(
            partner_id=partner,
            partner_title=partner_title or registration.form.mis.vendor,
            credential=minted.credential,
            secret_hash=minted.hashed,
            remd_link=RemdLink.REQUESTED if link_requested else RemdLink.UNKNOWN,
        )
        decision = Decision(status=RegistrationStatus.APPROVED, actor=actor, comment=comment)
        return await self._decide(identifier, decision, activation, minted.secret)

    async def send_back(self, identifier: UUID, *, actor: str, comment: str) -> Done | NotFound | Conflict:
        """Return an application to be mended; the comment says what."""
        return await self._move(identifier, RegistrationStatus.RETURNED, actor, comment)

    async def reject(self, identifier: UUID, *, actor: str, comment: str) -> Done | NotFound | Conflict:
        """Refuse an application for good; the comment says why."""
        return await self._move(identifier, RegistrationStatus.REJECTED, actor, comment)

    async def _move(
        self, identifier: UUID, status: RegistrationStatus, actor: str, comment: str
    ) -> Done | NotFound | Conflict:
        if await self._registrations.get(identifier) is None:
            return NotFound()
        return await self._decide(identifier, Decision(status=status, actor=actor, comment=comment))

    async def _decide(
        self, identifier: UUID, decision: Decision, activation: Activation | None = None, secret: str = ""
    ) -> Done | NotFound | Conflict:
        before, changed, issued = await self._registrations.decide(
            identifier, decision, lambda at: decision.status in MOVES[at], self._clock.now(), activation
        )
        if not changed and before is not decision.status:
            return Conflict(before)
        registration = await self._registrations.get(identifier)
        assert registration is not None
        return Done(registration.line, changed, secret if issued else "")

    async def suspend(self, clinic: str, *, actor: str, reason: str) -> bool:
        """Refuse a clinic's documents at the doors and hold its deliveries; False when it is unknown."""
        now = self._clock.now()
        return await self._partners.set_status(
            clinic, ClinicStatus.SUSPENDED, now, actor=actor, reason=reason
        )

    async def resume(self, clinic: str, *, actor: str, reason: str = "") -> Released | NotFound:
        """Take a clinic's documents again and release the deliveries held meanwhile."""
        now = self._clock.now()
        if not await self._partners.set_status(clinic, ClinicStatus.ACTIVE, now, actor=actor, reason=reason):
            return NotFound()
        return Released(await self._commands.release(clinic=clinic, reason=SUSPENDED, actor=actor))

    async def change(
        self, clinic: str, patch: ClinicPatch, *, actor: str, reason: str = ""
    ) -> Released | NotFound:
        """Change a clinic; what was held for want of the changed is released."""
        plain = msgspec.to_builtins(patch)
        told = {name: value for name, value in plain.items() if value not in (None, {})}
        told = told | {"reason": reason}
        if not await self._partners.patch_clinic(clinic, patch, told, self._clock.now(), actor):
            return NotFound()
        released = 0
        if patch.remd_link is RemdLink.CONFIRMED:
            for why in (NOT_LINKED, UNLINKED):
                released += await self._commands.release(clinic=clinic, reason=why, actor=actor)
        if patch.params or patch.mcod or patch.client_entity_id:
            released += await self._commands.release(clinic=clinic, reason=PARAMS_MISSING, actor=actor)
        return Released(released)

    async def card(self, clinic: str) -> dict[str, Any] | None:
        """Return everything known of a clinic, for operators."""
        found = (await self._partners.clinics([clinic])).get(clinic)
        kept = await self._partners.clinic_card(clinic)
        if found is None or kept is None:
            return None
        card: dict[str, Any] = msgspec.to_builtins(found)
        return card | kept

    async def rotate(self, partner: str, mode: Mode, *, grace: timedelta, actor: str) -> NewSecret | NotFound:
        """Issue a new secret; the partner's others of this mode end after the grace (zero: at once)."""
        now = self._clock.now()
        minted = self._mint(partner, mode)
        until = now + min(max(grace, timedelta()), LONGEST_GRACE)
        known = await self._partners.replace_credential(
            minted.credential, minted.hashed, now, others_until=until, actor=actor
        )
        return NewSecret(minted.credential.key_id, minted.secret, mode) if known else NotFound()

    def _mint(self, partner: str, mode: Mode) -> "_Minted":
        key_id = self._hexadecimal(6)
        secret = make_secret(key_id, self._token(32), mode)
        return _Minted(Credential(key_id, partner, mode), secret, hash_secret(secret, self._pepper))


class _Minted(msgspec.Struct, frozen=True):
    """A secret just made."""

    credential: Credential
    secret: str
    hashed: bytes


def _partner_problems(partner: str) -> list[Problem]:
    if PARTNER_ID_PATTERN.fullmatch(partner) and partner_of(partner)[1] is Mode.PRODUCTION:
        return []
    return [
        Problem(
            pointer="/partner",
            code="registration.partner",
            message="Не назван партнёр (МИС), от имени которого клиника будет сдавать документы.",
            fix="Укажите его идентификатор: строчные латинские буквы, цифры и дефис, от 3 до 40 знаков, не «…-test».",
            stops=Severity.ACTIVATION,
        )
    ]
