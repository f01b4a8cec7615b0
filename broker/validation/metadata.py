"""The metadata layer: what the sender says of the document against what the document says of itself (semd.md §5.4).

РЭМД refuses every such difference; what it was seen to compare blocks here, what we compare besides warns.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from broker.document import instant
from broker.document.canonical import Person
from broker.document.cda import is_uuid, stated_numbers
from broker.document.facts import SignatureFacts, SubmissionFacts
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.identity import snils_digits
from broker.document.markup import CDA
from broker.document.submission import SignatureKind
from broker.validation.business import Subject
from broker.validation.report import LayerRun

_H: Final = f"{{{CDA}}}"
_ROLE: Final = f"{_H}recordTarget/{_H}patientRole"
_PROVIDER: Final = f"{_ROLE}/{_H}providerOrganization"
_CUSTODIAN: Final = f"{_H}custodian/{_H}assignedCustodian/{_H}representedCustodianOrganization"
Rule = Callable[[Subject, SubmissionFacts], Iterator[Finding]]


def check(subject: Subject, facts: SubmissionFacts) -> tuple[tuple[Finding, ...], LayerRun]:
    """Apply every comparison."""
    found = tuple(finding for rule in RULES for finding in rule(subject, facts))
    return found, LayerRun(ran=True, rules=len(RULES), evaluated=len(RULES))


def local_uid(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that the localUid sent is a UUID and the document's own id."""
    said = facts.local_uid or facts.metadata.local_uid or ""
    written = subject.document.document_id.extension
    if said and not is_uuid(said):
        yield _fault(
            subject, "metadata.local_uid_form", "localUid в заявке не UUID.", "Передайте UUID из 36 знаков."
        )
    if not said or not written or said.lower() == written.lower():
        return
    if is_uuid(written):
        yield _fault(
            subject,
            "metadata.local_uid_mismatch",
            "Уникальный идентификатор документа отличается от localUid в заявке.",
            "Передайте в localUid то же, что записано в ClinicalDocument/id/@extension.",
            f"{_H}id",
        )
    else:
        yield _doubt(
            subject,
            "metadata.local_uid_other_form",
            "В id/@extension документа не UUID, поэтому сверить его с localUid нельзя; РЭМД может счесть их разными.",
            "Записывайте в ClinicalDocument/id/@extension тот же UUID, что передаёте в localUid.",
            f"{_H}id",
        )


def clinic(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that the clinic of the submission is the clinic of the document, wherever the document names one."""
    document = subject.document
    signer = subject.markup.root.find(
        f"{_H}legalAuthenticator/{_H}assignedEntity/{_H}representedOrganization/{_H}id"
    )
    named = (
        ("providerOrganization", document.organization.oid, _PROVIDER),
        ("representedCustodianOrganization", document.custodian_oid, _CUSTODIAN),
        (
            "author/representedOrganization",
            document.author_organization,
            f"{_H}author/{_H}assignedAuthor/{_H}representedOrganization",
        ),
        (
            "legalAuthenticator/representedOrganization",
            "" if signer is None else signer.get("root", ""),
            f"{_H}legalAuthenticator/{_H}assignedEntity/{_H}representedOrganization",
        ),
    )
    for name, oid, path in named:
        if facts.clinic and oid and oid != facts.clinic:
            yield _fault(
                subject,
                "metadata.clinic_mismatch",
                f"Организация в заявке не совпадает с организацией в документе ({name}).",
                "Передайте документ от той клиники, чей OID записан в документе, или исправьте OID в карточке клиники в МИС.",
                path,
                value=oid[:80],
                expected=facts.clinic,
            )


def created_at(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that the creation time sent is the document's: the same minute, or the same day where the document has no time."""
    text = facts.metadata.created_at
    if not text:
        return
    said = instant.rfc3339(text)
    written = instant.moment(subject.document.created_text)
    if said is None:
        yield _fault(
            subject,
            "metadata.created_at_form",
            "Время createdAt в заявке не читается или указано без часового пояса.",
            "Запишите createdAt по RFC 3339 с поясом, например 2025-11-10T10:15:00+03:00.",
        )
    elif written is not None and not _same(said, written, subject.document.created_text):
        yield _fault(
            subject,
            "metadata.created_at_mismatch",
            "Дата создания документа отличается от createdAt в заявке.",
            "Передайте в createdAt то же время, что в effectiveTime документа, вместе с часовым поясом.",
            f"{_H}effectiveTime",
            value=subject.document.created_text[:24],
            expected=text[:40],
        )


def _same(said: datetime, written: datetime, text: str) -> bool:
    if not instant.has_time(text):
        return said.date() == written.date()
    return said.replace(second=0, microsecond=0) == written.replace(second=0, microsecond=0)


def department(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that the department sent is the one of providerOrganization."""
    said, written = facts.metadata.department or "", subject.document.organization.department
    if said and written and said != written:
        yield _fault(
            subject,
            "metadata.department_mismatch",
            "Подразделение в заявке не совпадает с подразделением в документе (providerOrganization).",
            "Передайте в department тот же OID подразделения, что записан в providerOrganization/id/@extension.",
            _PROVIDER,
            value=written[:80],
            expected=said[:80],
        )
    elif said and not written:
        yield _doubt(
            subject,
            "metadata.department_not_in_document",
            "В заявке указано подразделение, а в документе его нет.",
            "Запишите OID подразделения в providerOrganization/id/@extension или не передавайте department.",
            _PROVIDER,
        )


def patient(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that the patient's local id sent is the one in the document."""
    said = (facts.metadata.patient.local_id if facts.metadata.patient else None) or ""
    written = subject.document.patient.local_id
    if said and written and said != written:
        yield _fault(
            subject,
            "metadata.patient_mismatch",
            "Идентификатор пациента в заявке отличается от идентификатора в документе.",
            "Передайте в patient.localId то же, что в patientRole/id с корнем, оканчивающимся на .10.",
            _ROLE,
        )


def numbers(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that series and number agree, and the series is there where the kind demands it (1520.SERIES_REQUIRED)."""
    written = stated_numbers(subject.markup.root)
    pairs = (
        ("documentNumber", facts.metadata.document_number, written.get("number")),
        ("series", facts.metadata.series, written.get("series")),
    )
    for name, said, stated in pairs:
        if said and stated and said != stated:
            yield _doubt(
                subject,
                "metadata.number_mismatch",
                f"{name} в заявке отличается от записанного в теле документа.",
                f"Передайте в {name} то же, что записано в документе.",
            )
    if subject.card is not None and subject.card.series_required and not subject.document.series:
        yield _fault(
            subject,
            "metadata.series_required",
            "Для этого вида документа обязательна серия.",
            "Передайте серию документа в metadata.series.",
            source=Source.OFFICIAL,
            remd_code="SERIES_REQUIRED",
        )


def title_and_payment(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that title and source of payment sent are the document's."""
    said, written = facts.metadata.title, subject.document.title
    if said and written and said.split() != written.split():
        yield _doubt(
            subject,
            "metadata.title_mismatch",
            "Название в заявке отличается от заголовка документа.",
            "Передайте в title заголовок документа или не передавайте его.",
            f"{_H}title",
        )
    paid = facts.metadata.payment_source
    if paid and subject.document.payment_source and paid != subject.document.payment_source:
        yield _doubt(
            subject,
            "metadata.payment_mismatch",
            "Источник оплаты в заявке отличается от записанного в документе.",
            "Передайте в paymentSource код участника IND документа (справочник 1.2.643.5.1.13.13.11.1039).",
            f"{_H}participant",
        )


def version(subject: Subject, _: SubmissionFacts) -> Iterator[Finding]:
    """Demand that new versions only of kinds that have them, and with the set they belong to."""
    if subject.document.version == 1:
        return
    if subject.card is not None and not subject.card.new_versions:
        yield _fault(
            subject,
            "metadata.new_version_forbidden",
            f"Для документов вида {subject.card.code} запрещена регистрация новых версий.",
            "Передайте новый документ с versionNumber 1 и новым setId.",
            f"{_H}versionNumber",
            remd_code="RESTRICT_NEW_VERSION",
        )
    if not subject.document.set_id.extension:
        yield _doubt(
            subject,
            "metadata.set_id_missing",
            "У новой версии документа нет setId: её нельзя связать с предыдущей.",
            "Запишите setId первой версии документа.",
            f"{_H}versionNumber",
        )


def signers(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that every signer is a person of the document with the same post, found by СНИЛС or by local id."""
    for signature in facts.signatures:
        if signature.kind is not SignatureKind.PERSONAL or not (signature.known_snils or signature.local_id):
            continue
        person = matched(signature, _people(subject))
        if person is None:
            yield _doubt(
                subject,
                "metadata.signer_not_in_document",
                "Подписавшего сотрудника нет среди автора, исполнителей и заверителя документа.",
                "Проверьте СНИЛС и localId подписавшего: РЭМД сверяет их с документом.",
                f"{_H}author",
            )
            continue
        yield from _signer_differences(subject, signature, person)


def _signer_differences(subject: Subject, signature: SignatureFacts, person: Person) -> Iterator[Finding]:
    if signature.snils and person.snils and snils_digits(signature.snils) != person.snils:
        yield _fault(
            subject,
            "metadata.signer_snils_mismatch",
            "СНИЛС подписавшего в заявке отличается от СНИЛС этого сотрудника в документе.",
            "Исправьте СНИЛС сотрудника в заявке или в документе.",
            f"{_H}author",
            remd_code="INVALID_DOCTOR_SNILS",
        )
    if signature.local_id and person.local_id and signature.local_id != person.local_id:
        yield _fault(
            subject,
            "metadata.signer_id_mismatch",
            "Идентификатор подписавшего в заявке отличается от идентификатора этого сотрудника в документе.",
            "Передайте в signer.localId то же, что в id сотрудника с корнем, оканчивающимся на .70.",
            f"{_H}author",
            remd_code="INVALID_DOCTOR_ID",
        )
    if signature.position and person.position.code and signature.position != person.position.code:
        yield _fault(
            subject,
            "metadata.signer_position_mismatch",
            "Должность подписавшего в заявке отличается от его должности в документе.",
            "Передайте в signer.position код должности из документа (справочник 1.2.643.5.1.13.13.11.1002).",
            f"{_H}author",
            value=person.position.code[:20],
            expected=signature.position[:20],
            remd_code="INVALID_DOCTOR_INFO",
        )


def legal_authenticator(subject: Subject, facts: SubmissionFacts) -> Iterator[Finding]:
    """Demand that who authenticates the document is among those who signed it (LEGAL_AUTHENTICATOR_NOT_FOUND)."""
    person = subject.document.legal_authenticator
    personal = [s for s in facts.signatures if s.kind is SignatureKind.PERSONAL]
    if person is None or not personal or not all(s.known_snils or s.local_id for s in personal):
        return
    if all(matched(signature, [person]) is None for signature in personal):
        yield _fault(
            subject,
            "metadata.legal_authenticator_not_signed",
            "Лицо, придавшее документу юридическую силу (legalAuthenticator), не подписало документ.",
            "Добавьте подпись этого сотрудника или запишите в legalAuthenticator того, кто подписал.",
            f"{_H}legalAuthenticator",
            remd_code="LEGAL_AUTHENTICATOR_NOT_FOUND",
            responsible=Responsible.CLINIC,
        )


RULES: Final[tuple[Rule, ...]] = (
    local_uid,
    clinic,
    created_at,
    department,
    patient,
    numbers,
    title_and_payment,
    version,
    signers,
    legal_authenticator,
)
"""Every comparison of the layer."""


def matched(signature: SignatureFacts, people: list[Person]) -> Person | None:
    """Find the person of the document a signature belongs to: by СНИЛС, else by the id in the МИС."""
    snils = snils_digits(signature.known_snils)
    by_snils = next((p for p in people if snils and p.snils == snils), None)
    by_id = next((p for p in people if signature.local_id and p.local_id == signature.local_id), None)
    return by_snils or by_id


def _people(subject: Subject) -> list[Person]:
    document = subject.document
    signer = [document.legal_authenticator] if document.legal_authenticator else []
    return [document.author, *signer, *document.performers]


def _place(subject: Subject, path: str | None) -> Location | None:
    element = subject.markup.root.find(path) if path else None
    return None if element is None else subject.markup.locate(element)


def _fault(  # noqa: PLR0913 - the parts of one finding
    subject: Subject,
    code: str,
    message: str,
    fix: str,
    path: str | None = None,
    *,
    value: str | None = None,
    expected: str | None = None,
    source: Source = Source.SEEN,
    remd_code: str = "VALIDATION_ERROR",
    responsible: Responsible = Responsible.MIS,
) -> Finding:
    return Finding(
        layer=Layer.METADATA,
        severity=Severity.ERROR,
        code=code,
        message=message,
        fix=fix,
        location=_place(subject, path),
        value=value,
        expected=expected,
        responsible=responsible,
        source=source,
        remd_code=remd_code,
    )


def _doubt(subject: Subject, code: str, message: str, fix: str, path: str | None = None) -> Finding:
    return Finding(
        layer=Layer.METADATA,
        severity=Severity.WARNING,
        code=code,
        message=message,
        fix=fix,
        location=_place(subject, path),
        responsible=Responsible.MIS,
        source=Source.OWN,
    )
