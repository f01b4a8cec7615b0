"""Documents: search, one document's whole story, and the acts on it. Contents are not shown in the console."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from broker.console import words
from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.render import MOSCOW, oops, page, see
from broker.delivery.state import Withdrawal
from broker.document.finding import Finding
from broker.document.lifecycle import DocumentStatus
from broker.intake.refusal import Refusal
from broker.store.views import DocumentCard, DocumentLine
from broker.validation.rendering.as_html import Part, fragment
from broker.validation.report import Report as FullReport

PAGE: Final = 100
RETRYABLE: Final = frozenset({"rejected", "dead", "held", "cancelled"})


class Report(msgspec.Struct, frozen=True):
    """What of a stored report the page shows."""

    findings: list[Finding] = []
    layers: dict[str, Any] = {}
    rule_set: str = ""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a document's story."""

    at: datetime
    title: str
    tone: str = "calm"
    detail: str = ""
    destination: str = ""
    actor: str = ""
    code: str = ""
    receipt: dict[str, Any] = {}
    findings: list[Finding] = []


class DocumentPages:
    """Search and one document."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def search(self, request: web.Request) -> web.StreamResponse:
        """Find documents by a number, or list them by filters, newest first."""
        query = {name: request.query.get(name, "").strip() for name in _FILTERS}
        if query["q"]:
            found = await self._desk.views.find(query["q"][:200], PAGE)
            if len(found) == 1 and not request.query.get("list"):
                return see(f"documents/{found[0].id}")
            return self._list(request, query, found, cursor="")
        try:
            found = await self._desk.views.documents(
                partner=query["partner"],
                mode=query["mode"],
                clinic=query["clinic"],
                kind=query["kind"],
                status=query["status"],
                since=_day(query["from"]),
                until=_day(query["to"]),
                before=UUID(query["cursor"]) if query["cursor"] else None,
                limit=PAGE,
            )
        except ValueError:
            return oops(request, self._desk, 400, "Фильтр не понят.", "Дата — ГГГГ-ММ-ДД.")
        return self._list(request, query, found, cursor=str(found[-1].id) if len(found) == PAGE else "")

    def _list(
        self, request: web.Request, query: dict[str, str], found: list[DocumentLine], cursor: str
    ) -> web.Response:
        kept = {name: value for name, value in query.items() if value and name != "cursor"}
        return page(
            request,
            self._desk,
            "documents.html",
            query=query,
            documents=found,
            more={**kept, "cursor": cursor} if cursor else None,
        )

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show one document's story."""
        document = await self._document(request)
        if document is None:
            return oops(request, self._desk, 404, "Такого документа нет.", "Проверьте идентификатор.")
        text = await self._desk.views.report(document.id)
        report = msgspec.json.decode(text, type=Report) if text else Report()
        events = await self._desk.journal.of_document(document.id)
        attempts = await self._desk.views.attempts([d.id for d in document.deliveries])
        names = {d.id: d.destination for d in document.deliveries}
        story = [_of_event(row) for row in events] + [_of_attempt(row, names) for row in attempts]
        return page(
            request,
            self._desk,
            "document.html",
            document=document,
            report=report,
            file=await self._desk.filing.story(document.id),
            refusals={d.id: d.findings for d in document.deliveries},
            story=sorted(story, key=lambda moment: moment.at),
            retryable=[d for d in document.deliveries if d.status in RETRYABLE],
            may_cancel=bool(document.deliveries) and all(d.attempt == 0 for d in document.deliveries)
            and any(d.status in {"queued", "held"} for d in document.deliveries),
            may_examine=document.status in {"unroutable", "failed"} and not document.deliveries,
            may_override=document.status == DocumentStatus.REJECTED,
        )  # fmt: skip

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Show the whole report of one document, without the document."""
        document = await self._document(request)
        text = await self._desk.views.report(document.id) if document else None
        if document is None or not text:
            return oops(request, self._desk, 404, "Отчёта нет.", "Проверьте идентификатор.")
        part = Part(name=str(document.id), report=msgspec.json.decode(text, type=FullReport))
        return page(request, self._desk, "report.html", document=document, report=fragment(part))

    async def _document(self, request: web.Request) -> DocumentCard | None:
        try:
            return await self._desk.views.document(UUID(request.match_info["id"]))
        except ValueError:
            return None

    async def retry(self, request: web.Request) -> web.StreamResponse:
        """Queue one delivery again, or every one that may be."""
        document = await self._document(request)
        if document is None:
            return oops(request, self._desk, 404, "Такого документа нет.")
        wanted = request[FIELDS].get("delivery", "")
        chosen = [d.id for d in document.deliveries if d.status in RETRYABLE and wanted in {"", str(d.id)}]
        count = await self._desk.commands.retry(
            chosen, actor=request[OPERATOR].actor, reason=_reason(request), document=document.id
        )
        return see(f"documents/{document.id}", "retried" if count else "retried-none")

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Withdraw a document nothing of which was sent."""
        document = await self._document(request)
        if document is None:
            return oops(request, self._desk, 404, "Такого документа нет.")
        gone = await self._desk.commands.cancel(
            document.id, actor=request[OPERATOR].actor, reason=_reason(request)
        )
        return see(f"documents/{document.id}", "cancelled" if gone is Withdrawal.DONE else "cancelled-not")

    async def override(self, request: web.Request) -> web.StreamResponse:
        """Send a refused document in spite of its findings."""
        return await self._act(request, "override")

    async def examine(self, request: web.Request) -> web.StreamResponse:
        """Check a stuck document again."""
        return await self._act(request, "examine")

    async def mark(self, request: web.Request) -> web.StreamResponse:
        """Take an operator's word that a refused document was registered before."""
        number = request[FIELDS].get("number", "").strip()
        return await self._mark(
            request, partial(self._desk.commands.mark_registered, number=number), "marked"
        )

    async def unmark(self, request: web.Request) -> web.StreamResponse:
        """Take such a mark back."""
        return await self._mark(request, self._desk.commands.unmark_registered, "unmarked")

    async def _mark(
        self, request: web.Request, act: Callable[..., Awaitable[Refusal | None]], done: str
    ) -> web.StreamResponse:
        document = await self._document(request)
        wanted = request[FIELDS].get("delivery", "")
        chosen = [d.id for d in document.deliveries if str(d.id) == wanted] if document else []
        if document is None or not chosen:
            return oops(request, self._desk, 404, "Такой доставки нет.")
        refusal = await act(chosen[0], actor=request[OPERATOR].actor, reason=_reason(request))
        if isinstance(refusal, Refusal):
            return oops(request, self._desk, refusal.status, refusal.detail, refusal.fix)
        return see(f"documents/{document.id}", done)

    async def _act(self, request: web.Request, verb: str) -> web.StreamResponse:
        document = await self._document(request)
        if document is None:
            return oops(request, self._desk, 404, "Такого документа нет.")
        commands = self._desk.commands
        act = commands.override if verb == "override" else commands.examine_again
        refusal = await act(document.id, actor=request[OPERATOR].actor, reason=_reason(request))
        if isinstance(refusal, Refusal):
            return oops(request, self._desk, refusal.status, refusal.detail, refusal.fix)
        return see(f"documents/{document.id}", verb)


_FILTERS: Final = ("q", "status", "clinic", "kind", "partner", "mode", "from", "to", "cursor")


def _reason(request: web.Request) -> str:
    return request[FIELDS].get("reason", "").strip()[:1000]


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW) if text else None


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    """What of an event's body the story shows."""

    status: str = ""
    delivery: dict[str, Any] = {}
    destination: str = ""
    error: str = ""
    place: str = ""
    receipt: dict[str, Any] = {}
    findings: list[Finding] = []
    act: str = ""
    reason: str = ""
    why: str = ""
    recipients: list[dict[str, Any]] = []
    explanation: Any = None


def _of_event(row: dict[str, Any]) -> Moment:
    body = msgspec.json.decode(row["body"], type=_Body)
    return Moment(
        at=row["at"],
        title=words.EVENTS.get(row["event"], row["event"]),
        tone=_tone(row["event"]),
        detail=_detail(body),
        destination=str(body.delivery.get("destination", body.destination)),
        actor=row["actor"],
        code=row["event"],
        receipt=body.receipt,
        findings=body.findings if row["event"].startswith("delivery.") else [],
    )


def _detail(body: _Body) -> str:
    if body.act:
        parts = [words.ACTS.get(body.act, body.act), f"причина: {body.reason}" if body.reason else ""]
    elif body.error:
        parts = [body.error, body.place.rpartition(" > ")[2]]
    elif body.recipients:
        parts = [f"{one['destination']} — правило «{one['rule']}»" for one in body.recipients]
    else:
        parts = [words.reason(str(body.delivery.get("reason", "") or body.why))]
    return "; ".join(part for part in parts if part)


def _tone(event: str) -> str:
    tail = event.rpartition(".")[2]
    return {"warned": "warn", "refused": "bad", "crashed": "bad"}.get(tail, words.TONES.get(tail, "calm"))


_OUTCOMES: Final = {
    "": ("попытка идёт", "busy"),
    "Registered": ("зарегистрирован", "good"),
    "Delivered": ("доставлен", "good"),
    "Awaiting": ("принято, ждём решения", "busy"),
    "Rejected": ("отказ", "bad"),
    "Held": ("задержано", "warn"),
    "Unavailable": ("получатель недоступен", "warn"),
    "InDoubt": ("неизвестно, дошло ли", "warn"),
}


def _of_attempt(row: dict[str, Any], names: dict[UUID, str]) -> Moment:
    text, tone = _OUTCOMES.get(row["outcome"], (row["outcome"], "calm"))
    took = f"{row['duration_ms']}\u00a0мс" if row["duration_ms"] is not None else ""
    return Moment(
        at=row["started_at"],
        title=f"Попытка {row['number']}: {text}",
        tone=tone,
        detail="; ".join(part for part in (words.reason(row["reason"]), took) if part),
        destination=names.get(row["delivery_id"], ""),
        code=row["correlation"],
    )
