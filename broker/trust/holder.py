"""Is the certificate that of the person and the clinic the submission and the document speak of, and may it sign at all?

РЭМД compares СНИЛС, ФИО and the organisation of a certificate with the message (VALUE_MISMATCH_METADATA_AND_CERTIFICATE).
Names and СНИЛС never stand in a finding: the text says which field differs.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from broker.document.canonical import CanonicalDocument, Person
from broker.document.finding import Finding, Responsible, Severity, Source
from broker.document.identity import snils_digits
from broker.document.submission import SignatureKind, SignaturePart
from broker.trust.attorney import attorney_findings
from broker.trust.certificate import SignerSubject, is_authority
from broker.trust.naming import same_organization, unlike_name
from broker.trust.verdict import SignatureVerdict
from broker.trust.wording import finding, masked

_UNLIKE: Final = "VALUE_MISMATCH_METADATA_AND_CERTIFICATE"
_ENTREPRENEUR: Final = re.compile(r"\W*(?:ИП|Индивидуальный предприниматель|Глава КФХ)\b", re.IGNORECASE)
_OTHER_CLINIC: Final = (
    "Подпишите документ сертификатом этой клиники или передайте его от имени той, чей сертификат. "
    "Если ошибка в карточке клиники, её исправит оператор."
)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The clinic as its card has it: title, ОГРН or ОГРНИП, ИНН (10 digits, 12 of an entrepreneur); empty: not known."""

    title: str = ""
    ogrn: str = ""
    inn: str = ""


def holder_findings(
    name: str,
    part: SignaturePart,
    verdict: SignatureVerdict,
    holder: Holder,
    document: CanonicalDocument | None,
) -> Iterator[Finding]:
    """Hold a certificate against who is said to have signed and for whom."""
    if not verdict.certificate:
        return
    yield from _usage(name, verdict)
    if part.kind is SignatureKind.PERSONAL:
        yield from _person(name, part, verdict, document)
        yield from _employer(name, verdict.signer, holder)
    else:
        yield from _organization(name, verdict.signer, holder, document)
        yield from attorney_findings(name, part.mchd, verdict.signer, holder.inn)


def _usage(name: str, verdict: SignatureVerdict) -> Iterator[Finding]:
    usage = verdict.key_usage
    if is_authority(verdict.certificate):
        yield finding(
            "authority_as_signer",
            f"{name}: подписано сертификатом удостоверяющего центра, а не сертификатом подписанта.",
            "Подпишите сертификатом, выданным сотруднику или организации.",
            remd_code="INVALID_CERT_KEY_USAGE",
            responsible=Responsible.MIS,
        )
    elif usage is not None and not usage & {"digital_signature", "content_commitment"}:
        yield finding(
            "key_usage",
            f"{name}: сертификат не предназначен для подписи.",
            "Подпишите сертификатом с областью использования «цифровая подпись» или «неотрекаемость».",
            remd_code="INVALID_CERT_KEY_USAGE",
            source=Source.OWN,
        )


def _person(
    name: str, part: SignaturePart, verdict: SignatureVerdict, document: CanonicalDocument | None
) -> Iterator[Finding]:
    subject = verdict.signer
    stated = snils_digits(part.signer.snils) if part.signer and part.signer.snils else ""
    actual = snils_digits(subject.snils)
    if stated and actual and stated != actual:
        yield finding(
            "snils_mismatch",
            f"{name}: СНИЛС подписанта в сообщении не совпадает со СНИЛС в сертификате.",
            "Укажите в signer того, кто подписал, или подпишите документ сертификатом указанного сотрудника.",
            remd_code=_UNLIKE,
            value=masked(stated),
            expected=masked(actual),
        )
    if not actual and not is_authority(verdict.certificate):
        yield finding(
            "snils_absent",
            f"{name}: в сертификате медработника нет СНИЛС.",
            "Подпишите квалифицированным сертификатом физического лица.",
            remd_code=_UNLIKE,
            severity=Severity.WARNING,
            source=Source.OWN,
        )
    person = _in_document(document, stated or actual, part)
    if person is None:
        return
    for field, code in unlike_name(subject, person.name):
        yield finding(
            code,
            f"{name}: {field} в сертификате не совпадает с тем, как этот сотрудник записан в документе.",
            "Исправьте карточку сотрудника в МИС и сформируйте документ заново; если человек сменил фамилию или имя, "
            "нужен новый сертификат.",
            remd_code=_UNLIKE,
        )


def _in_document(document: CanonicalDocument | None, snils: str, part: SignaturePart) -> Person | None:
    """Find the signer among the people of the document: by СНИЛС, else by the id in the МИС."""
    if document is None:
        return None
    people = [document.author, *document.performers]
    people += [document.legal_authenticator] if document.legal_authenticator else []
    local_id = (part.signer.local_id if part.signer else None) or ""
    by_snils = next((one for one in people if snils and one.snils == snils), None)
    return by_snils or next((one for one in people if local_id and one.local_id == local_id), None)


def _employer(name: str, subject: SignerSubject, holder: Holder) -> Iterator[Finding]:
    """Compare the employer a worker's certificate names: another one is told only, part-time work is lawful."""
    actual = subject.ogrn or subject.ogrnip
    if actual and holder.ogrn and actual != holder.ogrn:
        yield finding(
            "employer_mismatch",
            f"{name}: сертификат медработника выдан ему как сотруднику другой организации.",
            "Подпишите сертификатом физического лица или сертификатом, выданным в вашей клинике.",
            remd_code=_UNLIKE,
            severity=Severity.WARNING,
            source=Source.OWN,
            value=actual,
            expected=holder.ogrn,
        )


def _organization(
    name: str, subject: SignerSubject, holder: Holder, document: CanonicalDocument | None
) -> Iterator[Finding]:
    ogrn = holder.ogrn or (document.organization.ogrn if document else "")
    actual = subject.ogrn or subject.ogrnip
    if actual and ogrn and actual != ogrn:
        yield finding(
            "ogrn_mismatch",
            f"{name}: ОГРН в сертификате не совпадает с ОГРН клиники.",
            _OTHER_CLINIC,
            remd_code=_UNLIKE,
            value=actual,
            expected=ogrn,
        )
    inn = organization_inn(subject)
    if inn and holder.inn and inn != holder.inn:
        yield finding(
            "inn_mismatch",
            f"{name}: ИНН организации в сертификате не совпадает с ИНН клиники.",
            _OTHER_CLINIC,
            remd_code=_UNLIKE,
            value=inn if len(inn) == 10 else masked(inn),
            expected=holder.inn if len(holder.inn) == 10 else masked(holder.inn),
        )
    known = [title for title in (holder.title, document.organization.name if document else "") if title]
    if (
        subject.organization
        and known
        and not any(same_organization(subject.organization, one) for one in known)
    ):
        proven = bool(actual and actual == ogrn)
        yield finding(
            "organization_mismatch",
            f"{name}: название организации в сертификате не похоже на название клиники.",
            "Сверьте название клиники в сертификате, в карточке клиники и в документе (providerOrganization/name).",
            remd_code=_UNLIKE,
            severity=Severity.WARNING if proven else Severity.ERROR,
            source=Source.OWN if proven else Source.SEEN,
            value=None if _may_be_person(subject.organization) else subject.organization,
            expected=None if _may_be_person(known[0]) else known[0],
        )


def _may_be_person(title: str) -> bool:
    """Tell whether a name of an organisation may be a person's: that of an entrepreneur is."""
    return bool(_ENTREPRENEUR.match(title))


def organization_inn(subject: SignerSubject) -> str:
    """Return the ИНН of the organisation: ИННЮЛ, else ИНН written as 00 and ten digits, as before ИННЮЛ existed (crypto.md §1.6).

    An entrepreneur's own twelve digits count where the certificate has his ОГРНИП.
    """
    if subject.inn_le:
        return subject.inn_le
    if len(subject.inn) == 12 and subject.inn.startswith("00"):
        return subject.inn[2:]
    return subject.inn if len(subject.inn) == 10 or subject.ogrnip else ""
