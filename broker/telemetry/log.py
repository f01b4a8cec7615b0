"""The log: one canonical JSON line per document handled, keys from a closed list, never a body, a name or a number of a person."""

import logging
import sys
from typing import Final

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
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def log() -> structlog.typing.FilteringBoundLogger:
    """Return the logger of this process."""
    return structlog.get_logger()  # type: ignore[no-any-return]  # structlog types its factory as Any
