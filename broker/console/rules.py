"""The rule book at the console: what is in force, what was imported, what waits for a second operator, and every change."""

import asyncio
from datetime import date
from typing import Any, Final

from aiohttp import web

from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.render import oops, page, see
from broker.control.rules import Outcome
from broker.document.finding import Layer
from broker.intake.refusal import Refusal
from broker.store.rules import ArtefactCard, Form
from broker.validation.profiles import LAYERS
from broker.validation.rulebook import BookStatus, Switch
from broker.validation.ruleset import Weight

HISTORY: Final = 50
"""Changes of the book shown at most."""
OWN: Final = "own"
"""The choice in the form that gives a rule its own weight back."""


class RulePages:
    """The book, one pack, and the acts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show the book with everything imported."""
        store = self._desk.rules.store
        current, packs, dictionaries, revisions = await asyncio.gather(
            store.book(), store.imported(Form.PACK), store.imported(Form.DICTIONARY), store.revisions(HISTORY)
        )
        return page(
            request,
            self._desk,
            "rules.html",
            current=current,
            packs=packs,
            by_digest={card.digest: card for card in (*packs, *dictionaries)},
            dictionaries=dictionaries,
            revisions=revisions,
            proposals=[
                one
                for one in revisions
                if one.status is BookStatus.PROPOSED and one.based_on == current.revision
            ],
            four_eyes=self._desk.rules.four_eyes,
            layers=LAYERS,
            weights=list(Weight),
        )

    async def pack(self, request: web.Request) -> web.StreamResponse:
        """Show one imported pack: its rules, what its import found, its samples."""
        card = await self._card(request)
        if card is None:
            return oops(request, self._desk, 404, "Такого пакета нет.")
        current = await self._desk.rules.store.book()
        active = [entry for entry in current.book.packs if entry.digest == card.digest]
        return page(request, self._desk, "pack.html", card=card, active=active)

    async def activate(self, request: web.Request) -> web.StreamResponse:
        """Put a pack into force for a kind."""
        fields = request[FIELDS]
        try:
            starts, ends = _day(fields.get("starts", "")), _day(fields.get("ends", ""))
        except ValueError:
            return oops(request, self._desk, 422, "Дата не читается.", "Укажите её как ГГГГ-ММ-ДД.")
        done = await self._desk.rules.activate(
            fields.get("kind", ""),
            request.match_info["digest"],
            starts=starts,
            ends=ends,
            reason=fields.get("reason", ""),
            actor=request[OPERATOR].actor,
            in_spite=fields.get("in_spite") == "on",
        )
        return self._after(request, done)

    async def deactivate(self, request: web.Request) -> web.StreamResponse:
        """Take a pack out of force for a kind."""
        fields = request[FIELDS]
        done = await self._desk.rules.deactivate(
            fields.get("kind", ""),
            request.match_info["digest"],
            reason=fields.get("reason", ""),
            actor=request[OPERATOR].actor,
        )
        return self._after(request, done)

    async def weigh(self, request: web.Request) -> web.StreamResponse:
        """Give a layer or a rule another weight, or its own back."""
        fields = {name: value.strip() for name, value in request[FIELDS].items()}
        reason, actor = fields.get("reason", ""), request[OPERATOR].actor
        kind, profile, rule = (fields.get(name, "")[:100] for name in ("kind", "profile", "rule"))
        if fields.get("layer") not in set(Layer) or fields.get("severity") not in {OWN, *Weight}:
            return oops(request, self._desk, 422, "Такого слоя или веса нет.", "Выберите их из списка.")
        layer, severity = Layer(fields["layer"]), fields["severity"]
        if severity == OWN:
            target = (kind, profile, layer.value, rule)
            return self._after(request, await self._desk.rules.unswitch(target, reason=reason, actor=actor))
        switch = Switch(
            layer=layer,
            severity=Weight(severity),
            reason=reason,
            rule=rule or None,
            kind=kind,
            profile=profile,
        )
        return self._after(request, await self._desk.rules.switch(switch, actor=actor))

    async def rollback(self, request: web.Request) -> web.StreamResponse:
        """Bring an earlier state back."""
        reason, actor = request[FIELDS].get("reason", ""), request[OPERATOR].actor
        return self._after(
            request, await self._desk.rules.rollback(_number(request), reason=reason, actor=actor)
        )

    async def approve(self, request: web.Request) -> web.StreamResponse:
        """Put a proposal into force."""
        return self._after(
            request, await self._desk.rules.approve(_number(request), actor=request[OPERATOR].actor)
        )

    async def withdraw(self, request: web.Request) -> web.StreamResponse:
        """Put a proposal aside."""
        return self._after(
            request, await self._desk.rules.withdraw(_number(request), actor=request[OPERATOR].actor)
        )

    def _after(self, request: web.Request, done: Outcome) -> web.StreamResponse:
        if isinstance(done, Refusal):
            return oops(request, self._desk, done.status, done.detail, done.fix)
        said: dict[Any, str] = {
            BookStatus.PROPOSED: "rules-proposed",
            BookStatus.WITHDRAWN: "rules-withdrawn",
        }
        return see("rules", said.get(done.status, "rules-changed"))

    async def _card(self, request: web.Request) -> ArtefactCard | None:
        return await self._desk.rules.store.find(Form.PACK, request.match_info["digest"])


def _day(text: str) -> date | None:
    """Read a form's day; raise ``ValueError``."""
    return date.fromisoformat(text) if text else None


def _number(request: web.Request) -> int:
    text = request.match_info["revision"]
    return int(text) if text.isdecimal() and len(text) < 9 else -1
