"""Тот же документ через AMQP: опубликовать, дождаться подтверждения, прочесть свои события.

Запуск: python3 over_amqp.py [каталог стенда]. Нужна библиотека aio-pika (годится любой клиент AMQP 0-9-1).
"""

import asyncio
import json
import uuid

import aio_pika
from first_document import CLINIC, PARTNER, STAND, make_document, make_submission

LAST = {"document.completed", "document.failed", "document.rejected", "document.unroutable"}


async def publish(connection: aio_pika.abc.AbstractConnection, submission: dict[str, object]) -> None:
    """Опубликовать и вернуться, только когда RabbitMQ подтвердил: сообщение лежит на диске кворумной очереди."""
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchange = await channel.get_exchange("documents", ensure=False)
    message = aio_pika.Message(
        json.dumps(submission).encode(),
        message_id=submission["messageId"],
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        content_type="application/json",
    )
    routing_key = f"{PARTNER['id']}.{CLINIC.replace('.', '-')}"
    await exchange.publish(message, routing_key, timeout=30)


async def read_events(connection: aio_pika.abc.AbstractConnection, message_id: str) -> None:
    """Читать очередь receipts.<логин>, пока не придёт исход нашего документа."""
    seen: dict[str, int] = {}
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=50)
    queue = await channel.get_queue(f"receipts.{PARTNER['id']}", ensure=False)
    async with queue.iterator() as messages:
        async for message in messages:
            event = json.loads(message.body)
            document = event["documentId"] or event["messageId"]
            number = event["sequence"]  # 0 — документ у нас уже был: квитанция вне нумерации
            if number == 0 or number > seen.get(document, 0):  # повтор события пропускаем
                seen[document] = max(number, seen.get(document, 0))
                if event["messageId"] == message_id:
                    where = event.get("delivery", {}).get("destination", "")
                    print(f"  {number}. {event['event']} {where}")
            await message.ack()  # только после того, как событие записано у себя
            if event["messageId"] == message_id and event["event"] in LAST:
                return


async def main() -> None:
    """Сдать один документ."""
    local_uid = str(uuid.uuid4())
    content = make_document(local_uid, "2026-000004")
    submission = make_submission(content, local_uid, "2026-000004")
    address = STAND["amqp"].replace("amqp://", f"amqp://{PARTNER['id']}:{PARTNER['secret']}@")
    async with asyncio.timeout(60), await aio_pika.connect(address) as connection:
        await publish(connection, submission)
        print("Подтверждено брокером:", submission["messageId"])
        await read_events(connection, submission["messageId"])


if __name__ == "__main__":
    if STAND["amqp"]:
        asyncio.run(main())
    else:
        print("На этом стенде нет RabbitMQ: дверь AMQP не открыта.")
