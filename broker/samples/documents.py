"""Makes the sample documents: kinds 306, 103 and 290, and the closed kind 194 for tests with its public pack."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from lxml import etree

from broker.samples import vocabulary
from broker.samples.cda import Node, element
from broker.samples.consultation import consultation
from broker.samples.examination import first_revision, later_revision
from broker.samples.header import Draft, Shape, header
from broker.samples.people import Clinic, Doctor, Patient

_EXAMINATION: Final = "Медицинское заключение по результатам предварительного (периодического) медицинского осмотра (обследования)"


def _examination(kind: str, template: str, code: vocabulary.Term, *, first: bool = False) -> Shape:
    return Shape(
        kind=kind,
        template=template,
        code=code,
        translation=None,
        title="Медицинское заключение",
        event=vocabulary.COMMISSION_EVENT,
        signer=True,
        commission=True,
        performer_snils=first,
        encounter=False,
        department_name=False,
        policy_series=first,
        payment=vocabulary.OWN_MONEY_OLD if first else vocabulary.OWN_MONEY,
    )


_GUIDE_CODE: Final = vocabulary.GUIDES.term("47", _EXAMINATION)
SHAPES: Final[dict[str, tuple[Shape, Callable[[Draft], list[Node]]]]] = {
    "103": (
        _examination(
            "103",
            "1.2.643.5.1.13.13.14.51.9.1",
            vocabulary.TYPES.term("51", _EXAMINATION),
            first=True,
        ),
        first_revision,
    ),
    "194": (_examination("194", "1.2.643.5.1.13.13.15.47.2", _GUIDE_CODE), later_revision),
    "306": (_examination("306", "1.2.643.5.1.13.13.15.47.3", _GUIDE_CODE), later_revision),
    "290": (
        Shape(
            kind="290",
            template="1.2.643.5.1.13.13.15.13.7",
            code=vocabulary.KINDS.term("290", "Протокол консультации (CDA) Редакция 7"),
            translation=vocabulary.GUIDES.term("13", "Протокол консультации"),
            title="Протокол консультации",
            event=vocabulary.CONSULTATION_EVENT,
            signer=False,
            commission=False,
            performer_snils=False,
            encounter=True,
            department_name=True,
            policy_series=False,
            payment=vocabulary.OWN_MONEY,
        ),
        consultation,
    ),
}
"""Header and body of each kind; template and code of 306 are inferred (remd.md §7.3), the others seen."""
KINDS: Final = ("306", "103", "290")
"""Kinds open on any day from 10.01.2026."""


def make_document(  # noqa: PLR0913 - a document is made of that many things
    kind: str,
    clinic: Clinic,
    patient: Patient,
    doctors: tuple[Doctor, ...],
    *,
    local_uid: str,
    document_number: str,
    set_id: str,
    version: int = 1,
    created_at: datetime,
    padding: int = 0,
) -> bytes:
    """Return the document as UTF-8; ``padding`` adds about so many bytes of harmless text.

    ``doctors[0]`` is author, chairman and legal signer. ``created_at`` must carry an offset.
    """
    if created_at.tzinfo is None:
        raise ValueError("a document's creation time needs an offset")
    draft = Draft(
        clinic=clinic,
        patient=patient,
        doctors=doctors,
        local_uid=local_uid,
        document_number=document_number,
        set_id=set_id,
        version=version,
        created_at=created_at,
        padding=padding,
    )
    return serialize(build(kind, draft))


def build(kind: str, draft: Draft) -> Node:
    """Return the document as a tree."""
    shape, body = SHAPES[kind]
    sections = element("component", element("structuredBody", *body(draft)))
    return element("ClinicalDocument", *header(shape, draft), sections)


def serialize(root: Node) -> bytes:
    """Return the bytes a МИС would sign: UTF-8 with a declaration, indented."""
    etree.indent(root, space=" ")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
