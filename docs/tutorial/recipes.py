"""Приёмы из руководства программиста МИС, каждый с ответом сервера: проверка, подготовка, повторы, версии, отзыв.

Запуск: python3 recipes.py [каталог стенда].
"""

import base64
import re
import time
import uuid
from typing import Any

from first_document import call, make_document, make_submission


def show(what: str, status: int, answer: dict[str, Any]) -> None:
    """Напечатать ответ одной строкой."""
    print(f"{what}: {status} {answer.get('code') or answer.get('status') or ''}".rstrip())


def fresh(number: str) -> tuple[str, bytes]:
    """Собрать ещё один документ."""
    local_uid = str(uuid.uuid4())
    return local_uid, make_document(local_uid, number)


def check_only() -> None:
    """Проверить, ничего не сохраняя, и привести неподписанный документ к норме перед подписанием."""
    local_uid, content = fresh("2026-000010")
    status, report = call("POST", "/validate", make_submission(content, local_uid, "2026-000010"))
    print("validate:", status, "годен" if report["valid"] else report["findings"])

    draft = make_submission(content.replace(b"99000000355", b"990-000-003 55"), local_uid, "2026-000010")
    draft["signatures"] = []
    status, prepared = call("POST", "/prepare", draft)
    to_sign = base64.b64decode(prepared["content"])
    print("prepare:", status, [change["message"] for change in prepared["changes"]], len(to_sign), "байт")


def repeats() -> None:
    """Показать, чем кончается каждый вид повтора."""
    local_uid, content = fresh("2026-000011")
    first = make_submission(content, local_uid, "2026-000011")
    show("первый раз", *call("POST", "/documents?until=final", first))
    show("то же сообщение", *call("POST", "/documents", first))
    show(
        "те же байты, новый messageId", *call("POST", "/documents", first | {"messageId": str(uuid.uuid4())})
    )

    other = make_submission(make_document(local_uid, "2026-000012"), local_uid, "2026-000012")
    show("тот же localUid, другой документ", *call("POST", "/documents", other))

    another_uid, another = fresh("2026-000013")
    reused = make_submission(another, another_uid, "2026-000013") | {"messageId": first["messageId"]}
    show("тот же messageId, другой документ", *call("POST", "/documents", reused))

    time.sleep(1.1)  # подпись, сделанная в ту же секунду, совпала бы с первой байт в байт
    signed_again = make_submission(content, local_uid, "2026-000011")
    show("новые подписи к зарегистрированному", *call("POST", "/documents", signed_again))


def new_signatures() -> None:
    """Исправить подпись: те же байты документа и тот же localUid, новые подписи и новый messageId."""
    local_uid, content = fresh("2026-000014")
    wrong = make_submission(content + b" ", local_uid, "2026-000014")
    wrong["content"] = {"data": base64.b64encode(content).decode()}
    show("подписан другой файл", *call("POST", "/documents", wrong))
    right = make_submission(content, local_uid, "2026-000014")
    show("те же байты, новые подписи", *call("POST", "/documents?until=final", right))


def new_version() -> None:
    """Сдать исправленный документ: новый идентификатор, прежний setId, versionNumber на единицу больше."""
    set_id = str(uuid.uuid4())
    for version in (1, 2):
        local_uid, content = fresh("2026-000015")
        text = re.sub(r'(\.50" extension=)"[^"]*"', rf'\1"{set_id}"', content.decode())
        text = text.replace('<versionNumber value="1"/>', f'<versionNumber value="{version}"/>')
        submission = make_submission(text.encode(), local_uid, "2026-000015")
        show(f"версия {version}", *call("POST", "/documents?until=final", submission))


def cancel() -> None:
    """Отозвать документ, который уже передан: поздно."""
    local_uid, content = fresh("2026-000016")
    _, sent = call("POST", "/documents?until=final", make_submission(content, local_uid, "2026-000016"))
    show("отзыв переданного", *call("POST", f"/documents/{sent['id']}/cancel"))


if __name__ == "__main__":
    check_only()
    repeats()
    new_signatures()
    new_version()
    cancel()
