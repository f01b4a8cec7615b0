"""Problems by RFC 9457: every error of the HTTP doors has a stable code, a Russian text and a cure."""

from typing import Any

import msgspec
from aiohttp import web

from broker.intake.refusal import Refusal


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``application/problem+json``; ``code`` is stable, ``fix`` says what to do, ``findings`` when a document was judged."""

    title: str
    status: int
    code: str
    type: str = "about:blank"
    detail: str = ""
    fix: str = ""
    findings: list[dict[str, Any]] = []
    ticket: dict[str, Any] | None = None


TITLES = {
    400: "Запрос не понят",
    401: "Не авторизован",
    403: "Запрещено",
    404: "Не найдено",
    405: "Метод не поддерживается",
    409: "Противоречие",
    410: "Больше не хранится",
    413: "Слишком велико",
    415: "Неизвестный тип содержимого",
    422: "Нельзя обработать",
    429: "Слишком часто",
    500: "Ошибка на нашей стороне",
    503: "Временно недоступно",
}


def problem(status: int, code: str, detail: str = "", fix: str = "", **extra: Any) -> web.Response:
    """Answer with a problem."""
    body = Problem(
        title=TITLES.get(status, "Ошибка"), status=status, code=code, detail=detail, fix=fix, **extra
    )
    headers = {"Retry-After": "2"} if status in {429, 503} else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/problem+json",
        headers=headers,
    )


def of_refusal(refusal: Refusal) -> web.Response:
    """Answer with a refusal of the doors."""
    return problem(refusal.status, refusal.code, refusal.detail, refusal.fix)


def answer(value: object, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        status=status, body=msgspec.json.encode(value), content_type="application/json", headers=headers
    )
