"""The partner's operations on documents and events."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from aiohttp import web

from broker.api.bodies import BODY_TOO_LARGE, Bodies, TooLarge
from broker.api.problem import answer, of_refusal, problem
from broker.api.submitting import Taker, message_key, read_submission, ticket_answer, wait_seconds
from broker.api.waiting import FINAL, JUDGED, Waiting
from broker.archive import StoredContent
from broker.control.access import Caller
from broker.control.commands import Commands
from broker.delivery.breaker import Pace
from broker.delivery.state import Withdrawal
from broker.document.lifecycle import DocumentStatus
from broker.document.submission import Submission
from broker.intake.refusal import Refusal
from broker.normalizer.normalising import UnknownRules, rules_named
from broker.normalizer.prepare import SIGNED
from broker.normalizer.rules import Rule
from broker.store.intake import Ticket, Verdict
from broker.store.journal import Journal
from broker.store.views import DocumentCard, Views
from broker.validation.rendering.as_html import Part, policy, to_html
from broker.validation.report import Report

CALLER: web.RequestKey[Caller] = web.RequestKey("caller", Caller)
PAGE = 500

Judge = Callable[[Caller, Submission, StoredContent], Awaitable[dict[str, Any]]]
"""Examines a submission without keeping anything and returns its report."""
Preparer = Callable[[Caller, Submission, bytes, frozenset[Rule]], Awaitable[dict[str, Any]]]
"""Normalises unsigned bytes but for the rules named and returns them with digest and diff."""


class DocumentApi:
    """Handlers behind ``/api/v1/documents``, ``/events``, ``/validate``, ``/prepare``."""

    def __init__(
        self,
        taker: Taker,
        bodies: Bodies,
        views: Views,
        journal: Journal,
        commands: Commands,
        waiting: Waiting,
        judge: Judge,
        preparer: Preparer,
        rate: float = 0.0,
    ) -> None:
        self._taker = taker
        self._bodies = bodies
        self._views = views
        self._journal = journal
        self._commands = commands
        self._waiting = waiting
        self._judge = judge
        self._preparer = preparer
        self._rate = rate
        self._paces: dict[str, Pace] = {}

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Accept a document; with ``Prefer: wait`` answer when it was judged, with ``?until=final`` when all is done."""
        verdict = await self._take(request)
        if isinstance(verdict, Refusal):
            return of_refusal(verdict)
        seconds = wait_seconds(request)
        return await self._waited(request, verdict, seconds) if seconds else ticket_answer(verdict)

    async def _take(self, request: web.Request) -> Verdict:
        """Read and commit; the body is let go before anybody waits."""
        caller = request[CALLER]
        pace = self._paces.setdefault(caller.partner_id, Pace(self._rate))
        if not pace.take(1, time.monotonic()):
            return Refusal(
                "partner.too_fast",
                429,
                "Документы поступают быстрее, чем вам разрешено.",
                "Повторите через 2 секунды с тем же messageId; предел назначает оператор.",
            )
        try:
            return await self._read_and_take(request, caller)
        except TooLarge:
            await self._taker.refuse(caller, BODY_TOO_LARGE, door="http")
            return BODY_TOO_LARGE

    async def _read_and_take(self, request: web.Request, caller: Caller) -> Verdict:
        async with self._bodies.hold(request):
            read = await read_submission(request, self._bodies)
            if isinstance(read, Refusal):
                await self._taker.refuse(caller, read, door="http")
                return read
            submission, stored = read
            key = message_key(request, submission)
            if isinstance(key, Refusal):
                await self._taker.refuse(caller, key, door="http")
                return key
            return await self._taker.take(caller, submission, stored, key=key, door="http")

    async def _waited(self, request: web.Request, ticket: Ticket, seconds: float) -> web.StreamResponse:
        wanted = FINAL if request.query.get("until") == "final" else JUDGED
        status = await self._waiting.until(ticket.id, wanted, seconds)
        if status is None:
            return ticket_answer(ticket)
        plain = msgspec.to_builtins(ticket) | {"status": status}
        plain.pop("repeated", None)
        if status == DocumentStatus.REJECTED:
            report = msgspec.json.decode(await self._views.report(ticket.id) or "{}")
            return problem(
                422,
                "partner.document_invalid",
                "Документ не прошёл проверку; он сохранён под этим идентификатором, но никуда не отправлен.",
                "Исправьте всё перечисленное и отправьте новой версией.",
                findings=report.get("findings", []),
                ticket=plain,
            )
        if wanted is FINAL:
            plain["document"] = await self._views.document(ticket.id)
        headers = {"Location": f"/api/v1/documents/{ticket.id}", "Preference-Applied": f"wait={seconds:g}"}
        return answer(plain, status=200 if ticket.repeated else 202, headers=headers)

    async def own(self, request: web.Request) -> DocumentCard | None:
        """Return the document a request names, when it is its caller's own."""
        try:
            document = await self._views.document(UUID(request.match_info["id"]))
        except ValueError:
            return None
        caller = request[CALLER]
        if document is None or (document.partner, document.mode) != (caller.partner_id, caller.mode):
            return None
        return document

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return a document with its deliveries and receipts."""
        document = await self.own(request)
        return not_found() if document is None else answer(document)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Return a document's events in order."""
        document = await self.own(request)
        if document is None:
            return not_found()
        rows = await self._journal.of_document(document.id)
        bodies = ",".join(row["body"] for row in rows if row["feed"] and row["sequence"])
        return web.Response(text=f'{{"events":[{bodies}]}}', content_type="application/json")

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Return a document's validation report, as a page to whoever asks for ``text/html``."""
        document = await self.own(request)
        report = None if document is None else await self._views.report(document.id)
        if report is None:
            return not_found()
        if "text/html" in request.headers.get("Accept", ""):
            return _report_page(request.match_info["id"], report)
        return web.Response(text=report, content_type="application/json", headers={"Vary": "Accept"})

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Withdraw a document nothing of which was sent."""
        document = await self.own(request)
        if document is None:
            return not_found()
        match await self._commands.cancel(document.id, actor=request[CALLER].partner_id):
            case Withdrawal.ALREADY_SENT:
                return problem(
                    409,
                    "partner.already_sent",
                    "Документ уже передавался: отозвать его нельзя.",
                    "Если он ошибочен, отправьте новую версию или обратитесь в систему-получатель.",
                )
            case Withdrawal.NOTHING_TO_CANCEL:
                return problem(
                    409,
                    "partner.nothing_to_cancel",
                    "Отзывать нечего: документ не прошёл проверку и никуда не отправится.",
                    "Посмотрите замечания в отчёте о проверке документа.",
                )
            case Withdrawal.DONE:
                pass
        return answer(await self._views.document(document.id))

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return a page of documents, newest first."""
        caller = request[CALLER]
        query = request.query
        try:
            limit = min(max(int(query.get("limit", "100")), 1), PAGE)
            page = await self._views.documents(
                partner=caller.partner_id,
                mode=caller.mode,
                clinic=query.get("clinic", ""),
                kind=query.get("kind", ""),
                status=query.get("status", ""),
                since=instant_of(query.get("from")),
                until=instant_of(query.get("to")),
                before=UUID(query["cursor"]) if query.get("cursor") else None,
                limit=limit,
            )
        except ValueError:
            return problem(
                400,
                "partner.query_invalid",
                "Параметр запроса не понят.",
                "from и to — время RFC 3339 со смещением, cursor — из предыдущей страницы, limit — число.",
            )
        cursor = str(page[-1].id) if len(page) == limit else None
        return answer({"documents": page, "cursor": cursor})

    async def feed(self, request: web.Request) -> web.StreamResponse:
        """Return the partner's events behind a cursor; ``wait`` seconds for the first one when there is none."""
        caller = request[CALLER]
        after = request.query.get("after", "")
        try:
            limit = min(max(int(request.query.get("limit", "100")), 1), 1000)
            wait = min(max(float(request.query.get("wait", "0")), 0.0), 30.0)
            items = await self._journal.feed(caller.partner_id, after, limit, caller.mode)
            until = asyncio.get_running_loop().time() + wait
            while not items and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(0.25)
                items = await self._journal.feed(caller.partner_id, after, limit, caller.mode)
        except ValueError:
            return problem(
                400,
                "partner.query_invalid",
                "Параметр запроса не понят.",
                "after — cursor из предыдущего ответа.",
            )
        cursor = items[-1].cursor if items else after
        bodies = ",".join(item.body for item in items)
        text = f'{{"events":[{bodies}],"cursor":"{cursor}"}}'
        return web.Response(text=text, content_type="application/json")

    async def validate(self, request: web.Request) -> web.StreamResponse:
        """Judge a submission; nothing is kept."""
        async with self._bodies.hold(request):
            read = await read_submission(request, self._bodies)
            if isinstance(read, Refusal):
                return of_refusal(read)
            return answer(await self._judge(request[CALLER], *read))

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """Normalise unsigned bytes for signing; nothing is kept. ``?without=`` leaves rules out."""
        without = rules_named(request.query.getall("without", []))
        if isinstance(without, UnknownRules):
            return _unknown_rules(without)
        async with self._bodies.hold(request):
            read = await read_submission(request, self._bodies)
            if isinstance(read, Refusal):
                return of_refusal(read)
            submission, stored = read
            if submission.signatures:
                return _already_signed()
            made = await self._preparer(request[CALLER], submission, stored.content, without)
            findings = made.get("findings")
            if findings is None:
                return answer(made)
            told = msgspec.to_builtins(findings)
            if any(finding.code == SIGNED for finding in findings):
                return _already_signed(findings=told)
            return problem(
                422,
                "partner.document_unreadable",
                "Документ не читается.",
                "Исправьте перечисленное и повторите.",
                findings=told,
            )


def _report_page(name: str, report: str) -> web.Response:
    part = Part(name=name, report=msgspec.json.decode(report, type=Report))
    headers = {
        "Content-Security-Policy": policy(),
        "Cache-Control": "no-store",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    text = to_html("Отчёт о проверке", [part])
    return web.Response(text=text, content_type="text/html", headers=headers)


def not_found() -> web.Response:
    """Answer for what does not exist and for what is somebody else's alike."""
    return problem(
        404, "partner.not_found", "Документ не найден среди ваших.", "Проверьте идентификатор из квитанции."
    )


def _already_signed(**extra: Any) -> web.Response:
    return problem(
        422,
        "partner.already_signed",
        "Подписанный документ не изменяется: подпись перестала бы ему соответствовать.",
        "Передайте документ без подписей, подпишите ответ и отправьте его в POST /documents.",
        **extra,
    )


def _unknown_rules(unknown: UnknownRules) -> web.Response:
    names = ", ".join(name[:40] for name in unknown.names[:5])
    known = ", ".join(Rule)
    return problem(
        422, "partner.rule_unknown", f"Правила приведения к норме нет: {names}.", f"Правила: {known}."
    )


def instant_of(text: str | None) -> datetime | None:
    """Read an instant with an offset, None for none; raise ``ValueError`` for anything else."""
    if not text:
        return None
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("offset")
    return instant
