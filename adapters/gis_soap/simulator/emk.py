"""EMKService: what AddMedRecord demands of a document."""

import base64
import binascii
import hashlib
from typing import Final

import msgspec
from lxml import etree

from adapters.gis_soap.simulator.registers import Arrived, Registers, is_uuid
from adapters.gis_soap.simulator.wcf import Problem, read, runtime_type, shapes, text_of
from broker.adapter_kit.soap import safe_parser

_DOC: Final = "{http://schemas.datacontract.org/2004/07/N3.EMK.Dto.MedRec.MedDoc}"
_ATTACHMENT: Final = f"{_DOC}MedDocumentDto.DocumentAttachment"
_SIGN: Final = f"{_DOC}MedDocumentDto.PersonalSign"
_XML: Final = "text/xml"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What AddMedRecord brought, decoded; ``sha256`` is empty when there are no bytes."""

    gis_id: str
    type: str
    has_author: bool
    sha256: str = ""
    is_sound: bool = False
    organization_sign: bool = False
    personal_signs: int = 0


def record_of(element: etree._Element | None) -> Record | None:
    """Read a MedDocument of any kind; None when ``xsi:type`` names no known type (WCF cannot deserialise it)."""
    if element is None:
        return None
    name = runtime_type(element)
    if not name.startswith(_DOC) or name not in shapes():
        return None
    members = read(element, name)
    record = Record(
        gis_id=text_of(members, "IdDocumentMis"),
        type=text_of(members, "IdMedDocumentType"),
        has_author="Author" in members,
    )
    attachment = next(iter(members["Attachments"]), None) if "Attachments" in members else None
    return record if attachment is None else _with_attachment(record, attachment)


def _with_attachment(record: Record, element: etree._Element) -> Record:
    attachment = read(element, _ATTACHMENT)
    data = _decoded(text_of(attachment, "Data"))
    signs = [read(sign, _SIGN) for sign in attachment.get("PersonalSigns", ())]
    return msgspec.structs.replace(
        record,
        sha256=hashlib.sha256(data).hexdigest() if data else "",
        is_sound=bool(data) and (text_of(attachment, "MimeType") != _XML or _is_xml(data)),
        organization_sign=bool(_decoded(text_of(attachment, "OrganizationSign"))),
        personal_signs=sum(1 for sign in signs if _decoded(text_of(sign, "Sign"))),
    )


def problems_of(record: Record, id_lpu: str, patient: str, registers: Registers) -> list[Problem]:
    """List everything wrong with a document."""
    found = []
    if not registers.knows_patient(id_lpu, patient):
        found.append(Problem("IdPatientMis", "Пациент с таким IdPatientMis не найден"))
    if not is_uuid(record.gis_id):
        found.append(Problem("IdDocumentMis", "Значение IdDocumentMis должно быть UUID"))
    if not record.has_author:
        found.append(Problem("Author", "Поле Author не может быть пустым"))
    if not record.sha256:
        found.append(Problem("Data", "Поле Data не может быть пустым"))
    elif not record.is_sound:
        found.append(Problem("Data", "Содержимое Data не является документом XML"))
    return found + _of_type(record, registers) + _of_duplicate(record, registers)


def _of_type(record: Record, registers: Registers) -> list[Problem]:
    types = registers.settings.document_types
    if not record.type or (types and record.type not in types):
        text = "Тип документа отсутствует в справочнике 1.2.643.2.69.1.1.1.195"
        return [Problem("IdMedDocumentType", text)]
    if types.get(record.type, True) and not (record.organization_sign and record.personal_signs):
        text = "Для передачи в РЭМД необходимы OrganizationSign и хотя бы одна PersonalSigns"
        return [Problem("PersonalSigns", text)]
    return []


def _of_duplicate(record: Record, registers: Registers) -> list[Problem]:
    if registers.settings.duplicates == "overwrite" or not registers.has_document(record.gis_id.lower()):
        return []
    return [Problem("IdDocumentMis", "Документ с таким IdDocumentMis уже существует")]


def arrived(record: Record, id_lpu: str) -> Arrived:
    """Make the register's entry of a record without problems."""
    return Arrived(record.gis_id.lower(), id_lpu, record.type, record.sha256)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_xml(data: bytes) -> bool:
    try:
        root = etree.fromstring(data, safe_parser(huge=True))
    except etree.XMLSyntaxError:
        return False
    return root.getroottree().docinfo.internalDTD is None
