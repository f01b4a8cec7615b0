"""AsyncAPI 3.0 of the AMQP door, made of the bus's topology and the structs of submission and event."""

from typing import Any, Final

import msgspec

from broker.api.openapi import plain, promising
from broker.api.shapes import EventBody
from broker.bus.topology import DOCUMENTS, RECEIPTS_LENGTH, receipts_queue
from broker.document.event import EventName
from broker.document.submission import Submission

VERSION: Final = "3.0.0"
BINDING: Final = "0.3.0"
LOGIN: Final = "partner"
"""Stands for a login in names of queues while the topology is asked for them."""
_REF: Final = "#/components/schemas/{name}"

Json = dict[str, Any]

TOLD: Final = (
    EventName.DOCUMENT_ACCEPTED,
    EventName.DOCUMENT_VALIDATED,
    EventName.DOCUMENT_REJECTED,
    EventName.DOCUMENT_ROUTED,
    EventName.DOCUMENT_UNROUTABLE,
    EventName.DOCUMENT_COMPLETED,
    EventName.DOCUMENT_FAILED,
    EventName.DELIVERY_HELD,
    EventName.DELIVERY_AWAITING,
    EventName.DELIVERY_REGISTERED,
    EventName.DELIVERY_DELIVERED,
    EventName.DELIVERY_REJECTED,
    EventName.DELIVERY_DEAD,
    EventName.DELIVERY_CANCELLED,
    EventName.FILE_REQUESTED,
)
"""Events partners are told of; the rest of the journal is the operators'."""


def asyncapi(*, version: str, address: str = "") -> Json:
    """Describe the AMQP door from our side: we receive documents and send receipts; ``address`` is that of RabbitMQ."""
    (submission, event), components = msgspec.json.schema_components(
        [Submission, EventBody], ref_template=_REF
    )
    page = {
        "asyncapi": VERSION,
        "info": {
            "title": "Иная ИС: дверь AMQP",
            "version": version,
            "description": "Документы — в обменник documents, события — из своей очереди receipts.<логин>.",
        },
        "defaultContentType": "application/json",
        "servers": {"rabbitmq": _server(address)},
        "channels": {"documents": _documents(), "receipts": _receipts()},
        "operations": _operations(),
        "components": {
            "schemas": promising(components),
            "messages": {"submission": _submission(submission), "event": _event(event)},
            "securitySchemes": {
                "partner": {
                    "type": "userPassword",
                    "description": "Логин — id партнёра (<партнёр>-test для тестового режима), пароль — его ключ",
                }
            },
        },
    }
    return plain(page)


def _server(address: str) -> Json:
    scheme, _, host = address.rstrip("/").partition("://")
    server: Json = {
        "host": host or "{host}",
        "protocol": scheme or "amqp",
        "protocolVersion": "0.9.1",
        "pathname": "/",
        "security": [{"$ref": "#/components/securitySchemes/partner"}],
    }
    if not host:
        server["variables"] = {"host": {"description": "Адрес RabbitMQ, который сообщает оператор"}}
    return server


def _documents() -> Json:
    return {
        "address": "{login}.{clinic}",
        "description": DOCUMENTS.purpose,
        "parameters": {
            "login": {"description": "Ваш логин"},
            "clinic": {"description": "OID клиники, точки заменены дефисами"},
        },
        "messages": {"submission": {"$ref": "#/components/messages/submission"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": DOCUMENTS.name,
                    "type": DOCUMENTS.kind.value,
                    "durable": True,
                    "autoDelete": False,
                    "vhost": "/",
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _receipts() -> Json:
    queue = receipts_queue(LOGIN)
    name = queue.name.replace(LOGIN, "{login}")
    return {
        "address": name,
        "description": f"{queue.purpose} Вмещает {RECEIPTS_LENGTH} событий; остальные ждут у нас и видны в GET /events.",
        "parameters": {"login": {"description": "Ваш логин"}},
        "messages": {"event": {"$ref": "#/components/messages/event"}},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {
                    "name": name,
                    "durable": True,
                    "exclusive": False,
                    "autoDelete": False,
                    "vhost": "/",
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Json:
    return {
        "takeDocument": {
            "action": "receive",
            "summary": "Партнёр сдаёт документ",
            "description": "Публикуйте с deliveryMode 2 и publisher confirms; храните документ до document.accepted.",
            "channel": {"$ref": "#/channels/documents"},
            "messages": [{"$ref": "#/channels/documents/messages/submission"}],
        },
        "tellEvent": {
            "action": "send",
            "summary": "Мы сообщаем партнёру о событии",
            "description": "Хотя бы один раз: пропускайте события с sequence не выше последнего виденного. Событие с "
            "sequence 0 — вне нумерации: это document.accepted для документа, который у нас уже есть.",
            "channel": {"$ref": "#/channels/receipts"},
            "messages": [{"$ref": "#/channels/receipts/messages/event"}],
        },
    }


def _submission(schema: Json) -> Json:
    return {
        "name": "submission",
        "title": "Заявка с документом",
        "contentType": "application/json",
        "payload": schema,
        "bindings": {"amqp": {"messageType": "submission", "bindingVersion": BINDING}},
    }


def _event(schema: Json) -> Json:
    return {
        "name": "event",
        "title": "Событие документа",
        "contentType": "application/json",
        "summary": f"event: {', '.join(name.value for name in TOLD)}",
        "correlationId": {
            "location": "$message.header#/correlation_id",
            "description": "message_id вашей заявки",
        },
        "payload": schema,
        "bindings": {"amqp": {"messageType": "event", "bindingVersion": BINDING}},
    }
