"""What is wrong with the containers themselves: which are missing, and what each verdict means in words with a cure.

Which code РЭМД gives in each case is our reading of remd.md §5; rules not seen there only warn.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from broker.document.finding import Finding, Responsible, Severity, Source
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.cms import decode_armoured, inspect
from broker.trust.policy import SignaturePolicy
from broker.trust.provider import ContentProvider, Provider
from broker.trust.signing_rules import PositionControl, RoleNeed, role_name
from broker.trust.verdict import SignatureCode, SignatureVerdict
from broker.trust.wording import finding, name_of


def inspect_all(
    signatures: Sequence[SignaturePart], content: bytes, policy: SignaturePolicy, provider: Provider
) -> list[SignatureVerdict]:
    """Return one verdict per signature, in order; none is looked at when there are more than the policy allows."""
    if len(signatures) > policy.limit:
        return [SignatureVerdict(code=SignatureCode.NOT_CHECKED)] * len(signatures)
    once = ContentProvider(provider, content)
    return [_verdict(part, content, policy, once) for part in signatures]


def _verdict(
    part: SignaturePart, content: bytes, policy: SignaturePolicy, provider: Provider
) -> SignatureVerdict:
    container = decode_armoured(part.data)
    if container is None:
        return SignatureVerdict(code=SignatureCode.NOT_BASE64)
    return inspect(container, content, provider=provider, suites=policy.suites)


def too_many(count: int, limit: int) -> Finding:
    """Say that there are too many signatures to look at."""
    return finding(
        "too_many",
        "Подписей слишком много, они не проверялись.",
        "Передавайте по одному контейнеру на каждого подписанта.",
        responsible=Responsible.MIS,
        source=Source.OWN,
        value=str(count),
        expected=f"не больше {limit}",
    )


def presence(signatures: Sequence[SignaturePart], policy: SignaturePolicy) -> Iterator[Finding]:
    """Say whose signatures are missing, or there against the kind's rule."""
    personal = [part for part in signatures if part.kind is SignatureKind.PERSONAL]
    if not signatures and (policy.organization_required or policy.personal_required):
        yield finding(
            "missing",
            "Документ не подписан.",
            "Подпишите документ: нужны подпись медработника и подпись организации.",
            remd_code="NO_SIGNATURE",
        )
        return
    if policy.organization_required and len(personal) == len(signatures):
        yield finding(
            "organization_missing",
            "Нет подписи организации, а для этого вида документа она обязательна.",
            "Добавьте в signatures контейнер с kind «organization».",
            remd_code="ORG_SIGNATURE_OCCURRENCE_MISMATCH",
        )
    if len(personal) < policy.personal_required:
        yield finding(
            "personal_missing",
            "Не хватает подписи медработника.",
            "Добавьте в signatures контейнер с kind «personal» для каждого подписанта.",
            remd_code="ROLE_OCCURRENCE_MISMATCH",
            value=str(len(personal)),
            expected=str(policy.personal_required),
        )
    yield from _roles(personal, policy)
    yield from _positions(signatures, policy)


def _roles(personal: Sequence[SignaturePart], policy: SignaturePolicy) -> Iterator[Finding]:
    present = Counter(part.role or "" for part in personal)
    for need in policy.roles:
        count = present[need.role]
        if count + present[""] < need.least:  # one whose role was not said may be the one
            yield finding(
                "role_missing",
                f"Нет подписи медработника в роли {role_name(need.role)}."
                if not count
                else f"Подписей медработников в роли {role_name(need.role)} меньше, чем нужно.",
                "Подпишите документ сотрудником в этой роли и укажите её в поле role.",
                remd_code="ROLE_OCCURRENCE_MISMATCH",
                severity=policy.role_severity,
                source=Source.OWN,
                value=str(count) if need.least > 1 else None,
                expected=need.role if need.least == 1 else f"не меньше {need.least}",
            )
        if need.most and count > need.most:
            yield finding(
                "role_repeated",
                f"Подписей медработников в роли {role_name(need.role)} больше, чем бывает у документа этого вида.",
                "Проверьте поле role у каждой подписи: у остальных подписантов роль другая.",
                remd_code="ROLE_OCCURRENCE_MISMATCH",
                severity=policy.role_severity,
                source=Source.OWN,
                value=str(count),
                expected=f"не больше {need.most}",
            )


def _positions(signatures: Sequence[SignaturePart], policy: SignaturePolicy) -> Iterator[Finding]:
    """Compare the stated post with those a role is for; a signer without a stated post is the metadata layer's matter."""
    needs = {need.role: need for need in policy.roles if need.control is not PositionControl.OFF}
    for number, part in enumerate(signatures, start=1):
        need = needs.get(part.role or "")
        position = part.signer.position if part.signer else None
        if part.kind is SignatureKind.PERSONAL and need and position and position not in need.positions:
            yield _position(name_of(number, part), need, position)


def _position(name: str, need: RoleNeed, position: str) -> Finding:
    strict = need.control is PositionControl.STRICT
    return finding(
        "position_unlike_role",
        f"{name}: сотрудник с такой должностью в этой роли не подписывает.",
        "Укажите роль, в которой подписывает этот сотрудник, или подпишите документ другим сотрудником.",
        remd_code="POSITION_TO_ROLE_MISMATCH",
        severity=Severity.ERROR if strict else Severity.WARNING,
        source=Source.OWN,
        value=position[:20],
        expected=", ".join(need.positions[:8]),
    )


def of_container(name: str, verdict: SignatureVerdict, policy: SignaturePolicy) -> Iterator[Finding]:
    """Say in words what a verdict means, with its cure; nothing of a good one."""
    if verdict.ok:
        return
    fix, responsible = _ADVICE[verdict.code]
    unlike = verdict.code is SignatureCode.WRONG_SUITE
    yield finding(
        verdict.code.lower(),
        f"{name}: {verdict.text[0].lower()}{verdict.text[1:]}",
        fix,
        remd_code=verdict.remd_code,
        responsible=responsible,
        source=Source.OWN if verdict.code in _OWN else Source.SEEN,
        value=verdict.suite if unlike else None,
        expected=", ".join(sorted(policy.suites)) if unlike else None,
    )


_OWN: Final = {SignatureCode.DIGEST_UNVERIFIED, SignatureCode.NO_ESS, SignatureCode.TOO_LARGE}
RESIGN: Final = "Подпишите документ заново и передайте ровно те байты, которые подписаны."
_UNTOUCHED: Final = "Передайте ровно тот файл, который подписан: после подписания в нём нельзя менять ни байта, даже перевод строки."
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
    SignatureCode.WRONG_SUITE: ("Подпишите документ одним из разрешённых алгоритмов.", Responsible.CLINIC),
    SignatureCode.ATTACHED: (_DETACHED, Responsible.MIS),
    SignatureCode.ATTACHED_MISMATCH: (_DETACHED, Responsible.MIS),
    SignatureCode.DIGEST_MISMATCH: (_UNTOUCHED, Responsible.MIS),
    SignatureCode.BAD_SIGNATURE: (
        "Подпишите документ заново; если повторится, проверьте, что ключ и сертификат подписанта — одна пара.",
        Responsible.CLINIC,
    ),
    SignatureCode.NO_SIGNING_TIME: (
        "Включите в подпись атрибут signingTime и подпишите документ заново.",
        Responsible.MIS,
    ),
    SignatureCode.NO_ESS: (_DETACHED, Responsible.MIS),
    SignatureCode.ESS_MISMATCH: (RESIGN, Responsible.CLINIC),
    SignatureCode.DIGEST_UNVERIFIED: (
        "Подключите средство проверки ГОСТ; до этого целостность проверит РЭМД.",
        Responsible.OPERATOR,
    ),
}
