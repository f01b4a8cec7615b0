"""Files for years: what state systems wait for and we have not, and what was let go lately."""

from aiohttp import web

from broker.console.desk import Desk
from broker.console.render import page


class FilePages:
    """The page of files."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def waiting(self, request: web.Request) -> web.StreamResponse:
        """Show the requests nobody has answered yet, the oldest first, and the last month's purge."""
        found = await self._desk.filing.summary()
        return page(request, self._desk, "files.html", **found)
