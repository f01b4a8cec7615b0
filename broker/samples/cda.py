"""How one piece of CDA is written: elements with the Russian namespaces, coded values, names, addresses, moments."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, cast

from lxml import etree

from broker.document.canonical import PersonName
from broker.samples import vocabulary
from broker.samples.people import Address, Clinic, Doctor
from broker.samples.vocabulary import Term

HL7: Final = "urn:hl7-org:v3"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
PREFIXES: Final = {
    "xsi": XSI,
    "identity": "urn:hl7-ru:identity",
    "address": "urn:hl7-ru:address",
    "medService": "urn:hl7-ru:medService",
    "fias": "urn:hl7-ru:fias",
}
"""Prefixes of the official samples; the default namespace is HL7's."""
_NSMAP: Final = cast("Mapping[str, str]", {None: HL7, **PREFIXES})
"""The stubs of lxml forget that the default namespace has no prefix."""
SNILS_ROOT: Final = "1.2.643.100.3"
LICENCE_ROOT: Final = "1.2.643.5.1.13.2.1.1.1504.101"
MINISTRY_ROOT: Final = "1.2.643.5.1.13"

Node = etree._Element  # noqa: SLF001 - lxml gives its element class no public name


def qualified(tag: str) -> str:
    """Return the Clark name of ``tag``, which may carry one of our prefixes."""
    prefix, _, local = tag.rpartition(":")
    return f"{{{PREFIXES[prefix] if prefix else HL7}}}{local}"


def element(tag: str, *children: Node | None, text: str | None = None, **attributes: str) -> Node:
    """Return an element; children that are None are left out."""
    made = etree.Element(qualified(tag), attributes, nsmap=_NSMAP)
    made.text = text
    made.extend([child for child in children if child is not None])
    return made


def coded(tag: str, term: Term, *children: Node) -> Node:
    """Return an element that carries a coded value."""
    return element(
        tag,
        *children,
        code=term.code,
        codeSystem=term.dictionary.oid,
        codeSystemVersion=term.dictionary.version,
        codeSystemName=term.dictionary.name,
        displayName=term.name,
    )


def typed(made: Node, kind: str) -> Node:
    """Return the element with xsi:type set, as observation/value demands."""
    made.set(qualified("xsi:type"), kind)
    return made


def text_value(text: str) -> Node:
    """Return an observation's value of type ST."""
    return typed(element("value", text=text), "ST")


def coded_value(term: Term) -> Node:
    """Return an observation's value of type CD."""
    return typed(coded("value", term), "CD")


def instance(root: str, extension: str | None = None) -> Node:
    """Return an id."""
    return element("id", root=root) if extension is None else element("id", root=root, extension=extension)


def moment(at: datetime) -> str:
    """Return the HL7 time to the minute with its zone: ``202606151030+0300``."""
    return at.strftime("%Y%m%d%H%M%z")


def day(on: date) -> str:
    """Return the HL7 date: ``20260615``."""
    return on.strftime("%Y%m%d")


def local_root(clinic: Clinic, node: str) -> str:
    """Return the OID of one of the clinic's own number series: МИС 1, copy 1, series ``node`` (51 documents, 70 staff…)."""
    return f"{clinic.oid}.100.1.1.{node}"


def name_of(name: PersonName) -> Node:
    """Return a person's name."""
    return element(
        "name",
        element("family", text=name.family),
        element("given", text=name.given),
        element("identity:Patronymic", text=name.patronymic),
    )


def address_of(place: Address, kind: Term | None = None) -> Node:
    """Return an address; a patient's carries its type of НСИ 11.1504."""
    return element(
        "addr",
        coded("address:Type", kind) if kind else None,
        element("streetAddressLine", text=place.text),
        coded("address:stateCode", vocabulary.SUBJECT[place.region]),
        element("postalCode", text=place.postal_code),
        element(
            "fias:Address",
            element("fias:AOGUID", text=place.street_guid),
            element("fias:HOUSEGUID", text=place.house_guid),
        ),
    )


def phone(number: str, use: str = "WP") -> Node:
    """Return a telephone."""
    return element("telecom", use=use, value=f"tel:{number}")


def clinic_contacts(clinic: Clinic) -> list[Node]:
    """Return how to reach the clinic: telephone, address."""
    return [phone(clinic.phone), address_of(clinic.address)]


def doctor_parts(clinic: Clinic, doctor: Doctor, *, snils: bool = True) -> list[Node]:
    """Return what every mention of a doctor says: ids, post, name."""
    ids = [instance(local_root(clinic, "70"), doctor.local_id)]
    if snils:
        ids.append(instance(SNILS_ROOT, doctor.snils))
    return [
        *ids,
        coded("code", doctor.post),
        element("assignedPerson", name_of(doctor.name)),
    ]


def observation(field: Term, *parts: Node, identity: Node | None = None) -> Node:
    """Return an observation of a coded field."""
    return element("observation", identity, coded("code", field), *parts, classCode="OBS", moodCode="EVN")


def field(code: str, name: str) -> Term:
    """Return a field of НСИ 99.2.166."""
    return vocabulary.FIELDS.term(code, name)


def section(code: str, name: str, *entries: Node, heading: list[Node] | None = None) -> Node:
    """Return a component with a section of НСИ 99.2.197; ``heading`` is its title and text where the kind wants them."""
    body = [element("entry", entry) for entry in entries]
    return element(
        "component",
        element("section", coded("code", vocabulary.SECTIONS.term(code, name)), *(heading or []), *body),
    )
