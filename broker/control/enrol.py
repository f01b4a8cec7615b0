"""Partners and operators made known, partners tied to clinics, by an operator; each act is journalled."""

import asyncio
import re
from typing import Final

from argon2 import PasswordHasher

from broker.adapter_kit.clock import Clock
from broker.control.operators import Role
from broker.document.event import EventName
from broker.document.identity import PARTNER_ID_PATTERN
from broker.document.submission import Mode
from broker.partners.credential import partner_of
from broker.store.journal import Journal
from broker.store.operators import OperatorStore
from broker.store.partners import PartnerStore

LOGIN: Final = re.compile(r"[a-z0-9.-]{2,40}")
"""The form of an operator's login."""


class Enrolment:
    """The acts; authorisation is the caller's door."""

    def __init__(
        self, partners: PartnerStore, operators: OperatorStore, journal: Journal, clock: Clock
    ) -> None:
        self._partners = partners
        self._operators = operators
        self._journal = journal
        self._clock = clock

    async def add_partner(self, partner_id: str, title: str, *, actor: str) -> None:
        """Make a vendor known, or change its title; raise ``ValueError`` for an id that is none."""
        if not PARTNER_ID_PATTERN.fullmatch(partner_id) or partner_of(partner_id)[1] is Mode.TEST:
            raise ValueError(partner_id)
        now = self._clock.now()
        await self._partners.add_partner(partner_id, title, now)
        await self._note({"act": "add_partner", "partner": partner_id}, actor, partner_id)

    async def link(self, partner_id: str, clinic: str, *, actor: str) -> None:
        """Let a partner speak for a clinic; both must be known."""
        await self._partners.link(clinic, partner_id, self._clock.now())
        await self._note({"act": "link", "clinic": clinic}, actor, partner_id)

    async def add_operator(self, login: str, role: Role, password: str, *, actor: str) -> None:
        """Make an operator known, or change password and role; raise ``ValueError`` for a login that is none."""
        if not LOGIN.fullmatch(login):
            raise ValueError(login)
        hashed = await asyncio.to_thread(PasswordHasher().hash, password)
        await self._operators.put(login, hashed, role.value, self._clock.now())
        await self._note({"act": "add_operator", "login": login, "role": role.value}, actor, "")

    async def _note(self, body: dict[str, object], actor: str, partner_id: str) -> None:
        await self._journal.note(
            EventName.OPERATOR_ACTED, self._clock.now(), body=body, actor=actor, partner_id=partner_id
        )
