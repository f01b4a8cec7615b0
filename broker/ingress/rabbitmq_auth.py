"""RabbitMQ's HTTP auth backend: it asks here about every login, vhost, resource and routing key of a partner.

Loopback or a closed network only: the questions hold secrets. Answers are cached by RabbitMQ for seconds.
"""

from collections.abc import Awaitable, Callable

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
from broker.control.access import Access
from broker.partners.credential import partner_of
from broker.telemetry.log import log
from broker.telemetry.metrics import REFUSED

PREFIX = "/rabbitmq"


class RabbitmqAuth:
    """Answers ``allow`` or ``deny``."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add_to(self, app: web.Application) -> None:
        """Put the four questions into an application."""
        app.router.add_post(f"{PREFIX}/user", self._user)
        for name, decide in (("vhost", decide_vhost), ("resource", decide_resource), ("topic", decide_topic)):
            app.router.add_post(f"{PREFIX}/{name}", self._asked(decide))

    async def _user(self, request: web.Request) -> web.Response:
        form = await _form(request)
        caller = await self._access.login(form.get("username", ""), form.get("password", ""))
        account = Account(partner=caller.partner_id, mode=caller.mode, admitted=True) if caller else None
        return _answer(decide_user(form, account))

    def _asked(
        self, decide: Callable[[Form, Account | None], Decision]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def ask(request: web.Request) -> web.Response:
            form = await _form(request)
            partner, mode = partner_of(form.get("username", ""))
            known = await self._access.has_login(partner, mode)
            return _answer(
                decide(form, Account(partner=partner, mode=mode, admitted=True) if known else None)
            )

        return ask


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _answer(decision: Decision) -> web.Response:
    if decision.refusal is not None:
        REFUSED.labels("amqp", f"rabbitmq.{decision.refusal}").inc()
        log().info("rabbitmq.refused", why=decision.refusal)
    return web.Response(text=decision.text)
