"""Who is at the page: sign-in, sign-out, the cookie, and the token without which nothing is changed."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.render import HEADERS, oops, page, see
from broker.control.operators import COOKIE, LONGEST, Role, Session, Slow, Wrong, same_token
from broker.store.database import STORE_TROUBLE, UnstorableError
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REFRESH: Final = "X-Refresh"
"""Header of the page's own refreshing: it does not keep a session alive."""
MOST_FORM: Final = 64 * 1024
OPEN: Final = ("/console/sign-in", "/console/static/")
"""Pages for everybody."""


def is_loopback(host: str) -> bool:
    """Tell whether a browser that says this host sits on this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in {"localhost", "::1"} or name.startswith("127.")


class Gate:
    """The middleware before every page; ``uploads`` read their forms themselves and judge the token there."""

    def __init__(
        self,
        desk: Desk,
        roles: dict[Callable[..., object], Role],
        uploads: frozenset[Callable[..., object]] = frozenset(),
    ) -> None:
        self._desk = desk
        self._roles = roles
        self._uploads = uploads

    @property
    def middleware(self) -> Middleware:
        """Return it as aiohttp wants it."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            response = await self._pass(request, handler)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return gate

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await self._checked(request, handler)
        except web.HTTPException as error:
            text = {404: "Такой страницы нет.", 405: "Так сюда не обращаются."}.get(
                error.status, error.reason
            )
            return oops(request, self._desk, error.status, text)
        except UnstorableError:
            return oops(
                request, self._desk, 400, "Поле или адрес содержит недопустимое значение.",
                "Уберите управляющие символы и лишние знаки.",
            )  # fmt: skip
        except STORE_TROUBLE as error:
            log().warning("console.store_away", error=type(error).__name__)
            return oops(request, self._desk, 503, "Хранилище недоступно.", "Обновите страницу через минуту.")
        except Exception as error:  # noqa: BLE001  outermost loop of a request
            BUGS.labels("console").inc()
            log().error("bug.caught", loop="console", error=type(error).__name__)
            return oops(request, self._desk, 500, "Ошибка на нашей стороне, она записана.")

    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(OPEN):
            return await handler(request)
        used = REFRESH not in request.headers
        operator = await self._desk.operators.session(request.cookies.get(COOKIE, ""), used=used)
        if operator is None:
            return see("sign-in") if used else web.Response(status=401)
        request[OPERATOR] = operator
        if request.method == "POST" and request.match_info.handler not in self._uploads:
            request[FIELDS] = await read_fields(request)
            if not same_token(operator.csrf, request[FIELDS].pop("csrf", "")):
                return oops(
                    request, self._desk, 403, "Страница устарела.", "Вернитесь, обновите её и повторите."
                )
        needed = self._roles.get(request.match_info.handler, Role.VIEWER)
        if not operator.role.may(needed):
            return oops(
                request, self._desk, 403, "Вашей роли это недоступно.", "Обратитесь к администратору."
            )
        return await handler(request)


async def read_fields(request: web.Request) -> dict[str, str]:
    """Read a small posted form of text fields; raise a 413 for a large one."""
    if (request.content_length or 0) > MOST_FORM:
        raise web.HTTPRequestEntityTooLarge(max_size=MOST_FORM, actual_size=request.content_length or 0)
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


class SessionPages:
    """Sign in, sign out."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show the sign-in form."""
        return page(request, self._desk, "sign-in.html", wrong="", login="")

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """Begin a session."""
        origin = request.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc != request.host:
            return oops(request, self._desk, 403, "Вход возможен только со страницы консоли.")
        fields = await read_fields(request)
        login, password = fields.get("login", "").strip(), fields.get("password", "")
        match await self._desk.operators.sign_in(login, password, request.remote or ""):
            case Session(token, _):
                response = see("")
                response.set_cookie(
                    COOKIE,
                    token,
                    httponly=True,
                    samesite="Strict",
                    path="/",
                    secure=request.secure or not is_loopback(request.host),
                    max_age=int(LONGEST.total_seconds()),
                )
                return response
            case Wrong():
                wrong, status = "Логин и пароль не подходят друг к другу.", 403
            case Slow(seconds):
                wrong, status = f"Слишком много неверных попыток: подождите {int(seconds) + 1} с.", 429
        return page(request, self._desk, "sign-in.html", http_status=status, wrong=wrong, login=login[:100])

    async def sign_out(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        await self._desk.operators.sign_out(request.cookies.get(COOKIE, ""))
        response = see("sign-in")
        response.del_cookie(COOKIE, path="/")
        return response
