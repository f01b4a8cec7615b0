"""``POST /documents``, ``/validate``, ``/prepare``: from an HTTP request to a ticket, a report or prepared bytes."""

import base64
import re
from typing import Protocol

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from broker.api.bodies import Bodies, Part
from broker.api.problem import answer
from broker.archive import StoredContent
from broker.control.access import Caller
from broker.document.submission import (
    Content,
    Mchd,
    Metadata,
    SignatureKind,
    SignaturePart,
    Signer,
    Submission,
    SubmissionType,
    Wire,
    Word,
)
from broker.intake.read import decode_submission, explain_field, read_parts, store_parts, without_text
from broker.intake.refusal import Refusal
from broker.store.intake import Ticket, Verdict

MAX_BODY = 40 * 1024 * 1024
_WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,3})\s*(?:,|$)")


class Taker(Protocol):
    """What the reception offers (``broker.ingress.reception``)."""

    async def take(
        self, caller: Caller, submission: Submission, stored: StoredContent, *, key: str, door: str
    ) -> Verdict:
        """Commit a submission."""
        ...

    async def refuse(self, caller: Caller | None, refusal: Refusal, *, door: str) -> None:
        """Journal a refusal."""
        ...


class SignatureWords(Wire, frozen=True, kw_only=True):
    """What is said of the signature in the part of the same number."""

    kind: SignatureKind = SignatureKind.PERSONAL
    role: Word | None = None
    signer: Signer | None = None
    mchd: Mchd | None = None


class MultipartSubmission(Wire, frozen=True, kw_only=True):
    """Part ``metadata`` of a multipart submission: the submission without the bytes that come as parts of their own."""

    clinic: Word
    message_id: str | None = None
    type: SubmissionType = SubmissionType.SEMD
    kind: Word | None = None
    media_type: Word = "application/xml"
    signatures: list[SignatureWords] = []
    metadata: Metadata = Metadata()


async def read_submission(request: web.Request, bodies: Bodies) -> tuple[Submission, StoredContent] | Refusal:
    """Read JSON or multipart into a submission and its decoded bytes."""
    if request.content_type == "multipart/form-data":
        try:
            return _multipart(await bodies.parts(request))
        except (
            ValueError,
            RuntimeError,
            BadHttpMessage,
        ):  # a transfer encoding nobody knows is a RuntimeError
            return Refusal(
                "partner.multipart_malformed",
                400,
                "Тело multipart/form-data повреждено.",
                "Проверьте boundary.",
            )
    if request.content_type not in {"application/json", "application/octet-stream", "text/json"}:
        return Refusal(
            "partner.media_type",
            415,
            "Тип содержимого запроса не поддерживается.",
            "Отправьте application/json или multipart/form-data.",
        )
    submission = decode_submission(await bodies.whole(request))
    if isinstance(submission, Refusal):
        return submission
    stored = read_parts(submission)
    return stored if isinstance(stored, Refusal) else (without_text(submission), stored)


def _multipart(found: list[Part]) -> tuple[Submission, StoredContent] | Refusal:
    parts: dict[str, list[bytes]] = {}
    for part in found:
        parts.setdefault(part.name, []).append(part.data)
    if len(parts.get("metadata", ())) != 1 or len(parts.get("content", ())) != 1:
        return Refusal(
            "partner.multipart_parts",
            422,
            "Нужна ровно одна часть metadata и ровно одна часть content.",
            "Передайте JSON в части metadata, файл в части content, подписи — в частях signature по порядку.",
        )
    try:
        head = msgspec.json.decode(
            parts["metadata"][0].removeprefix(b"\xef\xbb\xbf"), type=MultipartSubmission
        )
        submission = _assemble(head, parts.get("signature", []))
    except msgspec.ValidationError as error:
        return Refusal(
            "partner.submission_invalid",
            422,
            f"Часть metadata не по формату: {explain_field(str(error))}",
            "Сверьте поле со схемой на /openapi.json.",
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(
            "partner.json_malformed", 400, "Часть metadata не является JSON в UTF-8.", "Передайте JSON."
        )
    stored = store_parts(submission, parts["content"][0])
    return stored if isinstance(stored, Refusal) else (submission, stored)


def _assemble(head: MultipartSubmission, signatures: list[bytes]) -> Submission:
    described = [*head.signatures, *(SignatureWords() for _ in signatures[len(head.signatures) :])]
    joined = []
    for number, words in enumerate(described):
        data = signatures[number] if number < len(signatures) else b""
        text = (
            data.decode("ascii", "replace") if data[:1] in {b"-", b"M"} else base64.b64encode(data).decode()
        )
        joined.append(
            SignaturePart(kind=words.kind, data=text, role=words.role, signer=words.signer, mchd=words.mchd)
        )
    return Submission(
        clinic=head.clinic,
        content=Content(data="", media_type=head.media_type),
        message_id=head.message_id,
        type=head.type,
        kind=head.kind,
        signatures=joined,
        metadata=head.metadata,
    )


def message_key(request: web.Request, submission: Submission) -> str | Refusal:
    """Return the message's id: header and body must agree when both are given."""
    header = request.headers.get("Idempotency-Key", "").strip().strip('"')
    if header and submission.message_id and header != submission.message_id:
        return Refusal(
            "partner.message_id_differs",
            422,
            "Idempotency-Key и messageId различаются.",
            "Передавайте одно и то же значение или только одно из двух.",
        )
    return header or submission.message_id or ""


def wait_seconds(request: web.Request) -> float:
    """Return N of ``Prefer: wait=N``, at most 30."""
    match = _WAIT.search(request.headers.get("Prefer", ""))
    return min(float(match[1]), 30.0) if match else 0.0


def ticket_answer(ticket: Ticket) -> web.Response:
    """Answer 202 for a new document, 200 for one we had."""
    body = {
        "id": str(ticket.id),
        "status": ticket.status,
        "receivedAt": ticket.received_at,
        "digest": ticket.digest,
        "mode": ticket.mode,
    }
    return answer(
        body,
        status=200 if ticket.repeated else 202,
        headers={"Location": f"/api/v1/documents/{ticket.id}"},
    )
