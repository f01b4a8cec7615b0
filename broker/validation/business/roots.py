"""Identifiers: are roots OIDs, of the clinic, and of the series each element belongs to (semd.md §2.2)?"""

from collections.abc import Iterator, Sequence
from typing import Final, cast

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.cda import SNILS_ROOT
from broker.document.finding import Source
from broker.document.identity import is_oid
from broker.validation.business.places import ROLE, H, is_null, staff, value_of
from broker.validation.business.rule import Breach, Rule, Subject

_LONGEST: Final = 120
_ROOTS: Final = etree.XPath("//@root", smart_strings=False)
_SYSTEMS: Final = etree.XPath("//@codeSystem", smart_strings=False)
"""Values alone: most documents hold some thirty different ones, all of them right."""
_WHY: Final = "Руководства: под <OID организации>.100.<МИС>.<экземпляр> узлы .10 пациент, .50 setId, .51 документ, .70 сотрудник; для видов без такого правила — наше расширение"


def separate_roots(subject: Subject) -> Iterator[Breach]:
    """Demand that the document's id and its set lie under different roots."""
    document = subject.document
    if document.document_id.root and document.document_id.root == document.set_id.root:
        yield Breach(
            subject.find(f"{H}setId"),
            "id и setId документа имеют один и тот же корень (@root).",
            value=document.set_id.root[:_LONGEST],
        )


def oid_form(subject: Subject) -> Iterator[Breach]:
    """Demand that roots and dictionaries are named by OIDs."""
    root = subject.markup.root
    if all(map(is_oid, {*cast("list[str]", _ROOTS(root)), *cast("list[str]", _SYSTEMS(root))})):
        return
    right: set[str] = set()
    for element in root.iter(etree.Element):
        for name in ("root", "codeSystem"):
            text = element.get(name)
            if text is None or text in right:
                continue
            if is_oid(text):
                right.add(text)
                continue
            blank = " В нём есть пробелы." if text != text.strip() else ""
            yield Breach(
                element,
                f"В @{name} записан не OID.{blank}" if text else f"Атрибут @{name} пуст.",
                value=text[:_LONGEST],
            )


def document_root(subject: Subject) -> Iterator[Breach]:
    """Demand the series of documents."""
    return _without_suffix(subject.all(f"{H}id")[:1], ".51", "id документа")


def set_root(subject: Subject) -> Iterator[Breach]:
    """Demand the series of sets."""
    return _without_suffix(subject.all(f"{H}setId"), ".50", "setId документа")


def patient_root(subject: Subject) -> Iterator[Breach]:
    """Demand the series of patients."""
    return _without_suffix(_local(subject, subject.find(ROLE)), ".10", "id пациента")


def staff_root(subject: Subject) -> Iterator[Breach]:
    """Demand the series of staff."""
    for person in subject.once(staff):
        yield from _without_suffix(_local(subject, person), ".70", "id сотрудника")


def local_root(subject: Subject) -> Iterator[Breach]:
    """Demand that the clinic's own series lie under the clinic's OID."""
    clinic = subject.document.organization.oid
    own = [*subject.all(f"{H}id"), *subject.all(f"{H}setId"), *_local(subject, subject.find(ROLE))]
    for person in subject.once(staff):
        own += _local(subject, person)
    for element in own if is_oid(clinic) else ():
        text = element.get("root", "")
        if is_oid(text) and not text.startswith(f"{clinic}."):
            yield Breach(
                element,
                "Корень идентификатора начинается не с OID этой организации.",
                value=text[:_LONGEST],
                expected=f"{clinic}.100.<МИС>.<экземпляр>.<узел>",
            )


def patient_id(subject: Subject) -> Iterator[Breach]:
    """Demand the patient's id in the МИС."""
    role = subject.find(ROLE)
    own = _local(subject, role)
    if role is not None and not any(value_of(one, "extension").strip() or is_null(one) for one in own):
        yield Breach(own[0] if own else role, "Нет идентификатора пациента в МИС.")


def _local(subject: Subject, person: Element | None) -> list[Element]:
    """Return the first id of a person that is not a СНИЛС: the one in the МИС."""
    ids = () if person is None else subject.outline.below(person, f"{H}id")
    return [one for one in ids if one.get("root") != SNILS_ROOT and not is_null(one)][:1]


def _without_suffix(elements: Sequence[Element], suffix: str, what: str) -> Iterator[Breach]:
    for element in elements:
        text = element.get("root", "")
        if is_oid(text) and not text.endswith(suffix):
            yield Breach(
                element,
                f"Корень {what} заканчивается не на {suffix}.",
                value=text[:_LONGEST],
                expected=f"…{suffix}",
            )


RULES: Final = (
    Rule(
        name="business.set_id_root",
        title="У id и setId документа разные корни",
        source=Source.SEEN,
        why="Руководства: id и setId лежат в разных корнях (.51 и .50)",
        fix="Корень id должен заканчиваться на .51, корень setId на .50: это разные множества идентификаторов.",
        remd_code="VALIDATION_ERROR",
        check=separate_roots,
    ),
    Rule(
        name="business.oid_form",
        title="В @root и @codeSystem записаны OID",
        source=Source.OWN,
        why="Шаблон OID из руководств; где у вида есть XSD, его проверяет и она",
        fix="Запишите OID цифрами через точку, без пробелов и букв, например 1.2.643.5.1.13. Исправляется в настройках выгрузки МИС.",
        check=oid_form,
    ),
    Rule(
        name="business.document_root",
        title="Корень id документа заканчивается на .51",
        source=Source.OWN,
        why=_WHY,
        fix='Запишите ClinicalDocument/id с root="<OID организации>.100.<МИС>.<экземпляр>.51".',
        check=document_root,
    ),
    Rule(
        name="business.set_root",
        title="Корень setId заканчивается на .50",
        source=Source.OWN,
        why=_WHY,
        fix='Запишите setId с root="<OID организации>.100.<МИС>.<экземпляр>.50".',
        check=set_root,
    ),
    Rule(
        name="business.patient_root",
        title="Корень id пациента в МИС заканчивается на .10",
        source=Source.OWN,
        why=_WHY,
        fix='Запишите первый patientRole/id с root="<OID организации>.100.<МИС>.<экземпляр>.10".',
        check=patient_root,
    ),
    Rule(
        name="business.staff_root",
        title="Корень id сотрудника в МИС заканчивается на .70",
        source=Source.OWN,
        why=_WHY,
        fix='Запишите первый id сотрудника с root="<OID организации>.100.<МИС>.<экземпляр>.70".',
        check=staff_root,
    ),
    Rule(
        name="business.local_root",
        title="Корни идентификаторов МИС начинаются с OID организации",
        source=Source.OWN,
        why=_WHY,
        fix="Проверьте OID организации в настройках МИС: он должен стоять в начале корня и совпадать с providerOrganization/id/@root.",
        check=local_root,
    ),
    Rule(
        name="business.patient_id",
        title="У пациента есть идентификатор в МИС",
        source=Source.OWN,
        why="Руководства: первый id в patientRole обязателен; для видов без такого правила — наше расширение",
        fix="Запишите номер пациента в МИС в @extension первого patientRole/id (корень заканчивается на .10).",
        check=patient_id,
    ),
)
"""Every rule of the theme."""
