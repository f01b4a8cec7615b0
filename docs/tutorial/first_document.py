"""Первый документ за десять минут: собрать, подписать, сдать, дождаться исхода; затем сдать испорченный.

Запуск: python3 first_document.py [каталог стенда]. Нужны только Python 3.11 и программа openssl.
"""

import base64
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
STATE = Path(sys.argv[1] if len(sys.argv) > 1 else ".inaya")
STAND = json.loads((STATE / "endpoints.json").read_text("utf-8"))
PARTNER = STAND["partners"][0]
CLINIC = PARTNER["clinics"][0]["oid"]
DOCTOR, ORGANIZATION = STAND["pki"]["signers"][:2]


def make_document(local_uid: str, number: str) -> bytes:
    """Заполнить шаблон: так ваша МИС выгружает СЭМД."""
    written = datetime.now(UTC).astimezone(timezone(timedelta(hours=3))) - timedelta(hours=1)
    text = (HERE / "document.xml").read_text("utf-8")
    values = {
        "@ID@": local_uid,
        "@SETID@": str(uuid.uuid4()),
        "@VERSION@": "1",
        "@NUMBER@": number,
        "@TIME@": f"{written:%Y%m%d%H%M%z}",
        "@DATE@": f"{written:%Y%m%d}",
    }
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text.encode()


def sign(content: bytes, signer: dict[str, str]) -> bytes:
    """Получить открепленную подпись CAdES-BES ровно этих байтов; настоящая МИС подписывает ключом ГОСТ."""
    with tempfile.TemporaryDirectory() as room:
        (Path(room) / "document.xml").write_bytes(content)
        command = [
            "openssl",
            "cms",
            "-sign",
            "-binary",
            "-cades",
            "-nosmimecap",
            "-md",
            "sha256",
            "-outform",
            "DER",
        ]
        command += ["-signer", signer["cert"], "-inkey", signer["key"], "-in", f"{room}/document.xml"]
        return subprocess.run(command, capture_output=True, check=True).stdout


def make_submission(content: bytes, local_uid: str, number: str) -> dict[str, Any]:
    """Сложить сообщение: документ, подписи и сведения о нём."""
    return {
        "messageId": str(uuid.uuid4()),
        "clinic": CLINIC,
        "kind": "290",
        "content": {"data": base64.b64encode(content).decode()},
        "signatures": [
            {
                "kind": "personal",
                "role": "AUTHOR",
                "signer": {"snils": DOCTOR["snils"]},
                "data": base64.b64encode(sign(content, DOCTOR)).decode(),
            },
            {"kind": "organization", "data": base64.b64encode(sign(content, ORGANIZATION)).decode()},
        ],
        "metadata": {"localUid": local_uid, "documentNumber": number, "patient": {"localId": "500001"}},
    }


def call(method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    """Обратиться к API; ответ с ошибкой — тоже JSON, а не исключение."""
    headers = {"Authorization": f"Bearer {PARTNER['secret']}", "Content-Type": "application/json"}
    headers["Prefer"] = "wait=25"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{STAND['http']}/api/v1{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def send_good() -> None:
    """Сдать исправный документ и дождаться регистрации в РЭМД."""
    local_uid = str(uuid.uuid4())
    content = make_document(local_uid, "2026-000001")
    submission = make_submission(content, local_uid, "2026-000001")
    status, answer = call("POST", "/documents?until=final", submission)
    print("Ответ:", status, answer["status"], answer["id"])
    for delivery in answer["document"]["deliveries"]:
        print(f"  {delivery['destination']}: {delivery['status']}", delivery.get("receipt", {}))

    status, again = call("POST", "/documents", submission)
    print("Повтор того же сообщения:", status, "та же квитанция:", again["id"] == answer["id"])

    _, page = call("GET", f"/documents/{answer['id']}/events")
    for event in page["events"]:
        where = event.get("delivery", {}).get("destination", "")
        print(f"  {event['sequence']}. {event['event']} {where}")


def send_broken() -> None:
    """Сдать документ с тремя ошибками в трёх слоях: все вернутся одним ответом."""
    local_uid = str(uuid.uuid4())
    content = make_document(local_uid, "2026-000002")
    content = content.replace(b'<versionNumber value="1"/>', b"")  # схема: нет обязательного элемента
    content = content.replace(
        b'extension="99000000355"', b'extension="99000000354"'
    )  # контрольное число СНИЛС
    submission = make_submission(content + b"\n", local_uid, "2026-000002")  # подписаны другие байты
    submission["content"] = {"data": base64.b64encode(content).decode()}
    status, problem = call("POST", "/documents", submission)
    print("Ответ:", status, problem["code"], "—", problem["detail"])
    for finding in problem["findings"]:
        print(f"  [{finding['layer']}] {finding['severity']} {finding['code']}: {finding['message']}")
        print(f"      исправляет: {finding['responsible']}; {finding.get('fix', '')}")


if __name__ == "__main__":
    send_good()
    send_broken()
