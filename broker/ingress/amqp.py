"""The AMQP door: a partner's message from ``intake`` becomes an arrival; acknowledged after our commit, never before."""

from typing import Final

from broker.bus.port import IntakeMessage, NotNow
from broker.control.access import Caller
from broker.document.submission import Mode
from broker.ingress.reception import Reception
from broker.intake.read import decode_submission, read_parts, without_text
from broker.intake.refusal import Refusal
from broker.store.database import STORE_TROUBLE
from broker.store.intake import Ticket
from broker.telemetry.killpoints import KillPoint, passed
from broker.telemetry.metrics import BUGS

TEST_SUFFIX = "-test"


def caller_of(login: str) -> Caller:
    """Return who a login stands for; RabbitMQ let nobody else publish under it."""
    if login.endswith(TEST_SUFFIX):
        return Caller(login.removesuffix(TEST_SUFFIX), Mode.TEST, "")
    return Caller(login, Mode.PRODUCTION, "")


MISROUTED: Final = Refusal(
    "partner.routing_key_clinic",
    422,
    "Ключ маршрутизации называет не ту клинику, что поле clinic.",
    "Публикуйте с ключом <логин>.<OID из поля clinic, точки заменены дефисами>.",
)


def is_keyed_by(routing_key: str, clinic: str) -> bool:
    """Tell whether a routing key names this clinic behind its first word."""
    return routing_key.partition(".")[2] == clinic.replace(".", "-")


class AmqpDoor:
    """Takes messages; a refusal is journalled like at every door and told as ``document.rejected``."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def take(self, message: IntakeMessage) -> None:
        """Commit one message or refuse it for good; raise ``NotNow`` while the store is away."""
        caller = caller_of(message.login)
        try:
            refusal = await self._take(caller, message)
            if refusal is not None:
                key = message.message_id or ""
                await self._reception.refuse(caller, refusal, door="amqp", key=key)
            passed(KillPoint.AMQP_TAKEN)
        except STORE_TROUBLE as error:
            raise NotNow from error

    async def park(self, message: IntakeMessage) -> None:
        """Try once more what could not be taken however often it came; record what still cannot be, so that it is found.

        Messages land here after a long outage or because the partner let them expire: both can be taken now.
        """
        try:
            await self.take(message)
        except NotNow:
            raise
        except Exception as error:  # noqa: BLE001  a message that breaks us every time: recorded, it stops nobody
            BUGS.labels("amqp.parked").inc()
            try:
                caller = caller_of(message.login)
                why = f"{message.parked_why or ''} {type(error).__name__}"
                await self._reception.park(caller, message.message_id or "", why)
            except STORE_TROUBLE as trouble:
                raise NotNow from trouble

    async def _take(self, caller: Caller, message: IntakeMessage) -> Refusal | None:
        """Commit a message; return why it never reached the reception."""
        if message.oversized:
            return Refusal(
                "partner.body_too_large",
                413,
                "Сообщение AMQP больше 12 МиБ.",
                "Отправьте документ через HTTP.",
            )
        submission = decode_submission(message.body)
        if isinstance(submission, Refusal):
            return submission
        if message.message_id and submission.message_id and message.message_id != submission.message_id:
            return Refusal(
                "partner.message_id_differs",
                422,
                "Свойство message_id и поле messageId различаются.",
                "Передавайте одно и то же значение или только одно из двух.",
            )
        key = message.message_id or submission.message_id or ""
        stored = read_parts(submission)
        if isinstance(stored, Refusal):
            await self._reception.refuse(caller, stored, door="amqp", clinic=submission.clinic, key=key)
            return None
        submission = without_text(submission)
        objection = None if is_keyed_by(message.routing_key, submission.clinic) else MISROUTED
        verdict = await self._reception.take(
            caller, submission, stored, key=key, door="amqp", objection=objection
        )
        if isinstance(verdict, Ticket) and verdict.repeated:
            await self._reception.accept_again(caller, verdict, key)
        return None
