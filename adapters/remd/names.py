"""Every XML name the exchange with РЭМД uses, in one place («наша редакция»), each replaceable by a setting.

Namespaces, operations, ``localUid``, ``kind``, ``organization``, ``documentNumber``, ``creationDateTime``, ``data`` and
``checksum``, and everything in the callback's result were seen; wrapper names and order are ours (README.md). A setting ``name.<field>`` of the
destination replaces one name.
"""

from functools import lru_cache
from typing import Final

import msgspec

SERVICE_NS: Final = "http://egisz.rosminzdrav.ru/iehr/emdr/service/"
CALLBACK_NS: Final = "http://egisz.rosminzdrav.ru/iehr/emdr/callback/"
TRANSPORT_NS: Final = "http://egisz.rosminzdrav.ru"
ADDRESSING_NS: Final = "http://www.w3.org/2005/08/addressing"
ADDRESSING_NAMESPACES: Final = (ADDRESSING_NS, "http://schemas.xmlsoap.org/ws/2004/08/addressing")
ANONYMOUS: Final = "http://www.w3.org/2005/08/addressing/anonymous"


class Names(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Local names of elements; defaults are our edition of the contract."""

    service_namespace: str = SERVICE_NS
    callback_namespace: str = CALLBACK_NS
    register_request: str = "registerDocumentRequest"
    register_response: str = "registerDocumentResponse"
    search_request: str = "searchRegistryItemRequest"
    search_response: str = "searchRegistryItemResponse"
    file_request: str = "getDocumentFileRequest"
    file_response: str = "getDocumentFileResponse"
    result: str = "registerDocumentResult"
    result_response: str = "registerDocumentResultResponse"
    local_uid: str = "localUid"
    emdr_id: str = "emdrId"
    kind: str = "kind"
    organization: str = "organization"
    department: str = "department"
    document_number: str = "documentNumber"
    series: str = "series"
    creation_date_time: str = "creationDateTime"
    patient: str = "patient"
    surname: str = "surname"
    name: str = "name"
    patr_name: str = "patrName"
    gender: str = "gender"
    birth_date: str = "birthDate"
    local_id: str = "localId"
    snils: str = "snils"
    recipients: str = "recipients"
    recipient: str = "recipient"
    representative: str = "representative"
    description: str = "description"
    associations: str = "associations"
    association: str = "association"
    target: str = "target"
    type: str = "type"
    pluggable_attributes: str = "pluggableAttributes"
    org_signature: str = "orgSignature"
    personal_signatures: str = "personalSignatures"
    personal_signature: str = "personalSignature"
    signer: str = "signer"
    role: str = "role"
    position: str = "position"
    speciality: str = "speciality"
    email: str = "email"
    phone: str = "phone"
    signature: str = "signature"
    data: str = "data"
    checksum: str = "checksum"
    document_file: str = "documentFile"
    status: str = "status"
    errors: str = "errors"
    item: str = "item"
    code: str = "code"
    message: str = "message"
    matches: str = "matches"
    register_date_begin: str = "registerDateBegin"
    register_date_end: str = "registerDateEnd"
    patient_snils: str = "patientSnils"
    relates_to_message: str = "relatesToMessage"
    registry_item: str = "registryItem"
    document_version: str = "documentVersion"
    registration_date: str = "registrationDate"
    registration_date_time: str = "registrationDateTime"
    store_till_date: str = "storeTillDate"
    registration_warnings: str = "registrationWarnings"


@lru_cache(maxsize=16)
def service_tags(names: Names) -> Names:
    """Return the same names qualified with the service namespace, ready for lxml."""
    return _qualified(names, names.service_namespace)


@lru_cache(maxsize=16)
def callback_tags(names: Names) -> Names:
    """Return the same names qualified with the callback namespace."""
    return _qualified(names, names.callback_namespace)


def _qualified(names: Names, namespace: str) -> Names:
    plain = {field: getattr(names, field) for field in names.__struct_fields__}
    return Names(
        **{
            field: value if field.endswith("_namespace") else f"{{{namespace}}}{value}"
            for field, value in plain.items()
        }
    )


ROLE_IDS: Final[dict[str, str]] = {
    "DOCTOR": "1",
    "SURGEON": "2",
    "ASSISTANT": "3",
    "ANESTHESIOLOGIST": "4",
    "DEP_CHIEF": "5",
    "HEAD_DOCTOR": "6",
    "NURSE": "7",
    "ACCOUCHEUR": "8",
    "ORDERLY": "9",
    "PARAMEDIC": "10",
    "SENIOR_PARAMEDIC": "11",
    "DISPATCHER": "12",
    "SENIOR_DISPATCHER": "13",
    "CHAIRMAN": "14",
    "VICE_CHAIRMAN": "15",
    "COMMISSIONER": "16",
    "SECRETARY": "17",
    "ATTENDING_PHYSICIAN": "18",
    "AUTHOR": "19",
    "DRIVER": "20",
    "PARAMEDIC_ANSWERED_CALL": "21",
    "PARAMEDIC_TRANSFERRED_CALL": "22",
    "PRIMARY_SURGEON": "23",
    "OPERATING_SISTER": "24",
    "ANESTHETIST": "25",
    "DUTY_DOCTOR": "26",
    "MEMBER_OF_MDRT": "28",
    "PERFORMER": "29",
    "ADVISER": "30",
}
"""Roles of НСИ 1.2.643.5.1.13.13.99.2.368, edition 2.8: mnemonic → numeric id (both forms were seen in the field)."""
