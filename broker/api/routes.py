"""The list of partner operations: what is served, documented and tested."""

from collections.abc import Sequence

from broker.api.documents import DocumentApi
from broker.api.problem import Problem
from broker.api.route import Answer, Parameter, Route
from broker.api.shapes import (
    DocumentPage,
    EventList,
    FeedBody,
    JudgedBody,
    PreparedBody,
    ReportBody,
    TicketBody,
    WaitedBody,
)
from broker.document.submission import Submission
from broker.store.views import DocumentCard

PREFIX = "/api/v1"
_PROBLEM = "application/problem+json"
_UUID = {"type": "string", "format": "uuid"}
_TEXT = {"type": "string"}
_ID = Parameter("id", "path", "Идентификатор документа из квитанции", _UUID, required=True)
_KEY = Parameter("Idempotency-Key", "header", "Идентификатор сообщения, если его нет в теле", _TEXT)
_PREFER = Parameter(
    "Prefer", "header", "wait=N: ответить, когда проверка закончена, не позже N ≤ 30 секунд", _TEXT
)
_UNTIL = Parameter(
    "until", "query", "final: ждать окончательного исхода", {"type": "string", "enum": ["final"]}
)
_WITHOUT = Parameter(
    "without", "query", "Каких правил не применять к этому документу, через запятую: phone,dates", _TEXT
)
_LIST = tuple(
    Parameter(name, "query", meaning, _TEXT)
    for name, meaning in (
        ("clinic", "OID клиники"),
        ("kind", "Вид документа"),
        ("status", "Статус"),
        ("from", "Принят не раньше (RFC 3339)"),
        ("to", "Принят раньше (RFC 3339)"),
        ("cursor", "Продолжение из предыдущей страницы"),
        ("limit", "Записей на странице, не больше 500"),
    )
)
_FEED = (
    Parameter("after", "query", "cursor предыдущего ответа; пусто — с начала", _TEXT),
    Parameter("limit", "query", "Событий в ответе, не больше 1000", {"type": "integer"}),
    Parameter("wait", "query", "Ждать первого события до N ≤ 30 секунд", {"type": "number"}),
)


def _answers(**good: Answer) -> dict[int, Answer]:
    found = {int(status.lstrip("_")): answer for status, answer in good.items()}
    refusal = Answer("Отказ: код, причина, что делать", Problem, _PROBLEM)
    return found | {status: refusal for status in (400, 401, 429, 503) if status not in found}


def document_routes(api: DocumentApi) -> Sequence[Route]:
    """Return the routes on documents and events."""
    refusal = Answer("Отказ: код, причина, что делать", Problem, _PROBLEM)
    card = Answer("Документ с доставками и квитанциями", DocumentCard)
    submit = Route(
        method="POST",
        path=f"{PREFIX}/documents",
        operation="submitDocument",
        summary="Сдать документ; квитанция выдаётся после фиксации в хранилище",
        handler=api.submit,
        request=Submission,
        request_media=("application/json", "multipart/form-data"),
        parameters=(_KEY, _PREFER, _UNTIL),
        answers=_answers(
            _200=Answer("Повтор: первая квитанция", TicketBody),
            _202=Answer(
                "Принят: квитанция; с Prefer: wait — после проверки, с until=final — с исходом", WaitedBody
            ),
            _403=refusal,
            _409=refusal,
            _413=refusal,
            _415=refusal,
            _422=Answer(
                "Не принят, либо (с Prefer: wait) не прошёл проверку: все замечания", Problem, _PROBLEM
            ),
        ),
    )
    return (submit, *_reading(api, card, refusal), *_judging(api, refusal))


def _reading(api: DocumentApi, card: Answer, refusal: Answer) -> Sequence[Route]:
    documents = f"{PREFIX}/documents"
    return (
        Route(method="GET", path=documents, operation="listDocuments", summary="Список документов",
              handler=api.list, parameters=_LIST, answers=_answers(_200=Answer("Страница", DocumentPage))),
        Route(method="GET", path=f"{documents}/{{id}}", operation="getDocument", summary="Состояние документа",
              handler=api.show, answers=_answers(_200=card, _404=refusal), parameters=(_ID,)),
        Route(method="GET", path=f"{documents}/{{id}}/events", operation="getEvents", summary="События документа",
              handler=api.events, answers=_answers(_200=Answer("События", EventList), _404=refusal), parameters=(_ID,)),
        Route(method="GET", path=f"{documents}/{{id}}/report", operation="getReport", summary="Отчёт о проверке; с Accept: text/html — страницей",
              handler=api.report, answers=_answers(_200=Answer("Отчёт", ReportBody), _404=refusal), parameters=(_ID,)),
        Route(method="POST", path=f"{documents}/{{id}}/cancel", operation="cancelDocument",
              summary="Отозвать документ до первой попытки отправки", handler=api.cancel,
              answers=_answers(_200=card, _404=refusal, _409=refusal), parameters=(_ID,)),
        Route(method="GET", path=f"{PREFIX}/events", operation="getFeed", summary="Лента событий партнёра по порядку",
              handler=api.feed, parameters=_FEED, answers=_answers(_200=Answer("События и cursor", FeedBody)),
              tag="events"),
    )  # fmt: skip


def _judging(api: DocumentApi, refusal: Answer) -> Sequence[Route]:
    report = Answer("Полный отчёт: valid, findings, layers", JudgedBody)
    return (
        Route(method="POST", path=f"{PREFIX}/validate", operation="validateDocument",
              summary="Проверить, ничего не сохраняя", handler=api.validate, request=Submission,
              answers=_answers(_200=report, _413=refusal, _422=refusal), tag="checks"),
        Route(method="POST", path=f"{PREFIX}/prepare", operation="prepareDocument",
              summary="Привести неподписанный документ к норме перед подписанием", handler=api.prepare,
              parameters=(_WITHOUT,), request=Submission, answers=_answers(_200=Answer("Байты для подписи, их отпечаток и изменения", PreparedBody), _413=refusal, _415=refusal, _422=refusal),
              tag="checks"),
    )  # fmt: skip
