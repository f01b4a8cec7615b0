"""What we send to РЭМД: the SOAP envelopes of registerDocument and searchRegistryItem, in the order of our XSD.

The document's file is never part of a request: РЭМД asks for it.
"""

import zlib
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Final
from uuid import UUID

from lxml import etree

from adapters.remd.names import ADDRESSING_NS, ROLE_IDS, TRANSPORT_NS, Names, service_tags
from adapters.remd.search import Query
from adapters.remd.settings import ChecksumBase, ChecksumSign, MessageIdForm, RoleForm, Settings
from broker.adapter_kit import Parcel
from broker.adapter_kit.soap import safe_parser
from broker.document.canonical import CanonicalDocument, Patient, Person, SignatureRecord
from broker.document.identity import snils_digits
from broker.document.submission import PersonCard, SignatureKind

_WSA: Final = f"{{{ADDRESSING_NS}}}"
_EGISZ: Final = f"{{{TRANSPORT_NS}}}"


def written_id(message_id: UUID | str, form: MessageIdForm) -> str:
    """Write a message id the way the destination wants it."""
    return f"urn:uuid:{message_id}" if form is MessageIdForm.URN else str(message_id)


def bare_id(text: str) -> str:
    """Reduce a MessageID in any of its seen forms (urn:uuid:, upper case, no hyphens) to the one we store."""
    plain = text.strip().lower().removeprefix("urn:uuid:").strip("{}")
    try:
        return str(UUID(plain))
    except ValueError:
        return plain[:100]


def checksum(data: bytes, text: Iterable[bytes], settings: Settings) -> str:
    """CRC32 of the bytes or of the pieces of their base64 text, signed or not, as the destination's settings say."""
    value = 0
    for piece in text if settings.checksum_base is ChecksumBase.BASE64 else (data,):
        value = zlib.crc32(piece, value)
    if settings.checksum_sign is ChecksumSign.SIGNED and value >= 1 << 31:
        value -= 1 << 32
    return str(value)


def soap_envelope(
    settings: Settings,
    *,
    message_id: str,
    action: str,
    to: str = "",
    reply_to: str = "",
    relates_to: str = "",
    client_entity_id: str = "",
    version: str = "",
) -> tuple[etree._Element, etree._Element]:
    """Return an envelope with transport and addressing headers, and its empty Body.

    Order as in messages signed by ИПС: transportHeader, MessageID, Action, then ReplyTo, RelatesTo, To.
    """
    soap = version or settings.soap_version
    envelope = etree.Element(
        f"{{{soap}}}Envelope", nsmap={"soap": soap, "wsa": ADDRESSING_NS, "egisz": TRANSPORT_NS}
    )
    header = etree.SubElement(envelope, f"{{{soap}}}Header")
    if client_entity_id:
        info = etree.SubElement(etree.SubElement(header, f"{_EGISZ}transportHeader"), f"{_EGISZ}authInfo")
        etree.SubElement(info, f"{_EGISZ}clientEntityId").text = client_entity_id
    etree.SubElement(header, f"{_WSA}MessageID").text = message_id
    etree.SubElement(header, f"{_WSA}Action").text = action
    if reply_to:
        etree.SubElement(etree.SubElement(header, f"{_WSA}ReplyTo"), f"{_WSA}Address").text = reply_to
    if relates_to:
        etree.SubElement(header, f"{_WSA}RelatesTo").text = relates_to
    if to:
        etree.SubElement(header, f"{_WSA}To").text = to
    return envelope, etree.SubElement(envelope, f"{{{soap}}}Body")


def serialized(envelope: etree._Element) -> bytes:
    """Turn an envelope into the bytes that leave."""
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def register_body(
    body: etree._Element, parcel: Parcel, document: CanonicalDocument, settings: Settings
) -> None:
    """Write registerDocumentRequest into a Body; raise ``ValueError`` for a character XML cannot carry."""
    tags = service_tags(settings.names)
    request = etree.SubElement(body, tags.register_request, nsmap={"ser": settings.names.service_namespace})
    _put(request, tags.local_uid, parcel.local_uid)
    _put(request, tags.kind, parcel.kind, settings.kind_version)
    _put(request, tags.organization, parcel.clinic.oid)
    _put(request, tags.department, document.organization.department)
    _put(request, tags.document_number, document.document_number)
    _put(request, tags.series, document.series)
    if settings.send_version:
        _put(request, tags.document_version, str(document.version))
    _put(request, tags.creation_date_time, _moment(document.created_at, settings.offset))
    if settings.send_patient:
        _put_patient(request, document.patient, tags, settings)
    _put_people(request, document, tags)
    if settings.send_description:
        _put(request, tags.description, document.title)
    _put_associations(request, document, tags, settings)
    _put_pluggable(request, document.pluggable_attributes, tags)
    _put_signatures(request, parcel.signatures, tags, settings)


def search_body(body: etree._Element, query: Query, settings: Settings) -> None:
    """Write searchRegistryItemRequest."""
    tags = service_tags(settings.names)
    request = etree.SubElement(body, tags.search_request, nsmap={"ser": settings.names.service_namespace})
    _put(request, tags.organization, query.clinic)
    _put(request, tags.kind, query.kind)
    _put(request, tags.register_date_begin, _moment(query.since, settings.offset))
    _put(request, tags.register_date_end, _moment(query.until, settings.offset))
    _put(request, tags.patient_snils, query.snils)


def _put(parent: etree._Element, tag: str, text: str, version: str = "") -> None:
    if not text:
        return
    element = etree.SubElement(parent, tag)
    element.text = text
    if version:
        element.set("version", version)


def _moment(moment: datetime | None, offset: str) -> str:
    """Write a dateTime with its zone; one without gets the destination's offset."""
    if moment is None:
        return ""
    if moment.tzinfo is None:
        sign = -1 if offset.startswith("-") else 1
        hours, _, minutes = offset.lstrip("+-").partition(":")
        moment = moment.replace(
            tzinfo=timezone(sign * timedelta(hours=int(hours), minutes=int(minutes or 0)))
        )
    return moment.isoformat(timespec="seconds")


def _put_patient(request: etree._Element, patient: Patient, tags: Names, settings: Settings) -> None:
    if patient == Patient():
        return
    element = etree.SubElement(request, tags.patient)
    _put(element, tags.surname, patient.name.family)
    _put(element, tags.name, patient.name.given)
    _put(element, tags.patr_name, patient.name.patronymic)
    _put(element, tags.gender, patient.gender, settings.gender_version)
    _put(element, tags.birth_date, _iso_date(patient.birth_date))
    _put(element, tags.local_id, patient.local_id)
    _put(element, tags.snils, snils_digits(patient.snils))


def _put_people(request: etree._Element, document: CanonicalDocument, tags: Names) -> None:
    """Write the addressees of the document and the patient's representative, as the sender names them."""
    if document.addressees:
        group = etree.SubElement(request, tags.recipients)
        for person in document.addressees:
            _put_person(etree.SubElement(group, tags.recipient), person, tags)
    if document.representative is not None:
        _put_person(etree.SubElement(request, tags.representative), document.representative, tags)


def _put_person(element: etree._Element, person: PersonCard, tags: Names) -> None:
    _put(element, tags.surname, person.surname)
    _put(element, tags.name, person.name)
    _put(element, tags.patr_name, person.patronymic or "")
    _put(element, tags.birth_date, _iso_date(person.birth_date or ""))
    _put(element, tags.snils, snils_digits(person.snils or ""))


def _put_pluggable(request: etree._Element, text: str, tags: Names) -> None:
    """Write the attributes of the document's kind; raise ``ValueError`` when they are no XML element."""
    if not text:
        return
    try:
        inner = etree.fromstring(text.encode(), safe_parser())
    except etree.XMLSyntaxError as error:
        raise ValueError("pluggable attributes") from error
    if inner.getroottree().docinfo.internalDTD is not None:
        raise ValueError("pluggable attributes")
    etree.SubElement(request, tags.pluggable_attributes).append(inner)


def _iso_date(text: str) -> str:
    """Turn YYYYMMDD… into YYYY-MM-DD; anything else stays as it is."""
    day = text[:8]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day.isdigit() else text


def _put_associations(
    request: etree._Element, document: CanonicalDocument, tags: Names, settings: Settings
) -> None:
    if not document.associations:
        return
    group = etree.SubElement(request, tags.associations)
    for link in document.associations:
        element = etree.SubElement(group, tags.association)
        _put(element, tags.target, link.target)
        _put(element, tags.type, link.type, settings.association_version)


def _put_signatures(
    request: etree._Element, signatures: tuple[SignatureRecord, ...], tags: Names, settings: Settings
) -> None:
    for record in signatures:
        if record.kind is SignatureKind.ORGANIZATION:
            _put_signed(etree.SubElement(request, tags.org_signature), record.data, tags, settings)
    personal = [record for record in signatures if record.kind is SignatureKind.PERSONAL]
    if not personal:
        return
    group = etree.SubElement(request, tags.personal_signatures)
    for record in personal:
        element = etree.SubElement(group, tags.personal_signature)
        _put_signer(etree.SubElement(element, tags.signer), record, tags, settings)
        _put_signed(etree.SubElement(element, tags.signature), record.data, tags, settings)


def _put_signed(element: etree._Element, data: bytes, tags: Names, settings: Settings) -> None:
    text = b64encode(data)
    etree.SubElement(element, tags.data).text = text.decode()
    etree.SubElement(element, tags.checksum).text = checksum(data, (text,), settings)


def _put_signer(element: etree._Element, record: SignatureRecord, tags: Names, settings: Settings) -> None:
    person: Person = record.signer
    role = record.role or person.role
    if settings.role_form is RoleForm.ID:
        role = ROLE_IDS.get(role, role)
    _put(element, tags.local_id, person.local_id)
    _put(element, tags.role, role, settings.role_version)
    _put(element, tags.surname, person.name.family)
    _put(element, tags.name, person.name.given)
    _put(element, tags.patr_name, person.name.patronymic)
    _put(element, tags.snils, snils_digits(person.snils))
    _put(element, tags.position, person.position.code, settings.position_version or person.position.version)
    _put(element, tags.speciality, record.speciality, settings.speciality_version)
    _put(element, tags.department, record.department)
    _put(element, tags.email, record.email)
    _put(element, tags.phone, record.phone)
