"""Builders of applications: an invented clinic that is right in every field, and ways to spoil it."""

import copy
from typing import Any

SHA = "0123456789abcdef" * 4


def ogrn_of(number: int) -> str:
    """An ОГРН with a right check digit."""
    body = f"10277000{number:04d}"
    return body + str(int(body) % 11 % 10)


def inn_of(number: int) -> str:
    """An ИНН of an organisation with a right check digit."""
    body = f"77000{number:04d}"
    weights = (2, 4, 10, 3, 5, 9, 4, 6, 8)
    return body + str(sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11 % 10)


def an_application(number: int = 501, **changes: Any) -> dict[str, Any]:
    """The form of an invented clinic, complete; ``changes`` replace whole sections."""
    oid = f"1.2.643.5.1.13.13.12.2.77.{number}"
    form: dict[str, Any] = {
        "oid": oid,
        "name": {
            "full": f"Общество с ограниченной ответственностью «Проба {number}»",
            "short": f"ООО «Проба {number}»",
            "form": "ООО",
        },
        "ogrn": ogrn_of(number),
        "inn": inn_of(number),
        "kpp": "770001001",
        "legalAddress": {"text": "Москва, ул. Пробная, 1", "gar": "0c5b2444-70a0-4932-980c-b4dc0d3f02b5"},
        "actualAddress": {"text": "Москва, ул. Пробная, 2"},
        "units": [{"oid": f"{oid}.0.1", "name": "Приёмное", "address": "Москва, ул. Пробная, 2"}],
        "regions": ["77", "50"],
        "mainRegion": "77",
        "licence": {
            "number": "Л041-01137-77/00000001",
            "issued": "2023-01-10",
            "issuer": "Пробный департамент",
            "register": "77-01",
            "works": ["терапия"],
        },
        "mis": {
            "vendor": "ООО «Проба МИС»",
            "name": "Проба",
            "version": "1.0",
            "register": "10001",
            "declaration": {"date": "2025-02-01", "file": {"name": "911n.pdf", "sha256": SHA}},
            "n3Oid": "1.2.643.2.69.1.2.77",
        },
        "oms": {"works": True, "mcod": "770001", "tfoms": "77", "insurers": ["77901"]},
        "certificates": [{"purpose": "organization", "thumbprint": "ab" * 20, "until": "2030-01-01"}],
        "kinds": [{"kind": "306", "since": "2026-01-01", "way": "both"}],
        "agreement": {
            "number": "1",
            "date": "2026-01-01",
            "until": "2099-01-01",
            "file": {"name": "d.pdf", "sha256": SHA},
        },
        "instruction": {
            "number": "2",
            "date": "2026-01-01",
            "purposes": ["передача медицинских документов"],
            "file": {"name": "p.pdf", "sha256": SHA},
        },
        "channels": [{"node": "1a2b", "addresses": ["10.0.0.1"]}],
        "contacts": [
            {"role": role, "name": "Пробов Проба", "phone": "+7 495 000-00-00", "email": "a@proba.example"}
            for role in ("director", "technical", "security", "personal-data")
        ],
        "wishes": {
            "webhook": "https://proba.example/hook",
            "addresses": ["192.0.2.0/24"],
            "documentsPerDay": 100,
        },
    }
    return form | changes


def spoiled(form: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """The form with one value replaced where a pointer leads; ``...`` takes it out."""
    form = copy.deepcopy(form)
    *way, last = pointer.strip("/").split("/")
    place: Any = form
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    key: Any = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return form
