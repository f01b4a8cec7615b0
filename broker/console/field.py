"""What РЭМД does in the field: the comparison with its registry, and the codes nobody has described yet."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from broker.console import words
from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.render import oops, page, see

MOST: Final = 500
DAYS: Final = 3
"""Days a comparison asked for here looks back."""


class FieldPages:
    """The comparison and the unknown codes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reconciliation(self, request: web.Request) -> web.StreamResponse:
        """Show the last comparison of every clinic, and every difference."""
        rows = await self._desk.reconciliation.latest(self._desk.clock.now())
        differing = [row["id"] for row in rows if row["differences"]]
        details = await self._desk.reconciliation.details(differing, MOST) if differing else []
        return page(
            request,
            self._desk,
            "reconciliation.html",
            rows=rows,
            details=details,
            kinds_of=words.DIFFERENCES,
            comparable=self._desk.comparable,
        )

    async def reconcile(self, request: web.Request) -> web.StreamResponse:
        """Compare every linked clinic with a destination's registry now."""
        name, now = request.match_info["id"], self._desk.clock.now()
        if name not in self._desk.comparable:
            return oops(request, self._desk, 404, "Это направление сверить нельзя.")
        await self._desk.reconciliation.plan(
            name, now - timedelta(days=DAYS), now, by=request[OPERATOR].actor
        )
        return see("reconciliation", "reconciling")

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Show codes nobody has described."""
        rows = await self._desk.channels.unknown(settled=True)
        return page(request, self._desk, "unknown-codes.html", rows=rows)

    async def settle(self, request: web.Request) -> web.StreamResponse:
        """Note that an operator has seen to a code."""
        fields = request[FIELDS]
        done = await self._desk.commands.settle_unknown(
            fields.get("destination", "")[:100], fields.get("code", "")[:100], actor=request[OPERATOR].actor
        )
        if not done:
            return oops(request, self._desk, 404, "Такого кода среди неразобранных нет.")
        return see("unknown-codes", "settled")
