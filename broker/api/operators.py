"""The operators' door of the API: a console session with its CSRF token, or a password with every request."""

from urllib.parse import urlsplit

from aiohttp import web

from broker.api.problem import problem
from broker.api.route import Handler, Route
from broker.control.operators import COOKIE, CSRF_HEADER, Operator, Operators, Role, Slow, same_token

OPERATOR: web.RequestKey[Operator] = web.RequestKey("operator", Operator)
_SAFE = frozenset({"GET", "HEAD"})


class OperatorGuard:
    """Lets operators in whose role suffices."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    def wrap(self, route: Route) -> Handler:
        """Return the route's handler behind authentication."""
        needed = Role(route.role)

        async def guarded(request: web.Request) -> web.StreamResponse:
            found = await self._who(request)
            if isinstance(found, web.StreamResponse):
                return found
            if not found.role.may(needed):
                return problem(
                    403,
                    "operator.role",
                    f"Для этого нужна роль не ниже «{needed}».",
                    "Попросите администратора выдать роль.",
                )
            request[OPERATOR] = found
            return await route.handler(request)

        return guarded

    async def _who(self, request: web.Request) -> Operator | web.StreamResponse:
        if request.method not in _SAFE and _comes_from_elsewhere(request):
            return problem(
                403,
                "operator.csrf",
                "Запрос пришёл со страницы другого сайта.",
                "Обращайтесь из консоли или из программы, не из чужой страницы.",
            )
        header = request.headers.get("Authorization", "")
        if header:
            return self._of_password(await self._operators.basic(header, request.remote or ""))
        found = await self._operators.session(request.cookies.get(COOKIE, ""))
        if found is None:
            return _unauthorized()
        if request.method not in _SAFE and not same_token(found.csrf, request.headers.get(CSRF_HEADER, "")):
            return problem(
                403,
                "operator.csrf",
                f"Нет заголовка {CSRF_HEADER} этой сессии.",
                "Передайте его или обращайтесь с Authorization: Basic.",
            )
        return found

    def _of_password(self, found: object) -> Operator | web.StreamResponse:
        match found:
            case Operator():
                return found
            case Slow(seconds):
                answer = problem(
                    429, "operator.too_many_failures", "Слишком много неверных паролей.", "Подождите."
                )
                answer.headers["Retry-After"] = str(int(seconds) + 1)
                return answer
            case _:
                return _unauthorized()


def _comes_from_elsewhere(request: web.Request) -> bool:
    """Tell whether a browser says that another site's page sent this: it would add a remembered password by itself."""
    origin = request.headers.get("Origin", "")
    if origin and urlsplit(origin).netloc != request.host:
        return True
    return request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}


def _unauthorized() -> web.Response:
    answer = problem(
        401,
        "operator.unauthorized",
        "Нужен вход оператора.",
        "Войдите в консоль или передайте Authorization: Basic с логином и паролем оператора.",
    )
    answer.headers["WWW-Authenticate"] = 'Basic realm="inaya", charset="UTF-8"'
    return answer
