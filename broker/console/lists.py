"""Lists of what went wrong outside any document: refusals at the doors, parked callbacks, and what operators did."""

from typing import Any, Final

import msgspec
from aiohttp import web

from broker.console.desk import Desk
from broker.console.render import page
from broker.document.event import EventName
from broker.store.overview import OverviewStore

MOST: Final = 200
ACTS: Final = [
    EventName.OPERATOR_ACTED,
    EventName.REGISTRATION_APPROVED,
    EventName.REGISTRATION_RETURNED,
    EventName.REGISTRATION_REJECTED,
    EventName.CLINIC_CHANGED,
    EventName.EXCEPTION_ON_RECORD,
    EventName.CREDENTIAL_ISSUED,
    EventName.SIGNED_IN,
    EventName.SIGN_IN_FAILED,
]


class ListPages:
    """The three lists."""

    def __init__(self, desk: Desk, store: OverviewStore) -> None:
        self._desk = desk
        self._store = store

    async def refusals(self, request: web.Request) -> web.StreamResponse:
        """Show what the doors refused."""
        query = {name: request.query.get(name, "").strip()[:100] for name in ("partner", "code")}
        rows = await self._desk.views.rows("refusals", query["partner"], query["code"], MOST)
        return page(request, self._desk, "refusals.html", rows=_read(rows), query=query)

    async def callbacks(self, request: web.Request) -> web.StreamResponse:
        """Show callbacks nobody waited for."""
        rows = await self._desk.views.rows("callbacks", MOST)
        return page(request, self._desk, "callbacks.html", rows=rows)

    async def acts(self, request: web.Request) -> web.StreamResponse:
        """Show what operators did."""
        rows = await self._store.acts([event.value for event in ACTS], MOST)
        return page(request, self._desk, "acts.html", rows=_read(rows))


def _read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "body": msgspec.json.decode(row["body"])} for row in rows]
