"""Are two spellings the same person or the same organisation? What differs only in writing is the same."""

import re
from collections.abc import Iterator
from typing import Final

from broker.document.canonical import PersonName
from broker.trust.certificate import SignerSubject

_FORMS: Final = {
    "общество с ограниченной ответственностью": "ооо",
    "акционерное общество": "ао",
    "публичное акционерное общество": "пао",
    "непубличное акционерное общество": "ао",
    "закрытое акционерное общество": "зао",
    "индивидуальный предприниматель": "ип",
    "автономная некоммерческая организация": "ано",
    "частное учреждение здравоохранения": "чуз",
}
"""Legal forms in full and as people write them."""
_NOISE: Final = re.compile(r"[^0-9a-zа-я ]+")
_FULL: Final = re.compile(rf"\b(?:{'|'.join(sorted(_FORMS, key=len, reverse=True))})\b")


def unlike_name(subject: SignerSubject, name: PersonName) -> Iterator[tuple[str, str]]:
    """Yield (field in Russian, finding code) of each part of a name the certificate writes otherwise.

    A certificate without surname is compared by its common name; a part one side does not state is not compared.
    """
    family, rest = subject.surname, subject.given_name
    if not family and not subject.organization:
        family, _, rest = subject.common_name.partition(" ")
    if family and name.family and _folded(family) != _folded(name.family):
        yield "фамилия", "surname_mismatch"
    given, stated = _folded(name.given), _folded(rest)
    if not given or not stated:
        return
    if stated != given and not stated.startswith(f"{given} "):
        yield "имя", "given_name_mismatch"
        return
    patronymic, written = _folded(name.patronymic), stated[len(given) :].strip()
    if patronymic and written and patronymic != written:
        yield "отчество", "patronymic_mismatch"


def same_organization(one: str, other: str) -> bool:
    """Tell whether two names are of one organisation but for quotes, case and the way the legal form is written."""
    return _organization(one) == _organization(other)


def _organization(name: str) -> str:
    plain = " ".join(_NOISE.sub(" ", _plain(name)).split())
    return _FULL.sub(lambda found: _FORMS[found[0]], plain)


def _folded(name: str) -> str:
    return " ".join(_NOISE.sub(" ", _plain(name)).split())


def _plain(text: str) -> str:
    return text.casefold().replace("ё", "е")
