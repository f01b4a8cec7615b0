"""Terms to register: who is over them, whose delay it is."""

from datetime import timedelta
from typing import Final

from aiohttp import web

from broker.console.desk import Desk
from broker.console.render import page
from broker.control.term_report import PROVISIONAL, WHOSE, span
from broker.document.identity import is_clinic_oid
from broker.store.terms import Only, TermQuery

DAYS: Final = 30
MOST: Final = 200
CHOICES: Final = {"late": Only.LATE, "in_time": Only.IN_TIME, "all": Only.ALL}
"""What the page may be asked for; late documents without a word."""


class TermPages:
    """The page of terms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show what is over its term, or was kept, or all: of the last thirty days, of everybody or of one clinic."""
        now = self._desk.clock.now()
        wanted = request.query.get("clinic", "")
        clinic = wanted if is_clinic_oid(wanted) else ""
        only = CHOICES.get(request.query.get("only", ""), Only.LATE)
        query = TermQuery(
            since=now - timedelta(days=DAYS), until=now + timedelta(seconds=1), clinic=clinic, only=only
        )
        rows = await self._desk.terms.page(query, now, None, MOST)
        counts = await self._desk.terms.counts(clinic)
        return page(
            request,
            self._desk,
            "terms.html",
            rows=rows,
            counts=counts,
            clinic=clinic,
            days=DAYS,
            most=MOST,
            span=span,
            only=only.value,
            provisional=PROVISIONAL,
            whose=WHOSE,
        )
