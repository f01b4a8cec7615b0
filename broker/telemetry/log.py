"""The log: one canonical JSON line per document handled, keys from a closed list, never a body, a name or a number of a person."""

import json
import logging
import sys
from functools import cache
from typing import Any, Final

import msgspec
import structlog

QUIET: Final = ("signxml", "zeep", "zeep.transports", "aio_pika", "aiormq", "aiohttp.access", "asyncio")
"""Libraries that would log bodies or noise: only their warnings are wanted."""


def configure(*, process: str, level: str = "info") -> None:
    """Send structured lines to stderr; call once per process."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_as_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    log.cache_clear()
    structlog.contextvars.bind_contextvars(process=process)


def _as_line(event: dict[str, Any], **_: object) -> str:
    """Encode one line; what the fast encoder does not take (half a surrogate pair, a huge number) the patient one does."""
    try:
        return msgspec.json.encode(event, enc_hook=repr).decode()
    except (UnicodeEncodeError, OverflowError, TypeError):
        return json.dumps(event, default=repr)


@cache
def log() -> structlog.typing.FilteringBoundLogger:
    """Return the logger of this process."""
    return structlog.get_logger()  # type: ignore[no-any-return]  # structlog types its factory as Any
