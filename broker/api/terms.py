"""The partner's report of terms: every document of its clinics in a period, whether it was registered in time, whose delay."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
from aiohttp import web

from broker.adapter_kit.clock import Clock
from broker.api.documents import CALLER, instant_of
from broker.api.problem import Problem, answer, problem
from broker.api.route import Answer, Parameter, Route
from broker.control.term_report import for_partner, to_csv
from broker.delivery.term import Terms
from broker.store.terms import PAGE, Only, TermQuery, TermRow, TermStore

DAYS = 31
"""How far the report looks back when no beginning is named."""


class TermPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, oldest first; ``cursor`` continues the list, null at its end."""

    documents: list[TermRow]
    cursor: str | None = None


class TermApi:
    """The handler behind ``/api/v1/terms``."""

    def __init__(self, store: TermStore, terms: Terms, clock: Clock) -> None:
        self._store = store
        self._terms = terms
        self._clock = clock

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Return a page of the report as JSON, or as CSV for a spreadsheet."""
        caller, query, now = request[CALLER], request.query, self._clock.now()
        try:
            wanted = TermQuery(
                since=instant_of(query.get("from")) or now - timedelta(days=DAYS),
                until=instant_of(query.get("to")) or now + timedelta(seconds=1),
                clinic=query.get("clinic", ""),
                partner=caller.partner_id,
                mode=caller.mode,
                only=_only(query),
            )
            after = UUID(query["cursor"]) if query.get("cursor") else None
            limit = min(max(int(query.get("limit", "100")), 1), PAGE)
        except ValueError:
            return problem(
                400,
                "partner.query_invalid",
                "Параметр запроса не понят.",
                "from и to — время RFC 3339 со смещением, only — late или in_time, cursor — из предыдущей страницы, "
                "limit — число.",
            )
        rows = for_partner(await self._store.page(wanted, now, after, limit))
        cursor = str(rows[-1].document_id) if len(rows) == limit else None
        if query.get("format") == "csv":
            headers = {"Content-Disposition": "attachment; filename=terms.csv"}
            if cursor:
                headers["X-Cursor"] = cursor
            return web.Response(text=to_csv(rows, self._terms), content_type="text/csv", headers=headers)
        return answer(TermPage(documents=rows, cursor=cursor))


def _only(query: Mapping[str, str]) -> Only:
    """Read which documents are wanted; ``late=true`` is the older way to say late; raise ``ValueError``."""
    if query.get("only"):
        return Only(query["only"])
    return Only.LATE if query.get("late", "") == "true" else Only.ALL


def term_routes(api: TermApi) -> Sequence[Route]:
    """Return the routes on terms."""
    text = {"type": "string"}
    meanings = (
        ("from", "Принят не раньше (RFC 3339); без него — за последний месяц"),
        ("to", "Принят раньше (RFC 3339)"),
        ("clinic", "OID клиники"),
        ("only", "late: только просроченные; in_time: только зарегистрированные в срок; без него — все"),
        ("late", "true: то же, что only=late"),
        ("format", "csv — таблица для печати; следующая страница — по заголовку X-Cursor"),
        ("cursor", "Продолжение из предыдущей страницы"),
        ("limit", "Записей на странице, не больше 500"),
    )
    refusal = Answer("Отказ: код, причина, что делать", Problem, "application/problem+json")
    return (
        Route(
            method="GET",
            path="/api/v1/terms",
            operation="listTerms",
            summary="Сроки регистрации: что подписано, принято и зарегистрировано когда, и чья задержка",
            handler=api.report,
            parameters=tuple(Parameter(name, "query", meaning, text) for name, meaning in meanings),
            answers={
                200: Answer("Документы за период, старые первыми", TermPage),
                **dict.fromkeys((400, 401, 429, 503), refusal),
            },
        ),
    )
