"""The body of «Медицинское заключение по результатам предварительного (периодического) осмотра»: kinds 103, 194, 306."""

from datetime import timedelta
from typing import Final

from broker.samples import vocabulary
from broker.samples.cda import (
    Node,
    coded,
    coded_value,
    day,
    element,
    field,
    instance,
    local_root,
    observation,
    section,
    text_value,
)
from broker.samples.filler import pieces
from broker.samples.header import Draft
from broker.samples.people import Clinic

_YEAR: Final = timedelta(days=365)
FIT: Final = vocabulary.CONCLUSIONS.term("32", "Медицинские противопоказания к работе не выявлены")
EMPLOYER: Final = "ООО «Пробный работодатель»"


def first_revision(draft: Draft) -> list[Node]:
    """Return the body of revision 1 (kind 103): one section, no links."""
    return [_document_info(draft, _facts(draft, later=False))]


def later_revision(draft: Draft) -> list[Node]:
    """Return the body of revisions 2 and 3 (kinds 194 and 306), which link the protocols of the examination."""
    return [_document_info(draft, _facts(draft, later=True)), _links(draft)]


def _facts(draft: Draft, *, later: bool) -> list[Node]:
    facts = [
        observation(
            field("4073", "Сведения о трудовой деятельности (при осуществлении трудовой деятельности)"),
            _employer(),
        )
    ]
    if later:
        facts.append(observation(field("8085", "ИНН/ОГРН работодателя"), text_value(draft.clinic.inn)))
    facts += [*_work(later=later), *_hazards()]
    facts.append(observation(field("837", "Заключение"), coded_value(FIT)))
    if later:
        facts.append(observation(field("8007", "Перенесенное заболевание"), text_value("нет")))
        facts.append(
            observation(
                field("9021", "Проведенные профилактические прививки"),
                text_value("по национальному календарю"),
            )
        )
    facts.append(
        observation(
            field("6020", "Группа здоровья"), coded_value(vocabulary.HEALTH_GROUPS.term("1", "I группа"))
        )
    )
    if later:
        facts.append(_next_examination(draft))
    comment = text_value(f"Заключение № {draft.document_number} сформировано для проверки обмена")
    facts.append(observation(field("10000", "Комментарий"), comment))
    return facts


def _work(*, later: bool) -> list[Node]:
    profession = coded_value(vocabulary.PROFESSIONS.term("11442", "Водитель автомобиля"))
    facts = [
        observation(field("8006", "Структурное подразделение"), text_value("Пробный цех № 1")),
        observation(field("4074", "Основная профессия (специальность, должность)"), profession),
    ]
    if later:
        work = text_value("Управление легковым автомобилем")
        facts.append(observation(field("8086", "Наименование выполняемой работы"), work))
    return facts


def _hazards() -> list[Node]:
    factor = coded_value(vocabulary.HAZARDS.term("833", "Физические факторы"))
    return [observation(field("813", "Профессиональная вредность"), factor)]


def _employer() -> Node:
    organization = element(
        "representedOrganization",
        element("id", nullFlavor="NI"),
        element("name", text=EMPLOYER),
        classCode="ORG",
    )
    return element("performer", element("assignedEntity", element("id", nullFlavor="NI"), organization))


def _next_examination(draft: Draft) -> Node:
    return observation(
        field("8087", "Дата проведения очередного периодического медицинского осмотра"),
        element("effectiveTime", value=day(draft.created_at.date() + _YEAR)),
    )


def _document_info(draft: Draft, facts: list[Node]) -> Node:
    narrative = [
        f"Заключение № {draft.document_number}",
        f"Дата: {draft.created_at:%d.%m.%Y}",
        f"Работодатель: {EMPLOYER}",
        FIT.name,
        *pieces(draft.padding),
    ]
    heading = [
        element("title", text="Сведения о документе"),
        element("text", *(element("paragraph", text=line) for line in narrative)),
    ]
    return section("DOCINFO", "Сведения о документе", *facts, heading=heading)


def _links(draft: Draft) -> Node:
    protocols = (("7", "Протокол лабораторного исследования"),)
    acts = [
        _link(draft, number, vocabulary.TYPES.term(code, name))
        for number, (code, name) in enumerate(protocols)
    ]
    heading = [
        element("title", text="Связанные документы"),
        element("text", *(element("paragraph", text=name) for _, name in protocols)),
    ]
    return section("LINKDOCS", "Связанные документы", *acts, heading=heading)


def _link(draft: Draft, number: int, kind: vocabulary.Term) -> Node:
    return element(
        "act",
        coded("code", kind),
        element("effectiveTime", value=day(draft.created_at.date())),
        element(
            "entryRelationship",
            observation(field("6058", "Форма документа"), coded_value(PAPER)),
            typeCode="COMP",
        ),
        element(
            "reference", linked_document(draft.clinic, f"{draft.document_number}-{number}"), typeCode="REFR"
        ),
        classCode="ACT",
        moodCode="EVN",
    )


PAPER: Final = vocabulary.DOCUMENT_FORMS.term("2", "Бумажная")


def linked_document(clinic: Clinic, number: str) -> Node:
    """Return a link to another document of the clinic that is not in РЭМД."""
    return element(
        "externalDocument",
        instance(local_root(clinic, "51"), number),
        element("id", nullFlavor="NI"),
        classCode="DOCCLIN",
        moodCode="EVN",
    )
