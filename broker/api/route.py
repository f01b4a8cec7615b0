"""Routes as data: OpenAPI, the dispatcher and the tests read the same list."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Answer(msgspec.Struct, frozen=True):
    """One possible answer: what it means, and the shape of its JSON (None: no JSON)."""

    meaning: str
    shape: Any = None
    media_type: str = "application/json"


class Parameter(msgspec.Struct, frozen=True):
    """A query or path parameter or header."""

    name: str
    where: str
    meaning: str
    schema: dict[str, Any]
    required: bool = False


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One operation; ``request`` is the shape of its JSON, or ``bytes`` of a file; ``who`` is partner, operator (then ``role`` is the least one needed) or anyone."""

    method: str
    path: str
    operation: str
    summary: str
    handler: Handler
    who: str = "partner"
    role: str = "operator"
    request: Any = None
    request_media: tuple[str, ...] = ("application/json",)
    parameters: tuple[Parameter, ...] = ()
    answers: dict[int, Answer] = {}
    tag: str = "documents"
