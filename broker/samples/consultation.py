"""The body of «Протокол консультации», revision 7: kind 290, sections of semd.md appendix F."""

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
    moment,
    observation,
    section,
    text_value,
    typed,
)
from broker.samples.examination import PAPER, linked_document
from broker.samples.filler import pieces
from broker.samples.header import Draft

_OBJECTIVE: Final = (
    "Пробное описание осмотра: состояние удовлетворительное, сознание ясное, дыхание везикулярное, тоны сердца ясные, "
    "ритм правильный, живот мягкий, отёков нет. "
)
_VITALS: Final = (
    ("5", "Частота пульса", "72", "1/min", "337", "1/мин"),
    ("3", "Артериальное давление систолическое", "120", "mm[Hg]", "50", "мм.рт.ст."),
    ("2", "Артериальное давление диастолическое", "80", "mm[Hg]", "50", "мм.рт.ст."),
    ("57", "Рост", "175", "cm", "3", "см"),
    ("50", "Масса тела", "74", "kg", "9", "кг"),
)
"""Code and name of НСИ 99.2.262, value, UCUM unit, code and name of НСИ 11.1358."""


def consultation(draft: Draft) -> list[Node]:
    """Return the body's sections in the guide's order."""
    return [
        _document_info(draft),
        _told(
            "COMPLNTS", "Жалобы", field("835", "Жалобы пациента"), "Пробные жалобы: утомляемость к вечеру."
        ),
        _told(
            "ANAM", "Анамнез заболевания", NARRATIVE, "Пробный анамнез: болен условно с прошлого месяца. " * 4
        ),
        _told(
            "LANAM", "Анамнез жизни", NARRATIVE, "Пробный анамнез жизни: рос и развивался по возрасту. " * 4
        ),
        _told("EPIDEM", "Эпидемиологический анамнез", NARRATIVE, "Контактов с больными не было."),
        *_laboratory(draft),
        _vitals(draft),
        _diagnosis(draft),
        _told("REGIME", "Режим и рекомендации", NARRATIVE, "Пробные рекомендации: режим труда и отдыха."),
        _services(draft),
        _links(draft),
    ]


NARRATIVE: Final = field("7006", "Текстовое описание")


def _told(code: str, name: str, what: vocabulary.Term, text: str) -> Node:
    return section(code, name, observation(what, text_value(text)))


def _document_info(draft: Draft) -> Node:
    verdict = f"Пробное заключение консультации № {draft.document_number}: показано наблюдение."
    return section(
        "DOCINFO",
        "Сведения о документе",
        observation(field("800", "Обращение"), coded_value(vocabulary.VISITS.term("2", "Повторный"))),
        observation(
            field("801", "Место проведения"),
            coded_value(vocabulary.PLACES.term("1", "Амбулаторно-поликлиническое учреждение")),
        ),
        observation(
            field("804", "Состояние пациента"),
            coded_value(vocabulary.SEVERITIES.term("1", "Удовлетворительное")),
        ),
        observation(field("836", "Объективные данные"), text_value(_OBJECTIVE * 8)),
        observation(field("806", "Заключение консультации"), text_value(verdict)),
    )


def _laboratory(draft: Draft) -> list[Node]:
    texts = list(pieces(draft.padding))
    if not texts:
        return []
    results = [
        element(
            "observation",
            element("code", nullFlavor="NI"),
            element("effectiveTime", value=day(draft.created_at.date())),
            text_value(text),
            classCode="OBS",
            moodCode="EVN",
        )
        for text in texts
    ]
    return [section("RESLAB", "Результаты лабораторного исследования", *results)]


def _own(draft: Draft, name: str) -> Node:
    return instance(local_root(draft.clinic, "52"), name)


def _vitals(draft: Draft) -> Node:
    entries = [
        observation(
            vocabulary.VITALS.term(code, name),
            element("effectiveTime", value=moment(draft.created_at)),
            _quantity(value, unit, vocabulary.UNITS.term(unit_code, unit_name)),
            identity=_own(draft, f"VITALPARAM{number}"),
        )
        for number, (code, name, value, unit, unit_code, unit_name) in enumerate(_VITALS, start=1)
    ]
    return section("VITALPARAM", "Витальные параметры", *entries)


def _quantity(value: str, unit: str, term: vocabulary.Term) -> Node:
    translation = coded("translation", term)
    translation.set("value", value)
    return typed(element("value", translation, value=value, unit=unit), "PQ")


def _diagnosis(draft: Draft) -> Node:
    disease = vocabulary.DISEASES.term("Z00.0", "Общий медицинский осмотр")
    certainty = vocabulary.CERTAINTIES.term("3", "Заключительный клинический диагноз")
    main = element(
        "observation",
        coded("code", vocabulary.DIAGNOSIS_ROLES.term("1", "Основное заболевание")),
        element("text", text="Пробный диагноз"),
        coded_value(disease),
        _component(observation(field("7026", "Степень обоснованности диагноза"), coded_value(certainty))),
        classCode="OBS",
        moodCode="EVN",
    )
    whole = observation(
        field("838", "Диагноз"),
        element("effectiveTime", value=day(draft.created_at.date())),
        _component(main),
        identity=_own(draft, "DGN1"),
    )
    return section("DGN", "Диагнозы", whole)


def _component(part: Node) -> Node:
    return element("entryRelationship", part, typeCode="COMP")


def _services(draft: Draft) -> Node:
    service = vocabulary.SERVICES.term(
        "B01.047.002", "Прием (осмотр, консультация) врача-терапевта повторный"
    )
    rendered = observation(
        field("12168", "Код услуги"),
        element("effectiveTime", value=moment(draft.created_at)),
        coded_value(service),
        identity=_own(draft, "SERVICES1"),
    )
    return section("SERVICES", "Оказанные услуги", rendered)


def _links(draft: Draft) -> Node:
    number = f"{draft.document_number}-1"
    act = element(
        "act",
        _own(draft, number),
        coded("code", vocabulary.TYPES.term("7", "Протокол лабораторного исследования")),
        element("effectiveTime", value=day(draft.created_at.date())),
        _component(observation(field("11003", "Номер документа"), text_value(number))),
        _component(observation(field("6058", "Форма документа"), coded_value(PAPER))),
        element("reference", linked_document(draft.clinic, number), typeCode="REFR"),
        classCode="ACT",
        moodCode="EVN",
    )
    return section("LINKDOCS", "Связанные документы", act)
