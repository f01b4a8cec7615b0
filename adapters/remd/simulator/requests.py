"""Stage one at the simulated РЭМД: reads a registerDocument request and refuses at once what has no form or no right."""

import functools
from base64 import b64decode
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from adapters.remd.names import ADDRESSING_NAMESPACES, TRANSPORT_NS, Names
from adapters.remd.replies import child, children, text_of
from adapters.remd.simulator import texts
from adapters.remd.simulator.registers import SimSettings, System
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.soap import SoapAnswer
from broker.document.identity import region_of

NAMES: Final = Names()
_CONTRACT: Final = Path(__file__).parent.parent / "contract" / "emdr-service.xsd"


class SentPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A patient or signer of the request; gender by 11.1040, birth date YYYY-MM-DD."""

    local_id: str = ""
    snils: str = ""
    surname: str = ""
    name: str = ""
    patr_name: str = ""
    gender: str = ""
    birth_date: str = ""
    role: str = ""
    position: str = ""


class Link(msgspec.Struct, frozen=True):
    """A link to a registered document: its emdrId and the type by 99.2.122."""

    target: str
    type: str


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A registerDocument request; ``signatures`` are DER containers, the organisation's among them."""

    message_id: str
    client: str
    reply_to: str
    soap: str
    local_uid: str
    kind: str
    organization: str
    department: str = ""
    document_number: str = ""
    series: str = ""
    version: int = 0
    links: tuple[Link, ...] = ()
    created: str = ""
    patient: SentPerson | None = None
    signers: tuple[SentPerson, ...] = ()
    signatures: tuple[bytes, ...] = ()
    organization_signed: bool = False


@functools.cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_CONTRACT))


def addressing(call: SoapAnswer, name: str) -> str:
    """Return the text of a WS-Addressing header, of an endpoint its Address."""
    header = call.envelope[0]
    for namespace in ADDRESSING_NAMESPACES:
        found = header.find(f"{{{namespace}}}{name}")
        if found is not None:
            return (found.text or "").strip() or text_of(found, "Address")
    return ""


def client_of(call: SoapAnswer) -> str:
    """Return the GUID in the transport header."""
    path = "/".join(f"{{{TRANSPORT_NS}}}{step}" for step in ("transportHeader", "authInfo", "clientEntityId"))
    return (call.envelope[0].findtext(path) or "").strip()


def structure(element: etree._Element) -> Refusal | None:
    """Check the request against our XSD; the text is libxml2's, as the real validator's differs anyway."""
    try:
        _schema().assertValid(element)
    except etree.DocumentInvalid as error:
        return Refusal("VALIDATION_ERROR", f"Структура запроса нарушена: {error}")
    return None


def read_request(element: etree._Element, call: SoapAnswer) -> Request:
    """Read a request whose structure was found right."""
    patient = child(element, NAMES.patient)
    organization = [text_of(one, NAMES.data) for one in children(element, NAMES.org_signature)]
    group = child(element, NAMES.personal_signatures)
    personal = [] if group is None else list(children(group, NAMES.personal_signature))
    linked = child(element, NAMES.associations)
    links = [] if linked is None else list(children(linked, NAMES.association))
    signers = [child(one, NAMES.signer) for one in personal]
    containers = [text_of(child(one, NAMES.signature), NAMES.data) for one in personal] + organization
    return Request(
        message_id=addressing(call, "MessageID"),
        client=client_of(call),
        reply_to=addressing(call, "ReplyTo"),
        soap=call.envelope.tag[1:].partition("}")[0],
        local_uid=text_of(element, NAMES.local_uid).lower(),
        kind=text_of(element, NAMES.kind),
        organization=text_of(element, NAMES.organization),
        department=text_of(element, NAMES.department),
        document_number=text_of(element, NAMES.document_number),
        series=text_of(element, NAMES.series),
        version=int(text_of(element, NAMES.document_version) or 0),
        links=tuple(Link(text_of(one, NAMES.target), text_of(one, NAMES.type)) for one in links),
        created=text_of(element, NAMES.creation_date_time),
        patient=None if patient is None else _person(patient),
        signers=tuple(_person(one) for one in signers if one is not None),
        signatures=tuple(b64decode(one) for one in containers),
        organization_signed=bool(organization),
    )


def _person(element: etree._Element) -> SentPerson:
    return SentPerson(
        local_id=text_of(element, NAMES.local_id),
        snils=text_of(element, NAMES.snils),
        surname=text_of(element, NAMES.surname),
        name=text_of(element, NAMES.name),
        patr_name=text_of(element, NAMES.patr_name),
        gender=text_of(element, NAMES.gender),
        birth_date=text_of(element, NAMES.birth_date),
        role=text_of(element, NAMES.role),
        position=text_of(element, NAMES.position),
    )


def system_of(client: str, settings: SimSettings) -> System | Refusal:
    """Find the sending system, or say why it may not send."""
    if settings.systems is None:
        return System(client_entity_id=client)
    for system in settings.systems:
        if system.client_entity_id.lower() == client.lower():
            return system if system.enabled else texts.forced("DISABLED_RMIS")
    return texts.forced("NO_RMIS")


def link_refusal(organization: str, client: str, settings: SimSettings) -> Refusal | None:
    """Say why the organisation may not send through the system, or None."""
    system = system_of(client, settings)
    if isinstance(system, Refusal):
        return system
    row = next((one for one in settings.organizations or () if one.oid == organization), None)
    if row is not None and row.systems is not None and system.code not in row.systems:
        return texts.not_linked(organization, system.code)
    if system.region and region_of(organization) != system.region:
        return texts.forced("RMIS_REGION_MISMATCH")
    return None
