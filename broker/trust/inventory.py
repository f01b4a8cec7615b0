"""What lies in a directory of trust, for the people who keep it: each certificate and list, and what is doubtful about them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

from broker.trust.certificate import (
    certificate_names,
    is_authority,
    list_issuer,
    quiet,
    read_certificate,
    read_subject,
)
from broker.trust.directory import (
    CRLS,
    INTERMEDIATES,
    ROOTS,
    files_of,
    read_certificates,
    read_directory,
    read_lists,
    read_policy,
)
from broker.trust.snapshot import CrlMode

SOON: Final = timedelta(days=30)
"""So long before the end of a certificate somebody should look for the next one."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate or a list: ``starts`` and ``ends`` bound its life (``ends`` None: a list that names no next one).

    ``name`` is the raw name of the authority, ``issuer`` that of who issued it; ``revoked`` counts entries of a list.
    """

    part: str
    file: str
    title: str
    name: bytes
    issuer: bytes
    starts: datetime
    ends: datetime | None
    revoked: int | None = None
    authority: bool = True


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """Something an operator should look at; ``grave`` stops documents already."""

    text: str
    cure: str
    grave: bool = False


def inventory(directory: Path) -> list[Held]:
    """Return everything held; raise ``TrustRefused`` for a file that cannot be used."""
    found = [
        _certificate(part, path.name, der)
        for part in (ROOTS, INTERMEDIATES)
        for path in files_of(directory / part)
        for der in read_certificates(path)
    ]
    return found + [_list(path.name, der) for path in files_of(directory / CRLS) for der in read_lists(path)]


def _certificate(part: str, file: str, der: bytes) -> Held:
    facts = read_certificate(der)
    _, issuer, subject = certificate_names(der)
    return Held(
        part=part,
        file=file,
        title=_title(subject),
        name=subject,
        issuer=issuer,
        starts=facts.not_before,
        ends=facts.not_after,
        authority=is_authority(der),
    )


def _list(file: str, der: bytes) -> Held:
    issuer = list_issuer(der)
    with quiet(CryptographyDeprecationWarning):
        crl = x509.load_der_x509_crl(der)
    return Held(
        part=CRLS,
        file=file,
        title=_title(issuer),
        name=issuer,
        issuer=issuer,
        starts=crl.last_update_utc,
        ends=crl.next_update_utc,
        revoked=len(crl),
    )


def _title(name: bytes) -> str:
    subject = read_subject(name)
    return subject.common_name or subject.organization or "(без названия)"


def doubts(directory: Path, now: datetime) -> list[Doubt]:
    """Return what is wrong with a directory, the grave first; raise ``TrustRefused`` when it cannot be used at all."""
    read_directory(directory)
    held = inventory(directory)
    policy = read_policy(directory)
    required = policy.production.crl is CrlMode.REQUIRED
    found = [
        *_of_certificates(held, now),
        *_of_issuers(held),
        *_of_lists(held, now, required=required),
    ]
    here = {one.file for one in held if one.part == CRLS}
    found += [
        Doubt(text=f"crls/{one.file}: список ни разу не загружен", cure="inaya trust refresh", grave=required)
        for one in policy.lists
        if one.file not in here
    ]
    return sorted(found, key=lambda one: not one.grave)


def _of_certificates(held: list[Held], now: datetime) -> Iterator[Doubt]:
    for one in held:
        if one.part == CRLS or one.ends is None:
            continue
        place = f"{one.part}/{one.file}: «{one.title}»"
        if not one.authority:
            yield Doubt(
                text=f"{place} — не сертификат удостоверяющего центра",
                cure="Положите сюда сертификат центра, а не того, кому он выдал подпись.",
            )
        if one.ends < now:
            yield Doubt(
                text=f"{place}: срок истёк {one.ends:%d.%m.%Y}",
                cure="Добавьте новый сертификат центра; прежний нужен для подписей, сделанных раньше.",
            )
        elif one.ends < now + SOON:
            yield Doubt(
                text=f"{place}: срок истекает {one.ends:%d.%m.%Y}",
                cure="Запросите у центра новый сертификат и положите рядом.",
            )


def _of_issuers(held: list[Held]) -> Iterator[Doubt]:
    """Point at intermediates that lead nowhere."""
    known = {one.name for one in held if one.part != CRLS}
    for one in held:
        if one.part == INTERMEDIATES and one.issuer not in known:
            yield Doubt(
                text=f"{one.part}/{one.file}: «{one.title}» — выдавшего его центра в каталоге нет",
                cure=f"Положите сертификат выдавшего центра в {ROOTS}/ или {INTERMEDIATES}/.",
            )


def _of_lists(held: list[Held], now: datetime, *, required: bool) -> Iterator[Doubt]:
    authorities = {one.name: one for one in held if one.part != CRLS}
    newest: dict[bytes, Held] = {}
    for one in (item for item in held if item.part == CRLS):
        if one.name not in authorities:
            yield Doubt(
                text=f"crls/{one.file}: список центра «{one.title}», которого в каталоге нет",
                cure="Положите сертификат этого центра или уберите список.",
            )
        if one.name not in newest or newest[one.name].starts < one.starts:
            newest[one.name] = one
    for one in newest.values():
        if one.ends is not None and one.ends < now:
            yield Doubt(
                text=f"crls/{one.file}: список «{one.title}» устарел {one.ends:%d.%m.%Y %H:%M}",
                cure="inaya trust refresh; если не помогает, скачайте список у центра.",
                grave=required,
            )
    if required:
        for name, one in authorities.items():
            if name not in newest:
                yield Doubt(
                    text=f"нет списка отзыва центра «{one.title}», а политика требует список",
                    cure="Назовите его адрес в разделе lists файла trust.toml и выполните inaya trust refresh.",
                    grave=True,
                )
