"""What layers, sources and those who must act are called in a report, in every form alike."""

from typing import Final

from broker.document.finding import Layer, Responsible, Source

LAYERS: Final = {
    Layer.XML: "Чтение XML",
    Layer.KIND: "Вид документа",
    Layer.XSD: "Схема (XSD)",
    Layer.SCHEMATRON: "Правила (Schematron)",
    Layer.NSI: "Справочники НСИ",
    Layer.BUSINESS: "Контрольные числа и формы",
    Layer.METADATA: "Заявка и документ",
    Layer.SIGNATURE: "Подписи",
    Layer.POLICY: "Правила оператора",
    Layer.REGISTRY: "Ответ государственной системы",
}
WHO: Final = {
    Responsible.MIS: "разработчик МИС",
    Responsible.CLINIC: "клиника",
    Responsible.OPERATOR: "оператор",
    Responsible.DESTINATION: "государственная система",
}
"""In the order the groups of a report stand in."""
SOURCES: Final = {
    Source.OFFICIAL: "официальное правило",
    Source.SEEN: "правило из открытых источников",
    Source.OWN: "наша проверка",
}
