"""Следить за своими документами через GET /events: для тех, у кого нет ни AMQP, ни внешнего адреса.

Запуск: python3 follow_events.py [каталог стенда]. Читает до конца ленты и запоминает место в файле events.cursor.
"""

from pathlib import Path
from urllib.parse import urlencode

from first_document import call

PLACE = Path("events.cursor")


def handle(event: dict[str, object]) -> None:
    """Записать событие у себя; то же событие может прийти ещё раз, поэтому запись должна быть безвредной."""
    print(event["occurredAt"], event["event"], event["localUid"], event["status"])


def follow() -> None:
    """Читать порциями; место запоминается после обработки, а не до неё."""
    cursor = PLACE.read_text("ascii") if PLACE.exists() else ""
    while True:
        query = urlencode({"after": cursor, "limit": 500, "wait": 2})
        status, page = call("GET", f"/events?{query}")
        if status != 200:
            print("Лента недоступна:", status, page["detail"], page.get("fix", ""))
            return
        for event in page["events"]:
            handle(event)
        cursor = page["cursor"]
        PLACE.write_text(cursor, "ascii")
        if not page["events"]:
            return


if __name__ == "__main__":
    follow()
