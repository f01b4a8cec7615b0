"""Verdicts on the signatures of a submission as findings: what is wrong, who mends it, which answer of РЭМД it prevents.

Which code РЭМД gives in each case is our reading of remd.md §5; rules not seen there only warn.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.identity import snils_digits
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.cms import decode_armoured, inspect
from broker.trust.provider import RSA_PROVIDER, Provider
from broker.trust.suites import STRONG_SUITES, Suite
from broker.trust.verdict import SignatureCode, SignatureVerdict


class SignaturePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which signatures a kind of document needs.

    ``organization_required`` is MO_SIGN of dictionary 1520; ``personal_required`` counts medical workers;
    ``roles`` are mnemonics of 99.2.368 that must be among the personal signatures (rules of 99.2.42 are not public:
    configuration). ``unverified`` is the severity of a signature nobody here can compute, ``plain_cms`` of one without
    signingCertificateV2. ``skew`` is how far a signing time may lie after the arrival. ``limit`` bounds the work.
    """

    organization_required: bool = True
    personal_required: int = 1
    roles: frozenset[str] = frozenset()
    suites: frozenset[Suite] = STRONG_SUITES
    unverified: Severity = Severity.WARNING
    plain_cms: Severity = Severity.WARNING
    skew: timedelta = timedelta(minutes=5)
    limit: int = 64


def signature_findings(
    signatures: Sequence[SignaturePart],
    content: bytes,
    policy: SignaturePolicy = SignaturePolicy(),  # noqa: B008  a frozen value
    *,
    received_at: datetime | None = None,
    provider: Provider = RSA_PROVIDER,
) -> tuple[list[Finding], list[SignatureVerdict]]:
    """Judge every signature over the exact content bytes; return all findings and one verdict per signature, in order.

    ``received_at`` is when the submission arrived, for signing times that lie in the future.
    """
    if len(signatures) > policy.limit:
        unread = SignatureVerdict(code=SignatureCode.NOT_CHECKED)
        return [_too_many(len(signatures), policy.limit)], [unread] * len(signatures)
    verdicts = [_verdict(part, content, policy, provider) for part in signatures]
    findings = list(_presence(signatures, policy))
    for number, (part, verdict) in enumerate(zip(signatures, verdicts, strict=True), start=1):
        name = _name(number, part)
        if not verdict.ok:
            findings.append(_of_verdict(name, verdict, policy))
        findings += _of_certificate(name, part, verdict)
        findings += _of_time(name, verdict, received_at, policy.skew)
    findings += _across(signatures, verdicts)
    return findings, verdicts


def _verdict(
    part: SignaturePart, content: bytes, policy: SignaturePolicy, provider: Provider
) -> SignatureVerdict:
    container = decode_armoured(part.data)
    if container is None:
        return SignatureVerdict(code=SignatureCode.NOT_BASE64)
    return inspect(container, content, provider=provider, suites=policy.suites)


def _name(number: int, part: SignaturePart) -> str:
    if part.kind is SignatureKind.ORGANIZATION:
        return f"Подпись № {number} (организации)"
    role = f", роль {part.role}" if part.role else ""
    return f"Подпись № {number} (медработника{role})"


def _finding(
    code: str,
    message: str,
    fix: str,
    *,
    remd_code: str | None = None,
    responsible: Responsible = Responsible.CLINIC,
    severity: Severity = Severity.ERROR,
    source: Source = Source.SEEN,
    value: str | None = None,
    expected: str | None = None,
) -> Finding:
    return Finding(
        layer=Layer.SIGNATURE,
        severity=severity,
        code=f"signature.{code}",
        message=message,
        fix=fix,
        responsible=responsible,
        source=source,
        remd_code=remd_code,
        value=value,
        expected=expected,
    )


def _too_many(count: int, limit: int) -> Finding:
    return _finding(
        "too_many",
        "Подписей слишком много, они не проверялись.",
        "Передавайте по одному контейнеру на каждого подписанта.",
        responsible=Responsible.MIS,
        source=Source.OWN,
        value=str(count),
        expected=f"не больше {limit}",
    )


def _presence(signatures: Sequence[SignaturePart], policy: SignaturePolicy) -> Iterator[Finding]:
    personal = [part for part in signatures if part.kind is SignatureKind.PERSONAL]
    if not signatures and (policy.organization_required or policy.personal_required):
        yield _finding(
            "missing",
            "Документ не подписан.",
            "Подпишите документ: нужны подпись медработника и подпись организации.",
            remd_code="NO_SIGNATURE",
        )
        return
    if policy.organization_required and len(personal) == len(signatures):
        yield _finding(
            "organization_missing",
            "Нет подписи организации, а для этого вида документа она обязательна.",
            "Добавьте в signatures контейнер с kind «organization».",
            remd_code="ORG_SIGNATURE_OCCURRENCE_MISMATCH",
        )
    if len(personal) < policy.personal_required:
        yield _finding(
            "personal_missing",
            "Не хватает подписи медработника.",
            "Добавьте в signatures контейнер с kind «personal» для каждого подписанта.",
            remd_code="ROLE_OCCURRENCE_MISMATCH",
            value=str(len(personal)),
            expected=str(policy.personal_required),
        )
    for role in sorted(policy.roles - {part.role for part in personal}):
        yield _finding(
            "role_missing",
            f"Нет подписи медработника в роли {role}.",
            "Подпишите документ сотрудником в этой роли и укажите её в поле role.",
            remd_code="ROLE_OCCURRENCE_MISMATCH",
            expected=role,
        )


def _of_verdict(name: str, verdict: SignatureVerdict, policy: SignaturePolicy) -> Finding:
    fix, responsible = _ADVICE[verdict.code]
    severity = {
        SignatureCode.DIGEST_UNVERIFIED: policy.unverified,
        SignatureCode.NO_ESS: policy.plain_cms,
    }.get(verdict.code, Severity.ERROR)
    own = verdict.code in {SignatureCode.DIGEST_UNVERIFIED, SignatureCode.NO_ESS, SignatureCode.TOO_LARGE}
    return _finding(
        verdict.code.lower(),
        f"{name}: {verdict.text}",
        fix,
        remd_code=verdict.remd_code,
        responsible=responsible,
        severity=severity,
        source=Source.OWN if own else Source.SEEN,
    )


_RESIGN: Final = "Подпишите документ заново и передайте ровно те байты, которые подписаны."
_DETACHED: Final = "Сформируйте откреплённую подпись CAdES-BES по байтам файла, по контейнеру на подписанта."

_ADVICE: Final[dict[SignatureCode, tuple[str, Responsible]]] = {
    SignatureCode.NOT_BASE64: ("Передайте контейнер подписи целиком в base64 (DER).", Responsible.MIS),
    SignatureCode.TOO_LARGE: (_DETACHED, Responsible.MIS),
    SignatureCode.MALFORMED: (
        "Передайте контейнер CMS (PKCS#7) в кодировке DER, завёрнутый в base64.",
        Responsible.MIS,
    ),
    SignatureCode.NOT_SIGNED_DATA: (_DETACHED, Responsible.MIS),
    SignatureCode.NO_SIGNER: (_DETACHED, Responsible.MIS),
    SignatureCode.MULTIPLE_SIGNERS: (
        "Передайте отдельный контейнер для каждого подписанта.",
        Responsible.MIS,
    ),
    SignatureCode.NO_CERTIFICATE: ("Включите сертификат подписанта в контейнер подписи.", Responsible.MIS),
    SignatureCode.UNKNOWN_ALGORITHM: ("Подпишите по ГОСТ Р 34.10-2012.", Responsible.CLINIC),
    SignatureCode.WRONG_SUITE: ("Подпишите разрешённым алгоритмом: ГОСТ Р 34.10-2012.", Responsible.CLINIC),
    SignatureCode.ATTACHED: (_DETACHED, Responsible.MIS),
    SignatureCode.ATTACHED_MISMATCH: (_DETACHED, Responsible.MIS),
    SignatureCode.DIGEST_MISMATCH: (_RESIGN, Responsible.MIS),
    SignatureCode.BAD_SIGNATURE: (_RESIGN, Responsible.CLINIC),
    SignatureCode.NO_SIGNING_TIME: ("Включите в подпись атрибут signingTime.", Responsible.MIS),
    SignatureCode.NO_ESS: (_DETACHED, Responsible.MIS),
    SignatureCode.ESS_MISMATCH: (_RESIGN, Responsible.CLINIC),
    SignatureCode.DIGEST_UNVERIFIED: (
        "Подключите средство проверки ГОСТ; до этого целостность проверит РЭМД.",
        Responsible.OPERATOR,
    ),
}


def _of_certificate(name: str, part: SignaturePart, verdict: SignatureVerdict) -> Iterator[Finding]:
    if not verdict.certificate:
        return
    usage = verdict.key_usage
    if usage is not None and not usage & {"digital_signature", "content_commitment"}:
        yield _finding(
            "key_usage",
            f"{name}: сертификат не предназначен для подписи.",
            "Подпишите сертификатом с областью использования «цифровая подпись» или «неотрекаемость».",
            remd_code="INVALID_CERT_KEY_USAGE",
            severity=Severity.WARNING,
            source=Source.OWN,
        )
    if part.kind is not SignatureKind.PERSONAL:
        return
    stated = snils_digits(part.signer.snils) if part.signer and part.signer.snils else ""
    actual = snils_digits(verdict.signer.snils)
    if stated and actual and stated != actual:
        yield _finding(
            "snils_mismatch",
            f"{name}: СНИЛС подписанта в сообщении не совпадает со СНИЛС в сертификате.",
            "Укажите в signer того, кто подписал, или подпишите документ сертификатом указанного сотрудника.",
            remd_code="VALUE_MISMATCH_METADATA_AND_CERTIFICATE",
            value=_masked(stated),
            expected=_masked(actual),
        )
    if not actual:
        yield _finding(
            "snils_absent",
            f"{name}: в сертификате медработника нет СНИЛС.",
            "Подпишите квалифицированным сертификатом физического лица.",
            remd_code="VALUE_MISMATCH_METADATA_AND_CERTIFICATE",
            severity=Severity.WARNING,
            source=Source.OWN,
        )


def _masked(digits: str) -> str:
    return "*" * max(len(digits) - 2, 0) + digits[-2:]


def _of_time(
    name: str, verdict: SignatureVerdict, received_at: datetime | None, skew: timedelta
) -> Iterator[Finding]:
    signed = verdict.signing_time
    if signed is None:
        return
    if verdict.not_after is not None and signed > verdict.not_after:
        yield _finding(
            "certificate_expired",
            f"{name}: срок действия сертификата истёк до момента подписания.",
            "Получите новый сертификат и подпишите документ заново.",
            remd_code="DOC_DATE_MISMATCH_CERT_NOT_AFTER",
            value=signed.isoformat(),
            expected=f"не позже {verdict.not_after.isoformat()}",
        )
    if verdict.not_before is not None and signed < verdict.not_before:
        yield _finding(
            "certificate_not_yet_valid",
            f"{name}: документ подписан раньше начала срока действия сертификата.",
            "Проверьте часы рабочего места и подпишите документ заново.",
            remd_code="DOC_DATE_MISMATCH_CERT_NOT_BEFORE",
            value=signed.isoformat(),
            expected=f"не раньше {verdict.not_before.isoformat()}",
        )
    if received_at is not None and signed > received_at + skew:
        yield _finding(
            "time_in_future",
            f"{name}: время подписания позже времени получения документа.",
            "Проверьте часы рабочего места и подпишите документ заново.",
            value=signed.isoformat(),
            expected=f"не позже {received_at.isoformat()}",
        )


def _across(signatures: Sequence[SignaturePart], verdicts: Sequence[SignatureVerdict]) -> Iterator[Finding]:
    """Look at the signatures together: one given twice, or two that belong to different files."""
    seen: set[tuple[SignatureKind, str | None, bytes]] = set()
    digests: dict[Suite, bytes] = {}
    for number, (part, verdict) in enumerate(zip(signatures, verdicts, strict=True), start=1):
        key = (part.kind, part.role, verdict.certificate)
        if verdict.certificate and key in seen:
            yield _finding(
                "duplicate",
                f"{_name(number, part)}: этот подписант уже подписал документ в той же роли.",
                "Передавайте каждую подпись один раз.",
                remd_code="SIGNATURE_DUPLICATION",
                responsible=Responsible.MIS,
            )
        seen.add(key)
        if verdict.suite is None or not verdict.message_digest:
            continue
        if digests.setdefault(verdict.suite, verdict.message_digest) != verdict.message_digest:
            yield _finding(
                "inconsistent_digests",
                f"{_name(number, part)}: сделана по другому файлу, чем остальные подписи документа.",
                _RESIGN,
                remd_code="INCONSISTENT_DIGESTS",
                responsible=Responsible.MIS,
            )
