"""Was the certificate valid when it had to be: at signing, on the day the document was created, when it is checked?"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding, Responsible
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.verdict import SignatureVerdict
from broker.trust.wording import finding

_ON_CREATION: Final = "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_DOC_CREATION_DT"
_DAY: Final = 8
"""Digits of a creation time that is only a day (HL7 TS)."""


def validity_findings(
    name: str,
    part: SignaturePart,
    verdict: SignatureVerdict,
    received_at: datetime | None,
    skew: timedelta,
    document: CanonicalDocument | None,
) -> Iterator[Finding]:
    """Hold the certificate's life against signing, creation and arrival; the later day is told only where the earlier holds."""
    at_signing = list(_at_signing(name, verdict))
    yield from at_signing
    if not at_signing:
        yield from _at_creation(name, part, verdict, document)
        yield from _at_check(name, part, verdict, received_at)
    yield from _in_future(name, verdict, received_at, skew)


def _at_signing(name: str, verdict: SignatureVerdict) -> Iterator[Finding]:
    signed = verdict.signing_time
    if signed is None:
        return
    if verdict.not_after is not None and signed > verdict.not_after:
        yield finding(
            "certificate_expired",
            f"{name}: срок действия сертификата истёк до момента подписания.",
            "Получите новый сертификат и подпишите документ заново.",
            remd_code="DOC_DATE_MISMATCH_CERT_NOT_AFTER",
            value=_told(signed),
            expected=f"не позже {_told(verdict.not_after)}",
        )
    if verdict.not_before is not None and signed < verdict.not_before:
        yield finding(
            "certificate_not_yet_valid",
            f"{name}: документ подписан раньше начала срока действия сертификата.",
            "Проверьте часы рабочего места и подпишите документ заново.",
            remd_code="DOC_DATE_MISMATCH_CERT_NOT_BEFORE",
            value=_told(signed),
            expected=f"не раньше {_told(verdict.not_before)}",
        )


def _at_creation(
    name: str, part: SignaturePart, verdict: SignatureVerdict, document: CanonicalDocument | None
) -> Iterator[Finding]:
    """Compare with ClinicalDocument/effectiveTime; where it is only a day, any moment of that day will do."""
    created = document.created_at if document is not None else None
    if document is None or created is None or verdict.not_before is None or verdict.not_after is None:
        return
    only_day = len(document.created_text) <= _DAY
    latest = created.replace(hour=23, minute=59, second=59) if only_day else created
    personal = part.kind is SignatureKind.PERSONAL
    if latest < verdict.not_before:
        yield finding(
            "created_before_certificate",
            f"{name}: документ создан раньше, чем начал действовать сертификат подписанта.",
            "Подпишите документ сертификатом, который действовал в день создания документа; "
            "если его нет, сформируйте документ заново с нынешней датой.",
            remd_code=_ON_CREATION if personal else "DOC_DATE_MISMATCH_CERT_NOT_BEFORE",
            value=_told(created),
            expected=f"не раньше {_told(verdict.not_before)}",
        )
    if created > verdict.not_after:
        yield finding(
            "created_after_certificate",
            f"{name}: документ создан позже, чем истёк сертификат подписанта.",
            "Подпишите документ действующим сертификатом; проверьте дату создания документа (effectiveTime).",
            remd_code=_ON_CREATION if personal else "DOC_DATE_MISMATCH_CERT_NOT_AFTER",
            value=_told(created),
            expected=f"не позже {_told(verdict.not_after)}",
        )


def _at_check(
    name: str, part: SignaturePart, verdict: SignatureVerdict, received_at: datetime | None
) -> Iterator[Finding]:
    if part.kind is not SignatureKind.PERSONAL or received_at is None or verdict.not_after is None:
        return
    if received_at > verdict.not_after:
        yield finding(
            "certificate_expired_since",
            f"{name}: при подписании сертификат действовал, но истёк раньше, чем документ передан.",
            "Подпишите документ заново действующим сертификатом; передавайте документы сразу после подписания.",
            remd_code="PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT",
            value=_told(received_at),
            expected=f"не позже {_told(verdict.not_after)}",
        )


def _in_future(
    name: str, verdict: SignatureVerdict, received_at: datetime | None, skew: timedelta
) -> Iterator[Finding]:
    signed = verdict.signing_time
    if signed is not None and received_at is not None and signed > received_at + skew:
        yield finding(
            "time_in_future",
            f"{name}: время подписания позже времени получения документа.",
            "Проверьте часы рабочего места и подпишите документ заново.",
            responsible=Responsible.CLINIC,
            value=_told(signed),
            expected=f"не позже {_told(received_at)}",
        )


def _told(moment: datetime) -> str:
    """Write an instant in UTC; one at the end of the calendar, which somebody may state, as it is."""
    with contextlib.suppress(OverflowError):
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="seconds")
