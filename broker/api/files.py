"""The partner's operations on a document's bytes: fetch them, and hand back those its clinic keeps."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from broker.api.bodies import BODY_TOO_LARGE, Bodies, TooLarge, written
from broker.api.documents import CALLER, not_found
from broker.api.problem import Problem, answer, of_refusal, problem
from broker.api.route import Answer, Parameter, Route
from broker.control.commands import Commands
from broker.control.filing import AtHand, Filing
from broker.intake.refusal import Refusal
from broker.store.views import DocumentCard

PREFIX: Final = "/api/v1/documents/{id}/content"
_ID: Final = Parameter(
    "id", "path", "Идентификатор документа из квитанции", {"type": "string", "format": "uuid"}, required=True
)
Own = Callable[[web.Request], Awaitable[DocumentCard | None]]
"""Finds the document a request names among its caller's own."""


class FileApi:
    """Handlers behind ``/api/v1/documents/{id}/content``."""

    def __init__(self, own: Own, commands: Commands, filing: Filing, bodies: Bodies) -> None:
        self._own = own
        self._commands = commands
        self._filing = filing
        self._bodies = bodies

    async def content(self, request: web.Request) -> web.StreamResponse:
        """Return the document's bytes exactly as they came."""
        document = await self._own(request)
        if document is None:
            return not_found()
        digest = b64encode(bytes.fromhex(document.digest)).decode()
        async with self._commands.content(document.id) as stored:
            if stored is None:
                return problem(
                    410,
                    "partner.file_gone",
                    "Файла у нас нет: его хранит сама клиника, или срок его хранения истёк.",
                    "Возьмите файл в своей системе.",
                )
            response = web.Response(
                body=stored.content,
                headers={"Content-Type": stored.media_type, "Digest": f"sha-256={digest}"},
            )
            return await written(response, request)

    async def give_back(self, request: web.Request) -> web.StreamResponse:
        """Take back the bytes of a document whose file its clinic keeps."""
        document = await self._own(request)
        if document is None:
            return not_found()
        try:
            async with self._bodies.hold(request):
                content = await self._bodies.whole(request)
                made = await self._filing.give_back(document.id, content, partner=request[CALLER].partner_id)
        except TooLarge:
            return of_refusal(BODY_TOO_LARGE)
        return of_refusal(made) if isinstance(made, Refusal) else answer(made)


def file_routes(api: FileApi) -> Sequence[Route]:
    """Return the routes on documents' bytes."""
    refusal = Answer("Отказ: код, причина, что делать", Problem, "application/problem+json")
    common = dict.fromkeys((400, 401, 404, 410, 429, 503), refusal)
    return (
        Route(method="GET", path=PREFIX, operation="getContent", summary="Байты документа, какими они пришли",
              handler=api.content, parameters=(_ID,),
              answers={200: Answer("Документ", None, "application/xml"), **common}),
        Route(method="PUT", path=PREFIX, operation="putContent",
              summary="Вернуть файл, который клиника хранит сама (ответ на file.requested)", handler=api.give_back,
              parameters=(_ID,), request=bytes,
              request_media=("application/xml", "application/pdf", "application/octet-stream"),
              answers={200: Answer("Файл под рукой", AtHand), 413: refusal, 422: refusal, **common}),
    )  # fmt: skip
