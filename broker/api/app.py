"""The partner API as one application: middlewares turn every error into a problem, every caller into a partner."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from broker.api.bodies import BODY_TOO_LARGE, TooLarge
from broker.api.documents import CALLER
from broker.api.operators import OperatorGuard
from broker.api.problem import of_refusal, problem
from broker.api.route import Route
from broker.control.access import Access, Failures
from broker.intake.refusal import Refusal
from broker.store.database import STORE_TROUBLE, UnstorableError
from broker.store.room import NoRoom
from broker.telemetry.log import log
from broker.telemetry.metrics import BUGS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into problems; a bug is recorded without its values."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _unfit(request, error)
    except TooLarge:
        return of_refusal(BODY_TOO_LARGE)
    except NoRoom:
        return problem(
            503, "intake.overloaded", "Сейчас принимается слишком много данных.", "Повторите через 2 секунды."
        )
    except TimeoutError:
        return problem(
            503, "intake.timeout", "Запрос не уложился в отведённое время.", "Повторите с тем же messageId."
        )
    except UnstorableError as error:
        return _unstorable(request, error)
    except STORE_TROUBLE as error:
        log().warning("door.store_away", error=type(error).__name__)
        return problem(503, "intake.unavailable", "Хранилище недоступно.", "Повторите с тем же messageId.")
    except Exception as error:  # noqa: BLE001  outermost loop of a request
        BUGS.labels("http").inc()
        log().error("bug.caught", loop="http", error=type(error).__name__)
        return problem(
            500, "intake.bug", "Ошибка на нашей стороне, она записана.", "Повторите с тем же messageId."
        )


def _unfit(request: web.Request, error: web.HTTPException) -> web.Response:
    """Answer for what no route takes, in words; ``Allow`` says which methods one would."""
    allowed = error.headers.get("Allow", "")
    match error.status:
        case 404:
            detail, fix = "По этому адресу ничего нет.", "Сверьте адрес с /openapi.json."
        case 405:
            detail = f"Метод {request.method} здесь не поддерживается."
            fix = f"Используйте один из методов: {allowed}." if allowed else "Сверьте метод с /openapi.json."
        case _:
            detail = f"Запрос не принят (HTTP {error.status})."
            fix = "Сверьте адрес, метод, заголовки и тело с /openapi.json."
    response = problem(error.status, f"http.{error.status}", detail, fix)
    if allowed:
        response.headers["Allow"] = allowed
    return response


def _unstorable(request: web.Request, error: UnstorableError) -> web.Response:
    """Answer for a value the store cannot take; of a reading request it can only be a parameter."""
    if request.method in {"GET", "HEAD"}:
        return problem(
            400,
            "partner.query_invalid",
            "Параметр запроса или адрес содержит недопустимое значение.",
            "Уберите управляющие символы и лишние знаки; сверьте параметры с /openapi.json.",
        )
    BUGS.labels("http").inc()
    log().error("door.unstorable", error=str(error))
    return problem(
        422,
        "partner.value_unstorable",
        "Запрос содержит значение, которое нельзя сохранить.",
        "Уберите из полей управляющие символы (например, U+0000) и сократите слишком длинные значения.",
    )


UNAUTHORIZED = Refusal(
    "partner.unauthorized",
    401,
    "Ключ не указан, неверен или отозван.",
    "Передайте заголовок Authorization: Bearer inaya_…; новый ключ выдаёт оператор.",
)


class Guard:
    """Lets partners in by their secrets and slows down who guesses; whose secret is right never waits for the others.

    ``refuse`` leaves a journal row of a wrong secret: as many per address and minute as are answered at all.
    """

    def __init__(self, access: Access, refuse: Callable[[Refusal], Awaitable[None]]) -> None:
        self._access = access
        self._refuse = refuse
        self._failures = Failures()

    def wrap(self, handler: Handler) -> Handler:
        """Return the handler behind authentication."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            address = request.remote or ""
            caller = await self._access.bearer(request.headers.get("Authorization", ""))
            if caller is None and self._failures.too_many(address):
                return problem(
                    429, "partner.too_many_failures", "Слишком много неверных ключей.", "Подождите минуту."
                )
            if caller is None:
                self._failures.count(address)
                await self._refuse(UNAUTHORIZED)
                return of_refusal(UNAUTHORIZED)
            request[CALLER] = caller
            return await handler(request)

        return guarded


def add_routes(
    app: web.Application, routes: Sequence[Route], guard: Guard, operators: OperatorGuard | None = None
) -> None:
    """Put the routes into an application; those for partners and operators go behind their guards."""
    for route in routes:
        match route.who:
            case "partner":
                handler = guard.wrap(route.handler)
            case "operator":
                assert operators is not None, "routes of operators need their guard"
                handler = operators.wrap(route)
            case _:
                handler = route.handler
        app.router.add_route(route.method, route.path, handler)
