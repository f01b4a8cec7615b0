"""Which addresses a door was asked for: a line per request at the level ``debug``, so that a search can prove them clean."""

import logging
import re
from typing import Any, Final

from aiohttp.abc import AbstractAccessLogger
from aiohttp.web import BaseRequest, StreamResponse

from broker.telemetry.log import log

_SECRET: Final = re.compile(r"(?<=[?&]userKey=)[^&]*", re.IGNORECASE)
"""НСИ takes its personal key in the query, so a simulated НСИ is handed one."""


class Addresses(AbstractAccessLogger):
    """Writes method, address with its query as it came (but for a key), and status; silent above ``debug``."""

    @property
    def enabled(self) -> bool:
        """Tell whether this process logs so much."""
        return log().is_enabled_for(logging.DEBUG)

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:  # noqa: ARG002  aiohttp's signature
        """Write one request."""
        address = _SECRET.sub("•••", request.raw_path)
        log().debug("door.asked", method=request.method, address=address, status=response.status)


ASKED: Final[dict[str, Any]] = {
    "access_log": logging.getLogger("inaya.asked"),
    "access_log_class": Addresses,
}
"""Arguments of an application's runner."""
