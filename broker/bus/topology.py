"""Which exchanges and queues exist, as values: RabbitMQ is declared, and AsyncAPI generated, from these.

Only arguments valid in both RabbitMQ 3.10 and 4.x stand here. A queue that exists with other arguments is used as it
is and reported, never deleted: ``intake`` may hold the only copy of a document.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_LOGIN: Final = re.compile(r"[a-z0-9-]{3,45}")


class ExchangeKind(StrEnum):
    """How an exchange routes."""

    TOPIC = "topic"
    """By the words of the routing key."""
    FANOUT = "fanout"
    """To every bound queue."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """A durable exchange. ``internal`` ones take no publications of clients; ``arguments`` go to RabbitMQ as they are."""

    name: str
    kind: ExchangeKind
    purpose: str
    internal: bool = False
    arguments: Mapping[str, str | int] = msgspec.field(default_factory=dict)


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a queue gets its messages from."""

    exchange: str
    key: str


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A durable quorum queue; ``arguments`` go to RabbitMQ as they are.

    ``expendable``: what it holds may be lost, so a queue that no longer answers may be deleted and made anew.
    """

    name: str
    purpose: str
    arguments: Mapping[str, str | int]
    bindings: tuple[Binding, ...] = ()
    expendable: bool = False


REDELIVERY_LIMIT: Final = 20
"""Deliveries of one intake message without an acknowledgement before it is parked; also the default of RabbitMQ 4."""

PARKING: Final = Exchange(
    name="intake.parking",
    kind=ExchangeKind.FANOUT,
    internal=True,
    purpose="Через неё RabbitMQ откладывает сообщения, которые не удалось принять.",
)

DOCUMENTS: Final = Exchange(
    name="documents",
    kind=ExchangeKind.TOPIC,
    purpose="Сюда МИС публикует документы; ключ маршрутизации: <логин>.<OID клиники через дефисы>.",
    arguments={"alternate-exchange": PARKING.name},
)
"""Without its binding to ``intake`` it parks messages: RabbitMQ would confirm and drop what it cannot route."""

INTAKE: Final = Queue(
    name="intake",
    purpose="Все сообщения партнёров до записи в базу; единственная их копия, поэтому не пересоздаётся и не очищается.",
    arguments={
        "x-queue-type": "quorum",
        "x-delivery-limit": REDELIVERY_LIMIT,
        "x-dead-letter-exchange": PARKING.name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    },
    bindings=(Binding(exchange=DOCUMENTS.name, key="#"),),
)

PARKED: Final = Queue(
    name="intake.parked",
    purpose="Сообщения, которые не удалось принять много раз подряд; каждое записывается для оператора.",
    arguments={"x-queue-type": "quorum", "x-delivery-limit": 1_000_000},
    bindings=(Binding(exchange=PARKING.name, key=""),),
)

EXCHANGES: Final = (PARKING, DOCUMENTS)
PARTNER_QUEUES: Final = (PARKED, INTAKE)

NEW_QUEUE_SETTLES: Final = 1.0
"""Seconds before a new quorum queue survives ``kill -9`` of its node.

RabbitMQ saves the register of its queues every half a second (``ra_directory``, ``auto_save``); killed before that, the
queue has no leader for ever after, and what was confirmed into it is lost (seen on 3.10.8). Partners get the exchange
only after that time.
"""

RECEIPTS_LENGTH: Final = 20_000
RECEIPTS_BYTES: Final = 64 * 1024 * 1024
HINTS_LENGTH: Final = 50_000


def hint_queue(queue: str) -> Queue:
    """Return the RabbitMQ queue for hints of a queue of the work list.

    ``route.<destination>`` keeps its name; every other name goes under ``work.``. Full, it drops the oldest hint:
    the sweeper announces again.
    """
    if not _NAME.fullmatch(queue):
        raise ValueError(f"not a queue name: {queue!r}")
    name = queue if queue.startswith("route.") else f"work.{queue}"
    return Queue(
        name=name,
        purpose="Подсказки обработчикам: какие задачи пора выполнять. Потеря и повтор безвредны.",
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": REDELIVERY_LIMIT,
            "x-max-length": HINTS_LENGTH,
            "x-overflow": "drop-head",
        },
        expendable=True,
    )


def route_queue(destination: str) -> str:
    """Return the queue of the work list for deliveries to a destination (``remd`` → ``route.remd``)."""
    return f"route.{destination}"


def receipts_name(login: str) -> str:
    """Return the name of the queue a login reads its events from."""
    if not _LOGIN.fullmatch(login):
        raise ValueError(f"not a partner's login: {login!r}")
    return f"receipts.{login}"


def receipts_queue(login: str) -> Queue:
    """Return the bounded queue of events for one login; full, it refuses and we keep the event."""
    return Queue(
        name=receipts_name(login),
        purpose="События о документах партнёра; читает только он.",
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": 1_000_000,
            "x-max-length": RECEIPTS_LENGTH,
            "x-max-length-bytes": RECEIPTS_BYTES,
            "x-overflow": "reject-publish",
        },
    )
