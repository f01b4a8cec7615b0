"""The request against the document: identity, clinic, times, numbers and the rest of the metadata."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Final

from broker.document import instant
from broker.document.cda import LICENCE_ROOT, is_uuid, stated_numbers
from broker.document.finding import Layer, Source
from broker.document.markup import Markup, parse
from broker.validation.business.places import (
    AUTHOR_ORGANIZATION,
    CUSTODIAN,
    PROVIDER,
    ROLE,
    SIGNER_ORGANIZATION,
    H,
)
from broker.validation.business.rule import Breach, Rule, Subject

_ORGANIZATIONS: Final = (
    ("providerOrganization", PROVIDER),
    ("representedCustodianOrganization", CUSTODIAN),
    ("author/representedOrganization", AUTHOR_ORGANIZATION),
    ("legalAuthenticator/representedOrganization", SIGNER_ORGANIZATION),
)
_CROSS: Final = "Перекрёстные проверки РЭМД: сведения в запросе на регистрацию и в документе совпадают"
_OWN: Final = "Наша проверка"


def _said_uid(subject: Subject) -> str:
    return subject.facts.local_uid or subject.facts.metadata.local_uid or ""


def local_uid_form(subject: Subject) -> Iterator[Breach]:
    """Demand a UUID."""
    if _said_uid(subject) and not is_uuid(_said_uid(subject)):
        yield Breach(None, "localUid в заявке не UUID.")


def local_uid_mismatch(subject: Subject) -> Iterator[Breach]:
    """Demand that the localUid sent is the document's own id."""
    said, written = _said_uid(subject), subject.document.document_id.extension
    if said and is_uuid(written) and said.lower() != written.lower():
        yield Breach(
            subject.at_path(f"{H}id"),
            "Уникальный идентификатор документа отличается от localUid в заявке.",
        )


def local_uid_other_form(subject: Subject) -> Iterator[Breach]:
    """Demand that the document's own id is a UUID, so that it can be compared."""
    said, written = _said_uid(subject), subject.document.document_id.extension
    if said and written and not is_uuid(written) and said.lower() != written.lower():
        yield Breach(
            subject.at_path(f"{H}id"),
            "В id/@extension документа не UUID, поэтому сверить его с localUid нельзя; РЭМД может счесть их разными.",
        )


def clinic(subject: Subject) -> Iterator[Breach]:
    """Demand that the clinic of the submission is the clinic of the document, wherever the document names one."""
    said = subject.facts.clinic
    for name, path in _ORGANIZATIONS if said else ():
        ids = [one for one in subject.all(f"{path}/{H}id") if one.get("root") != LICENCE_ROOT]
        oid = ids[0].get("root", "") if ids else ""
        if oid and oid != said:
            yield Breach(
                ids[0],
                f"Организация в заявке не совпадает с организацией в документе ({name}).",
                value=oid[:80],
                expected=said,
            )


def created_at_form(subject: Subject) -> Iterator[Breach]:
    """Demand RFC 3339 with an offset."""
    text = subject.facts.metadata.created_at
    if text and instant.rfc3339(text) is None:
        yield Breach(None, "Время createdAt в заявке не читается или указано без часового пояса.")


def created_at_mismatch(subject: Subject) -> Iterator[Breach]:
    """Demand the document's creation time: the same minute, or the same day where the document has no time."""
    text = subject.facts.metadata.created_at or ""
    said, written = instant.rfc3339(text), instant.moment(subject.document.created_text)
    if said is not None and written is not None and not _same(said, written, subject.document.created_text):
        yield Breach(
            subject.at_path(f"{H}effectiveTime"),
            "Дата создания документа отличается от createdAt в заявке.",
            value=subject.document.created_text[:24],
            expected=text[:40],
        )


def _same(said: datetime, written: datetime, text: str) -> bool:
    if not instant.has_time(text):
        return said.date() == written.date()
    return said.replace(second=0, microsecond=0) == written.replace(second=0, microsecond=0)


def department_mismatch(subject: Subject) -> Iterator[Breach]:
    """Demand that the department sent is the one of every organisation of the document that names one."""
    said = subject.facts.metadata.department or ""
    for name, path in _ORGANIZATIONS if said else ():
        for element in subject.all(f"{path}/{H}id"):
            written = element.get("extension", "")
            if written and element.get("root") != LICENCE_ROOT and written != said:
                yield Breach(
                    element,
                    f"Подразделение в заявке не совпадает с подразделением в документе ({name}).",
                    value=written[:80],
                    expected=said[:80],
                )


def department_not_in_document(subject: Subject) -> Iterator[Breach]:
    """Demand that the document names the department sent."""
    if subject.facts.metadata.department and not subject.document.organization.department:
        yield Breach(subject.at_path(PROVIDER), "В заявке указано подразделение, а в документе его нет.")


def patient(subject: Subject) -> Iterator[Breach]:
    """Demand that the patient's local id sent is the one in the document."""
    reference = subject.facts.metadata.patient
    said, written = (reference.local_id if reference else None) or "", subject.document.patient.local_id
    if said and written and said != written:
        yield Breach(
            subject.at_path(f"{ROLE}/{H}id"),
            "Идентификатор пациента в заявке отличается от идентификатора в документе.",
        )


def numbers(subject: Subject) -> Iterator[Breach]:
    """Demand that series and number agree with the body."""
    said = subject.facts.metadata
    if not (said.document_number or said.series):
        return
    written = stated_numbers(subject.outline)
    pairs = (("documentNumber", said.document_number, "number"), ("series", said.series, "series"))
    for name, stated, key in pairs:
        if stated and written.get(key) and stated != written[key]:
            yield Breach(
                None,
                f"{name} в заявке отличается от записанного в теле документа.",
                f"Передайте в {name} то же, что записано в документе.",
            )


def series_required(subject: Subject) -> Iterator[Breach]:
    """Demand the series where the kind does (1520.SERIES_REQUIRED)."""
    if subject.card is not None and subject.card.series_required and not subject.document.series:
        yield Breach(None, "Для этого вида документа обязательна серия.")


def title(subject: Subject) -> Iterator[Breach]:
    """Demand the document's title."""
    said, written = subject.facts.metadata.title, subject.document.title
    if said and written and said.split() != written.split():
        yield Breach(subject.at_path(f"{H}title"), "Название в заявке отличается от заголовка документа.")


def payment(subject: Subject) -> Iterator[Breach]:
    """Demand the document's source of payment."""
    said, written = subject.facts.metadata.payment_source, subject.document.payment_source
    if said and written and said != written:
        yield Breach(
            subject.at_path(f"{H}participant"),
            "Источник оплаты в заявке отличается от записанного в документе.",
            value=written[:20],
            expected=said[:20],
        )


def pluggable(subject: Subject) -> Iterator[Breach]:
    """Demand that the attributes of the document's kind are one XML element, without DTD."""
    text = subject.facts.metadata.pluggable_attributes
    if text and not isinstance(parse(text.encode()), Markup):
        yield Breach(None, "Дополнительные атрибуты вида документа (pluggableAttributes) — не XML.")


_rule = partial(Rule, layer=Layer.METADATA)
RULES: Final = (
    _rule(
        name="metadata.local_uid_form",
        title="localUid заявки — UUID",
        source=Source.SEEN,
        why="localUid запроса на регистрацию РЭМД — UUID",
        fix="Передайте в localUid UUID из 36 знаков: тот же, что в ClinicalDocument/id/@extension.",
        remd_code="VALIDATION_ERROR",
        check=local_uid_form,
    ),
    _rule(
        name="metadata.local_uid_mismatch",
        title="localUid заявки совпадает с id документа",
        source=Source.SEEN,
        why=_CROSS,
        fix="Передайте в localUid то же, что записано в ClinicalDocument/id/@extension.",
        remd_code="VALIDATION_ERROR",
        check=local_uid_mismatch,
    ),
    _rule(
        name="metadata.local_uid_other_form",
        title="id документа — UUID, чтобы его можно было сверить с localUid",
        source=Source.OWN,
        why=_OWN,
        fix="Записывайте в ClinicalDocument/id/@extension тот же UUID, что передаёте в localUid.",
        check=local_uid_other_form,
    ),
    _rule(
        name="metadata.clinic_mismatch",
        title="Организация заявки — организация документа",
        source=Source.SEEN,
        why=f"{_CROSS}: МО в providerOrganization, representedOrganization, representedCustodianOrganization",
        fix="Передайте документ от той клиники, чей OID записан в документе, или исправьте OID в карточке клиники в МИС.",
        remd_code="VALIDATION_ERROR",
        check=clinic,
    ),
    _rule(
        name="metadata.created_at_form",
        title="createdAt заявки записан по RFC 3339 с поясом",
        source=Source.SEEN,
        why="Договор обмена",
        fix="Запишите createdAt по RFC 3339 с поясом, например 2025-11-10T10:15:00+03:00.",
        remd_code="VALIDATION_ERROR",
        check=created_at_form,
    ),
    _rule(
        name="metadata.created_at_mismatch",
        title="createdAt заявки совпадает с датой создания документа",
        source=Source.SEEN,
        why=_CROSS,
        fix="Передайте в createdAt то же время, что в effectiveTime документа, вместе с часовым поясом.",
        remd_code="VALIDATION_ERROR",
        check=created_at_mismatch,
    ),
    _rule(
        name="metadata.department_mismatch",
        title="Подразделение заявки — подразделение документа",
        source=Source.SEEN,
        why=f"{_CROSS}: СП в providerOrganization, representedOrganization, representedCustodianOrganization",
        fix="Передайте в department тот же OID подразделения, что записан в providerOrganization/id/@extension.",
        remd_code="VALIDATION_ERROR",
        check=department_mismatch,
    ),
    _rule(
        name="metadata.department_not_in_document",
        title="Подразделение заявки записано и в документе",
        source=Source.OWN,
        why=_OWN,
        fix="Запишите OID подразделения в providerOrganization/id/@extension или не передавайте department.",
        check=department_not_in_document,
    ),
    _rule(
        name="metadata.patient_mismatch",
        title="Пациент заявки — пациент документа",
        source=Source.SEEN,
        why=_CROSS,
        fix="Передайте в patient.localId то же, что в patientRole/id с корнем, оканчивающимся на .10.",
        remd_code="VALIDATION_ERROR",
        check=patient,
    ),
    _rule(
        name="metadata.number_mismatch",
        title="Номер и серия заявки совпадают с записанными в документе",
        source=Source.OWN,
        why=_OWN,
        fix="Передайте в documentNumber и series то же, что записано в документе.",
        check=numbers,
    ),
    _rule(
        name="metadata.series_required",
        title="Серия указана, если её требует вид документа",
        source=Source.OFFICIAL,
        why="Справочник 1.2.643.5.1.13.13.11.1520, SERIES_REQUIRED",
        fix="Передайте серию документа в metadata.series.",
        remd_code="SERIES_REQUIRED",
        check=series_required,
    ),
    _rule(
        name="metadata.title_mismatch",
        title="Название заявки совпадает с заголовком документа",
        source=Source.OWN,
        why=_OWN,
        fix="Передайте в title заголовок документа или не передавайте его.",
        check=title,
    ),
    _rule(
        name="metadata.payment_mismatch",
        title="Источник оплаты заявки совпадает с записанным в документе",
        source=Source.OWN,
        why=_OWN,
        fix="Передайте в paymentSource код участника IND документа (справочник 1.2.643.5.1.13.13.11.1039).",
        check=payment,
    ),
    _rule(
        name="metadata.pluggable_not_xml",
        title="Дополнительные атрибуты — XML",
        source=Source.OFFICIAL,
        why="НСИ 1.2.643.5.1.13.13.99.2.305, INVALID_PLUGGABLE_ATTRS",
        fix="Передайте в metadata.pluggableAttributes один элемент XML без DOCTYPE или не передавайте поле.",
        remd_code="INVALID_PLUGGABLE_ATTRS",
        check=pluggable,
    ),
)
"""Every comparison of the metadata."""
