"""Faults inside the document: what its XML, its kind's schema and its kind's Schematron refuse (semd.md §5.3, §5.5)."""

from collections.abc import Callable
from typing import Final, cast

from broker.document.finding import Layer
from broker.samples.cda import HL7, PREFIXES, Node, element, qualified, typed
from broker.samples.fault import Fault, caught, warned

_NAMES: Final = {"h": HL7, **PREFIXES}
_PATIENT: Final = "h:recordTarget/h:patientRole"
_SCHEMATRON: Final = caught(Layer.SCHEMATRON, "VALIDATION_ERROR")
_XSD: Final = caught(Layer.XSD, "VALIDATION_ERROR")
_XML: Final = caught(Layer.XML, "INVALID_CONTENT", "VALIDATION_ERROR")
_EXAMINATIONS: Final = ("306", "103")
_CHECKED_PHONES: Final = ("306", "290")
"""The pack of kind 103 says nothing of telephones: there our rules warn only."""
Edit = Callable[[Node], None]


def _find(root: Node, path: str) -> Node:
    found = cast("list[Node]", root.xpath(path, namespaces=_NAMES))
    if not found:
        raise LookupError(f"the sample has no {path}")
    return found[0]


def put_everywhere(root: Node, path: str, name: str, value: str) -> None:
    """Set an attribute on every element the path finds; there must be one."""
    _find(root, path)
    for found in cast("list[Node]", root.xpath(path, namespaces=_NAMES)):
        found.set(name, value)


def drop(root: Node, path: str) -> None:
    """Take away the first element the path finds."""
    victim = _find(root, path)
    parent = victim.getparent()
    assert parent is not None
    parent.remove(victim)


def nullify(root: Node, path: str) -> None:
    """Empty the first element the path finds and say with nullFlavor NI that there is no information."""
    victim = _find(root, path)
    victim.text = None
    victim.attrib.clear()
    for child in list(victim):
        victim.remove(child)
    victim.set("nullFlavor", "NI")


def _drop(path: str) -> Edit:
    return lambda root: drop(root, path)


def _drop_attribute(path: str, name: str) -> Edit:
    def edit(root: Node) -> None:
        del _find(root, path).attrib[name]

    return edit


def _put(path: str, name: str, value: str) -> Edit:
    def edit(root: Node) -> None:
        _find(root, path).set(name, value)

    return edit


def _write(path: str, text: str) -> Edit:
    def edit(root: Node) -> None:
        _find(root, path).text = text

    return edit


def _nullify(path: str) -> Edit:
    return lambda root: nullify(root, path)


def _add_address(root: Node) -> None:
    first = _find(root, f"{_PATIENT}/h:addr")
    for _ in range(2):
        first.addnext(_copy(first))


def _copy(node: Node) -> Node:
    twin = element("copied")
    twin.tag, twin.text = node.tag, node.text
    twin.attrib.update(node.attrib)
    twin.extend([_copy(child) for child in node])
    return twin


def _swap_title_and_time(root: Node) -> None:
    title, time = _find(root, "h:title"), _find(root, "h:effectiveTime")
    time.addnext(title)


def _older_type(root: Node) -> None:
    typed(_find(root, f"{_PATIENT}/identity:IdentityDoc/identity:Series"), "ST")


def _second_given(root: Node) -> None:
    given = _find(root, f"{_PATIENT}/h:patient/h:name/h:given")
    given.addnext(element("given", text=given.text))


def _signer_in_consultation(root: Node) -> None:
    author = _find(root, "h:author/h:assignedAuthor")
    entity = _copy(author)
    entity.tag = qualified("assignedEntity")
    signer = element(
        "legalAuthenticator",
        element("time", nullFlavor="NI"),
        element("signatureCode", nullFlavor="NI"),
        entity,
    )
    _find(root, "h:informationRecipient").addnext(signer)


def _with_doctype(content: bytes) -> bytes:
    declaration, _, rest = content.partition(b"\n")
    return declaration + b'\n<!DOCTYPE ClinicalDocument [<!ENTITY who "x">]>\n' + rest


ADDRESS_FAULTS: Final = (
    Fault(
        id="address-type-version",
        description="У типа адреса пациента нет версии справочника (address:Type/@codeSystemVersion)",
        expected=_SCHEMATRON,
        edit=_drop_attribute(f"{_PATIENT}/h:addr/address:Type", "codeSystemVersion"),
    ),
    Fault(
        id="address-without-type",
        description="В адресе пациента нет элемента address:Type",
        expected=_SCHEMATRON,
        edit=_drop(f"{_PATIENT}/h:addr/address:Type"),
    ),
    Fault(
        id="address-count",
        description="У пациента три адреса, допускается не больше двух",
        expected=_SCHEMATRON,
        edit=_add_address,
    ),
    Fault(
        id="address-empty-street",
        description="Адрес пациента пуст (streetAddressLine)",
        expected=_SCHEMATRON,
        edit=_write(f"{_PATIENT}/h:addr/h:streetAddressLine", ""),
    ),
    Fault(
        id="address-empty-postal-code",
        description="Почтовый индекс пуст и причина не указана (postalCode)",
        expected=_SCHEMATRON,
        edit=_write(f"{_PATIENT}/h:addr/h:postalCode", ""),
    ),
    Fault(
        id="address-without-fias",
        description="В адресе пациента нет элемента fias:Address",
        expected=_SCHEMATRON,
        edit=_drop(f"{_PATIENT}/h:addr/fias:Address"),
    ),
    Fault(
        id="address-short-postal-code",
        description="Почтовый индекс не из шести цифр: по нашей оценке это ошибка, документ не задерживается",
        expected=warned(Layer.SCHEMATRON),
        edit=_write(f"{_PATIENT}/h:addr/h:postalCode", "1010"),
    ),
)
CONTACT_FAULTS: Final = (
    Fault(
        id="telecom-without-value",
        description="У телефона пациента нет значения (telecom/@value)",
        expected=_SCHEMATRON,
        kinds=_CHECKED_PHONES,
        edit=_drop_attribute(f"{_PATIENT}/h:telecom", "value"),
    ),
    Fault(
        id="telecom-bad-form",
        description="Телефон записан с пробелами: tel:+7 (900) 000-00-00",
        expected=_SCHEMATRON,
        kinds=_CHECKED_PHONES,
        edit=_put(f"{_PATIENT}/h:telecom", "value", "tel:+7 (900) 000-00-00"),
    ),
    Fault(
        id="telecom-null",
        description="Вместо телефона указан nullFlavor, а он здесь не разрешён: контакт просто не указывают",
        expected=_SCHEMATRON,
        kinds=_CHECKED_PHONES,
        edit=_nullify(f"{_PATIENT}/h:telecom"),
    ),
)
CONTENT_FAULTS: Final = (
    Fault(
        id="patient-snils-null",
        description="Вместо СНИЛС пациента указан nullFlavor, а вид документа требует СНИЛС",
        expected=caught(Layer.SCHEMATRON, "NO_SNILS", "VALIDATION_ERROR"),
        kinds=_EXAMINATIONS,
        edit=_nullify(f"{_PATIENT}/h:id[2]"),
    ),
    Fault(
        id="linkdocs-without-reference",
        description="У связанного документа нет ссылки (LINKDOCS: reference)",
        expected=_SCHEMATRON,
        kinds=("306", "290"),
        edit=_drop(".//h:section[h:code/@code='LINKDOCS']/h:entry/h:act/h:reference"),
    ),
    Fault(
        id="ground-unlike-payment",
        description="Оплата из личных средств, а документ-основание — полис ОМС (identity:DocInfo)",
        expected=_SCHEMATRON,
        edit=_put(".//identity:DocInfo/identity:IdentityDocType", "code", "1"),
    ),
    Fault(
        id="ogrn-empty",
        description="ОГРН клиники пуст (identity:Props/identity:Ogrn)",
        expected=_SCHEMATRON,
        edit=_write(".//identity:Props/identity:Ogrn", ""),
    ),
    Fault(
        id="function-code-outside",
        description="Роль члена комиссии — не мнемоника справочника 99.2.368 (functionCode)",
        expected=_SCHEMATRON,
        kinds=_EXAMINATIONS,
        edit=_put("h:documentationOf//h:functionCode", "code", "14"),
    ),
)
SCHEMA_FAULTS: Final = (
    Fault(
        id="issue-date-null",
        description="Дата выдачи паспорта заменена на nullFlavor (identity:IssueDate)",
        expected=_XSD,
        edit=_nullify(f"{_PATIENT}/identity:IdentityDoc/identity:IssueDate"),
    ),
    Fault(
        id="xsd-wrong-order",
        description="Заголовок документа стоит после даты создания: порядок элементов нарушен",
        expected=_XSD,
        edit=_swap_title_and_time,
    ),
    Fault(
        id="xsd-null-flavor",
        description="nullFlavor там, где он не разрешён: номер паспорта",
        expected=_XSD,
        edit=_put(f"{_PATIENT}/identity:IdentityDoc/identity:Number", "nullFlavor", "NI"),
    ),
    Fault(
        id="xsd-wrong-number",
        description="Витальный параметр «5 ml» вместо числа: значение не типа real",
        expected=_XSD,
        kinds=("290",),
        edit=_put(".//h:section[h:code/@code='VITALPARAM']//h:value", "value", "5 ml"),
    ),
    Fault(
        id="xsd-older-type",
        description="xsi:type на элементе identity: так писали в прежних редакциях",
        expected=_XSD,
        edit=_older_type,
    ),
    Fault(
        id="xsd-iso-date",
        description="Дата создания записана как 2026-06-15, нужна 20260615",
        expected=_XSD,
        edit=_put("h:effectiveTime", "value", "2026-06-15"),
    ),
    Fault(
        id="xsd-two-given",
        description="Отчество записано вторым элементом given",
        expected=_XSD,
        edit=_second_given,
    ),
    Fault(
        id="xsd-signer-in-consultation",
        description="legalAuthenticator в протоколе консультации редакции 7, где его больше нет",
        expected=_XSD,
        kinds=("290",),
        edit=_signer_in_consultation,
    ),
)
BYTE_FAULTS: Final = (
    Fault(
        id="xml-truncated",
        description="Документ обрывается на середине",
        expected=_XML,
        corrupt=lambda content: content[: len(content) // 2],
    ),
    Fault(
        id="xml-doctype",
        description="В документе есть DOCTYPE",
        expected=_XML,
        corrupt=_with_doctype,
    ),
)
FAULTS: Final = (*ADDRESS_FAULTS, *CONTACT_FAULTS, *CONTENT_FAULTS, *SCHEMA_FAULTS, *BYTE_FAULTS)
