"""Verdicts on chains in words: whose certificate failed, at the signer or above, and who can mend it."""

from collections.abc import Iterator
from typing import Final

import msgspec

from broker.document.finding import Finding, Responsible, Severity, Source
from broker.trust.certificate import READ_ERRORS, certificate_names
from broker.trust.chain import ChainCode, ChainVerdict
from broker.trust.verdict import SignatureVerdict
from broker.trust.wording import finding


class _Words(msgspec.Struct, frozen=True):
    code: str
    message: str
    fix: str
    responsible: Responsible
    source: Source = Source.SEEN


_QUALIFIED: Final = "Подпишите документ сертификатом аккредитованного удостоверяющего центра."
_AUTHORITY: Final = "Обратитесь в удостоверяющий центр за новым сертификатом и подпишите документ заново."
_REFRESH: Final = (
    "Оператор обновит списки отзыва (inaya trust refresh); после этого передайте документ новым сообщением."
)
_SELF_SIGNED: Final = _Words(
    "self_signed",
    "сертификат подписанта самоподписанный, удостоверяющий центр его не выдавал",
    _QUALIFIED,
    Responsible.CLINIC,
)
_OF_SIGNER: Final = {
    ChainCode.UNTRUSTED: _Words(
        "chain_untrusted",
        "сертификат подписанта не ведёт к доверенному удостоверяющему центру",
        f"{_QUALIFIED} Если центр аккредитован, оператор добавит его сертификат в каталог доверия.",
        Responsible.CLINIC,
    ),
    ChainCode.REVOKED: _Words(
        "certificate_revoked",
        "сертификат подписанта к моменту подписания отозван",
        "Подпишите документ другим, действующим сертификатом этого подписанта.",
        Responsible.CLINIC,
    ),
    ChainCode.CRL_MISSING: _Words(
        "crl_missing",
        "нет списка отозванных сертификатов удостоверяющего центра, выдавшего сертификат подписанта",
        _REFRESH,
        Responsible.OPERATOR,
    ),
    ChainCode.CRL_EXPIRED: _Words(
        "crl_expired",
        "список отозванных сертификатов удостоверяющего центра устарел",
        _REFRESH,
        Responsible.OPERATOR,
    ),
    ChainCode.CHAIN_UNVERIFIED: _Words(
        "chain_unverified",
        "цепочка сертификатов не проверена, здесь нет средства для алгоритма удостоверяющего центра",
        "Оператор подключит средство проверки ГОСТ; до этого цепочку проверит РЭМД.",
        Responsible.OPERATOR,
        Source.OWN,
    ),
}
_OF_AUTHORITY: Final = {
    ChainCode.CERT_EXPIRED: _Words(
        "authority_expired",
        "у удостоверяющего центра, выдавшего сертификат, к моменту подписания истёк собственный сертификат",
        _AUTHORITY,
        Responsible.CLINIC,
    ),
    ChainCode.NOT_YET_VALID: _Words(
        "authority_not_yet_valid",
        "документ подписан раньше, чем начал действовать сертификат удостоверяющего центра",
        "Проверьте часы рабочего места и подпишите документ заново.",
        Responsible.CLINIC,
    ),
    ChainCode.REVOKED: _Words(
        "authority_revoked",
        "сертификат удостоверяющего центра к моменту подписания отозван",
        _AUTHORITY,
        Responsible.CLINIC,
    ),
}
_NO_CHAIN: Final = "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT"
_SOFT: Final = frozenset({ChainCode.CHAIN_UNVERIFIED})


def chain_finding(name: str, verdict: SignatureVerdict, chain: ChainVerdict) -> Iterator[Finding]:
    """Say what is wrong with a chain; the signer's own dates are told by the check of validity."""
    words = _words(verdict, chain)
    if words is None:
        return
    yield finding(
        words.code,
        f"{name}: {words.message}.",
        words.fix,
        remd_code=_NO_CHAIN if words in _OF_AUTHORITY.values() else chain.remd_code,
        responsible=words.responsible,
        severity=Severity.WARNING if chain.code in _SOFT else Severity.ERROR,
        source=words.source,
    )


def unchecked() -> Finding:
    """Say that nobody told this installation whom to trust."""
    return finding(
        "chain_unchecked",
        "Цепочки сертификатов и списки отзыва не проверялись: каталог доверия не настроен.",
        "Оператор задаст INAYA_TRUST_DIR; до этого чужой или отозванный сертификат обнаружит только РЭМД.",
        remd_code=_NO_CHAIN,
        responsible=Responsible.OPERATOR,
        severity=Severity.WARNING,
        source=Source.OWN,
    )


def _words(verdict: SignatureVerdict, chain: ChainVerdict) -> _Words | None:
    if chain.depth == 0 and chain.code is ChainCode.UNTRUSTED and _is_self_signed(verdict.certificate):
        return _SELF_SIGNED
    if chain.depth > 0 and chain.code in _OF_AUTHORITY:
        return _OF_AUTHORITY[chain.code]
    return _OF_SIGNER.get(chain.code)


def _is_self_signed(certificate: bytes) -> bool:
    try:
        _, issuer, subject = certificate_names(certificate)
    except READ_ERRORS:
        return False
    return issuer == subject
