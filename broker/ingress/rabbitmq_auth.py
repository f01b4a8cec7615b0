"""RabbitMQ's HTTP auth backend: it asks here about every login, vhost, resource and routing key of a partner.

Loopback or a closed network only: the questions hold secrets. Answers are cached by RabbitMQ for seconds.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from broker.bus.auth import (
    Account,
    Decision,
    Form,
    decide_resource,
    decide_topic,
    decide_user,
    decide_vhost,
)
from broker.bus.auth import Refusal as Why
from broker.control.access import Access, Caller, Failures
from broker.document.identity import PARTNER_ID_PATTERN
from broker.ingress.reception import Reception
from broker.intake.refusal import Refusal
from broker.partners.credential import partner_of
from broker.store.database import STORE_TROUBLE
from broker.telemetry.log import log
from broker.telemetry.metrics import REFUSED

PREFIX = "/rabbitmq"


UNAUTHORIZED: Final = Refusal(
    "partner.unauthorized",
    401,
    "Логин и ключ AMQP не подходят друг к другу, или ключ отозван.",
    "Логин — идентификатор партнёра (для тестового ключа с «-test» на конце), пароль — ключ; новый выдаёт оператор.",
)
FOREIGN_KEY: Final = Refusal(
    "partner.routing_key_foreign",
    403,
    "Публикация отклонена: ключ маршрутизации начинается не с вашего логина.",
    "Публикуйте с ключом <логин>.<OID клиники, точки заменены дефисами>; у тестового ключа логин с «-test» на конце.",
)
_TOLD: Final = {
    Why.UNKNOWN_LOGIN: UNAUTHORIZED,
    Why.WITHDRAWN: UNAUTHORIZED,
    Why.FOREIGN_ROUTING_KEY: FOREIGN_KEY,
}
"""What is journalled; the rest is a client that tries what no documentation offers, RabbitMQ's own answer is enough."""


class RabbitmqAuth:
    """Answers ``allow`` or ``deny``; a denied login or routing key leaves a journal row, so many a minute at most.

    RabbitMQ hides where a client connects from, so they are counted by login, unknown ones together.
    """

    def __init__(self, access: Access, reception: Reception) -> None:
        self._access = access
        self._reception = reception
        self._denied = Failures()

    def add_to(self, app: web.Application) -> None:
        """Put the four questions into an application."""
        app.router.add_post(f"{PREFIX}/user", self._user)
        for name, decide in (("vhost", decide_vhost), ("resource", decide_resource), ("topic", decide_topic)):
            app.router.add_post(f"{PREFIX}/{name}", self._asked(decide))

    async def _user(self, request: web.Request) -> web.Response:
        form = await _form(request)
        caller = await self._access.login(form.get("username", ""), form.get("password", ""))
        account = Account(partner=caller.partner_id, mode=caller.mode, admitted=True) if caller else None
        return await self._answer(decide_user(form, account), form)

    def _asked(
        self, decide: Callable[[Form, Account | None], Decision]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def ask(request: web.Request) -> web.Response:
            form = await _form(request)
            caller = await self._known(form)
            account = Account(partner=caller.partner_id, mode=caller.mode, admitted=True) if caller else None
            return await self._answer(decide(form, account), form)

        return ask

    async def _known(self, form: Form) -> Caller | None:
        """Return whose login is named; RabbitMQ sends no secret with its further questions."""
        partner, mode = partner_of(form.get("username", ""))
        if not PARTNER_ID_PATTERN.fullmatch(partner) or not await self._access.has_login(partner, mode):
            return None
        return Caller(partner, mode, "")

    async def _answer(self, decision: Decision, form: Form) -> web.Response:
        if decision.refusal is None:
            return web.Response(text=decision.text)
        log().info("rabbitmq.refused", why=decision.refusal)
        told = _TOLD.get(decision.refusal)
        known = await self._known(form)
        login = form.get("username", "") if known else ""
        if told is None or self._denied.too_many(login):
            REFUSED.labels("amqp", f"rabbitmq.{decision.refusal}").inc()
        else:
            self._denied.count(login)
            await self._journal(told, known, login)
        return web.Response(text=decision.text)

    async def _journal(self, told: Refusal, known: Caller | None, login: str) -> None:
        """Leave the row; who proved its login reads it as an event too, RabbitMQ itself says only ACCESS_REFUSED."""
        proved = known if told is FOREIGN_KEY else None
        try:
            await self._reception.refuse(proved, told, door="amqp", login=login)
        except STORE_TROUBLE as error:
            log().warning("rabbitmq.store_away", error=type(error).__name__)


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
