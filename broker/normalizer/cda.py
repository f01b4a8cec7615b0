"""From a CDA tree to the canonical document: the XPaths of semd.md appendix A for all three header generations.

Elements are found by the suffix of their root OID, not by their place. What is absent stays empty; what cannot be
read is a finding. Generation A writes the patronymic as a second ``given``; later ones as ``identity:Patronymic``.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from lxml.etree import _Element as Element

from broker.document import instant
from broker.document.canonical import (
    CanonicalDocument,
    Code,
    IdentityDocument,
    InstanceId,
    Organization,
    Patient,
    Person,
    PersonName,
    Policy,
)
from broker.document.cda import LICENCE_ROOT, PAYER_ROOT, SNILS_ROOT, is_uuid, stated_numbers
from broker.document.facts import SubmissionFacts
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.identity import snils_digits
from broker.document.kind import SEMD_SYSTEM, KindCatalogue
from broker.document.markup import ADDRESS, CDA, IDENTITY, Markup
from broker.document.outline import Outline
from broker.normalizer.header import document_id

_H: Final = f"{{{CDA}}}"
_I: Final = f"{{{IDENTITY}}}"
_STATE: Final = f"{{{ADDRESS}}}stateCode"


def canonical(
    markup: Markup, facts: SubmissionFacts, catalogue: KindCatalogue | None = None
) -> tuple[CanonicalDocument, tuple[Finding, ...]]:
    """Take from the document and the sender's words what every destination must know, and say what cannot be read.

    The sender's ``kind`` wins; without it the kind is derived (semd.md §1.5), which needs the catalogue.
    """
    outline = markup.outline
    findings: list[Finding] = []
    if markup.root.tag != f"{_H}ClinicalDocument":
        findings.append(_not_cda(markup))
    header = _header(outline)
    created_at, created_text = _created(markup, facts, findings)
    document = CanonicalDocument(
        local_uid=_local_uid(facts, header.ident, findings),
        kind=_kind(facts, header, catalogue, findings),
        clinic=facts.clinic,
        template=header.template,
        code=header.code,
        semd_number=header.semd_number,
        document_id=header.ident,
        set_id=_instance(outline.first(f"{_H}setId")),
        version=_version(markup, findings),
        title=_content(outline.first(f"{_H}title")),
        created_at=created_at,
        created_text=created_text,
        confidentiality=_stated(outline, f"{_H}confidentialityCode", "code"),
        patient=_patient(outline),
        organization=_organization(outline),
        custodian_oid=_stated(
            outline,
            f"{_H}custodian/{_H}assignedCustodian/{_H}representedCustodianOrganization/{_H}id",
            "root",
        ),
        author=_person(outline, outline.first(f"{_H}author/{_H}assignedAuthor")),
        author_organization=_stated(
            outline, f"{_H}author/{_H}assignedAuthor/{_H}representedOrganization/{_H}id", "root"
        ),
        legal_authenticator=_legal_authenticator(outline),
        performers=_performers(outline),
        event_code=_stated(outline, f"{_H}documentationOf/{_H}serviceEvent/{_H}code", "code"),
        recipients=_recipients(outline, facts),
        associations=facts.metadata.associations,
        addressees=facts.metadata.addressees,
        representative=facts.metadata.representative,
        pluggable_attributes=facts.metadata.pluggable_attributes or "",
        legal_basis=facts.metadata.legal_basis,
        **_numbers(outline, facts),
        **_payment(outline, facts),
    )
    return document, tuple(findings)


class _Header:
    """The identity of the document as its first elements state it."""

    __slots__ = ("code", "ident", "semd_number", "template")

    def __init__(self, template: str, code: Code, semd_number: str, ident: InstanceId) -> None:
        self.template = template
        self.code = code
        self.semd_number = semd_number
        self.ident = ident


def _header(outline: Outline) -> _Header:
    element = outline.first(f"{_H}code")
    code = _code(element)
    semd_number = code.code if code.system == SEMD_SYSTEM else ""
    for translation in outline.below(element, f"{_H}translation") if element is not None else ():
        if translation.get("codeSystem") == SEMD_SYSTEM:
            semd_number = _attribute(translation, "code")
    ids = [_instance(found) for found in outline.all(f"{_H}id")]
    return _Header(_stated(outline, f"{_H}templateId", "root"), code, semd_number, document_id(ids))


def _kind(
    facts: SubmissionFacts, header: _Header, catalogue: KindCatalogue | None, findings: list[Finding]
) -> str:
    if facts.kind:
        return facts.kind
    candidates = (catalogue or KindCatalogue()).derive(header.code, header.semd_number, header.template)
    if len(candidates) == 1:
        return candidates[0]
    known = f" Подходят: {', '.join(candidates)}." if candidates else ""
    findings.append(
        Finding(
            layer=Layer.KIND,
            severity=Severity.ERROR,
            code="kind.ambiguous" if candidates else "kind.undetermined",
            message=f"Вид документа не указан и не определяется по самому документу.{known}",
            fix="Передайте поле kind: код вида по справочнику 1.2.643.5.1.13.13.11.1520.",
            responsible=Responsible.MIS,
            source=Source.SEEN,
        )
    )
    return ""


def _local_uid(facts: SubmissionFacts, ident: InstanceId, findings: list[Finding]) -> str:
    """Take the sender's localUid, else the document's own id when that is a UUID."""
    said = facts.local_uid or facts.metadata.local_uid or ""
    if said:
        return said
    if is_uuid(ident.extension):
        return ident.extension
    findings.append(
        Finding(
            layer=Layer.METADATA,
            severity=Severity.ERROR,
            code="metadata.local_uid_missing",
            message="У документа нет идентификатора localUid: он не передан, а id/@extension документа не UUID.",
            fix="Передайте metadata.localUid (UUID) или запишите UUID в ClinicalDocument/id/@extension.",
            responsible=Responsible.MIS,
            source=Source.SEEN,
        )
    )
    return ""


def _created(markup: Markup, facts: SubmissionFacts, findings: list[Finding]) -> tuple[datetime | None, str]:
    """Read effectiveTime; a bare day takes its moment from the sender's createdAt when that is the same day."""
    element = markup.outline.first(f"{_H}effectiveTime")
    text = _attribute(element, "value")
    said = instant.rfc3339(facts.metadata.created_at or "")
    if not text:
        return said, ""
    found = instant.moment(text)
    if found is None and instant.lacks_offset(text):
        findings.append(
            _bad_time(markup, element, "cda.offset_missing", "Время создания указано без часового пояса.")
        )
    elif found is None:
        findings.append(
            _bad_time(markup, element, "cda.time_unreadable", "Время создания документа не читается.")
        )
    if found is not None and not instant.has_time(text) and said is not None and said.date() == found.date():
        return said, text
    return found or said, text


def _bad_time(markup: Markup, element: Element | None, code: str, message: str) -> Finding:
    return Finding(
        layer=Layer.METADATA,
        severity=Severity.WARNING if code == "cda.offset_missing" else Severity.ERROR,
        code=code,
        message=message,
        fix="Запишите effectiveTime/@value как ГГГГММДДЧЧММ±ЧЧММ, например 202511101015+0300.",
        expected="ГГГГММДД[ЧЧММ[СС]±ЧЧММ]",
        location=markup.locate(element) if element is not None else None,
        responsible=Responsible.MIS,
        source=Source.SEEN,
        remd_code="WRONG_CREATION_DATE",
    )


def _version(markup: Markup, findings: list[Finding]) -> int:
    element = markup.outline.first(f"{_H}versionNumber")
    text = _attribute(element, "value")
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= 1:
        return int(text)
    if element is not None:
        findings.append(
            Finding(
                layer=Layer.METADATA,
                severity=Severity.ERROR,
                code="cda.version_unreadable",
                message="Номер версии документа (versionNumber/@value) не целое число от 1.",
                fix="Запишите номер версии: 1 для первой, на единицу больше для каждой следующей с тем же setId.",
                location=markup.locate(element),
                responsible=Responsible.MIS,
                source=Source.SEEN,
                remd_code="VALIDATION_ERROR",
            )
        )
    return 1


def _patient(outline: Outline) -> Patient:
    role = outline.first(f"{_H}recordTarget/{_H}patientRole")
    if role is None:
        return Patient()
    return Patient(
        local_id=_local_id(outline, role, ".10"),
        snils=_snils(outline, role),
        name=_name(outline, outline.first_below(role, f"{_H}patient/{_H}name")),
        gender=_value(outline, role, f"{_H}patient/{_H}administrativeGenderCode", "code"),
        birth_date=_value(outline, role, f"{_H}patient/{_H}birthTime", "value")[:8],
        region=_value(outline, role, f"{_H}addr/{_STATE}", "code"),
        policy=_policy(outline, outline.first_below(role, f"{_I}InsurancePolicy")),
        identity_document=_identity_document(outline, outline.first_below(role, f"{_I}IdentityDoc")),
    )


def _policy(outline: Outline, element: Element | None) -> Policy | None:
    number = _text(outline, element, f"{_I}Number")
    if element is None or not number:
        return None
    return Policy(
        type=_value(outline, element, f"{_I}InsurancePolicyType", "code"),
        series=_text(outline, element, f"{_I}Series"),
        number=number,
    )


def _identity_document(outline: Outline, element: Element | None) -> IdentityDocument | None:
    number = _text(outline, element, f"{_I}Number")
    if element is None or not number:
        return None
    return IdentityDocument(
        type=_value(outline, element, f"{_I}IdentityCardType", "code"),
        series=_text(outline, element, f"{_I}Series"),
        number=number,
        issued=_value(outline, element, f"{_I}IssueDate", "value")[:8],
        issuer=_text(outline, element, f"{_I}IssueOrgName"),
    )


def _organization(outline: Outline) -> Organization:
    element = outline.first(f"{_H}recordTarget/{_H}patientRole/{_H}providerOrganization")
    if element is None:
        return Organization()
    ids = [_instance(found) for found in outline.below(element, f"{_H}id")]
    own = next((i for i in ids if i.root and i.root != LICENCE_ROOT), InstanceId())
    return Organization(
        oid=own.root,
        department=own.extension or _value(outline, element, f"{_I}Dept/{_H}id", "root"),
        name=_text(outline, element, f"{_H}name"),
        ogrn=_text(outline, element, f"{_I}Props/{_I}Ogrn")
        or _text(outline, element, f"{_I}Props/{_I}Ogrnip"),
        licence=next((i.extension for i in ids if i.root == LICENCE_ROOT), ""),
    )


def _person(outline: Outline, element: Element | None, role: str = "") -> Person:
    if element is None:
        return Person(role=role)
    return Person(
        local_id=_local_id(outline, element, ".70"),
        snils=_snils(outline, element),
        name=_name(outline, outline.first_below(element, f"{_H}assignedPerson/{_H}name")),
        position=_code(outline.first_below(element, f"{_H}code")),
        role=role,
    )


def _legal_authenticator(outline: Outline) -> Person | None:
    element = outline.first(f"{_H}legalAuthenticator/{_H}assignedEntity")
    return None if element is None else _person(outline, element)


def _performers(outline: Outline) -> list[Person]:
    return [
        _person(
            outline,
            outline.first_below(performer, f"{_H}assignedEntity"),
            _value(outline, performer, f"{_H}functionCode", "code"),
        )
        for performer in outline.all(f"{_H}documentationOf/{_H}serviceEvent/{_H}performer")
    ]


def _name(outline: Outline, element: Element | None) -> PersonName:
    if element is None:
        return PersonName()
    given = [_content(found) for found in outline.below(element, f"{_H}given")]
    return PersonName(
        family=_text(outline, element, f"{_H}family"),
        given=given[0] if given else "",
        patronymic=_text(outline, element, f"{_I}Patronymic") or (given[1] if len(given) > 1 else ""),
    )


def _recipients(outline: Outline, facts: SubmissionFacts) -> list[str]:
    organizations = outline.all(
        f"{_H}informationRecipient/{_H}intendedRecipient/{_H}receivedOrganization/{_H}id"
    )
    return _unique([*facts.metadata.recipients, *(_attribute(found, "root") for found in organizations)])


def _payment(outline: Outline, facts: SubmissionFacts) -> dict[str, str]:
    """Return the source of payment (11.1039) and the insurer, from the payer's participant."""
    source, payer = "", ""
    for participant in outline.all(f"{_H}participant"):
        if participant.get("typeCode") != "IND":
            continue
        entity = outline.first_below(participant, f"{_H}associatedEntity")
        source = source or _value(outline, entity, f"{_H}code", "code")
        payers = outline.below(entity, f"{_H}scopingOrganization/{_H}id") if entity is not None else ()
        for found in payers:
            if found.get("root") == PAYER_ROOT:
                payer = payer or _attribute(found, "extension")
    return {"payment_source": source or facts.metadata.payment_source or "", "payer": payer}


def _numbers(outline: Outline, facts: SubmissionFacts) -> dict[str, str]:
    """Return series and number: the sender's, else those in the body (codes 11002 and 11003 of 99.2.166)."""
    found = stated_numbers(outline)
    return {
        "series": facts.metadata.series or found.get("series", ""),
        "document_number": facts.metadata.document_number or found.get("number", ""),
    }


def _local_id(outline: Outline, element: Element, suffix: str) -> str:
    """Return the id whose root ends in the suffix, else the first one that is not a СНИЛС."""
    ids = [_instance(one) for one in outline.below(element, f"{_H}id")]
    ids = [one for one in ids if one.root != SNILS_ROOT]
    return next((i.extension for i in ids if i.root.endswith(suffix)), ids[0].extension if ids else "")


def _snils(outline: Outline, element: Element) -> str:
    for found in outline.below(element, f"{_H}id"):
        if found.get("root") == SNILS_ROOT:
            return snils_digits(_attribute(found, "extension"))
    return ""


def _instance(element: Element | None) -> InstanceId:
    return InstanceId(root=_attribute(element, "root"), extension=_attribute(element, "extension"))


def _code(element: Element | None) -> Code:
    return Code(
        code=_attribute(element, "code"),
        system=_attribute(element, "codeSystem"),
        version=_attribute(element, "codeSystemVersion"),
        name=_attribute(element, "displayName"),
    )


def _stated(outline: Outline, way: str, attribute: str) -> str:
    return _attribute(outline.first(way), attribute)


def _value(outline: Outline, parent: Element | None, way: str, attribute: str) -> str:
    return "" if parent is None else _attribute(outline.first_below(parent, way), attribute)


def _text(outline: Outline, parent: Element | None, way: str) -> str:
    return "" if parent is None else _content(outline.first_below(parent, way))


def _content(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _attribute(element: Element | None, name: str) -> str:
    return "" if element is None else str(element.get(name, "")).strip()


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _not_cda(markup: Markup) -> Finding:
    return Finding(
        layer=Layer.KIND,
        severity=Severity.ERROR,
        code="kind.not_cda",
        message="Корневой элемент документа не ClinicalDocument из пространства имён urn:hl7-org:v3.",
        fix='Передайте СЭМД целиком: корневой элемент <ClinicalDocument xmlns="urn:hl7-org:v3">.',
        location=markup.locate(markup.root),
        responsible=Responsible.MIS,
        source=Source.SEEN,
        remd_code="INVALID_CONTENT",
    )
