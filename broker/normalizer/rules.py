"""The rules of normalising by name: what each changes, where the demand comes from, and whether it works unasked.

Safe rules (semd.md §6.1) write a value in the form that is demanded and say no more than it said. Shims (§6.3) change
what a document states in a way one kind of one partner needs; they work only where an operator wrote them down.
"""

from enum import StrEnum
from typing import Final

import msgspec

from broker.document.finding import Layer, Source


class Rule(StrEnum):
    """A safe change: the form of the bytes or of one value, never what it says."""

    BOM = "bom"
    """Byte order marks and blanks before the XML declaration."""
    ENCODING = "encoding"
    """Bytes and declaration in UTF-8."""
    STYLESHEET = "stylesheet"
    """The instruction that names a style sheet."""
    SCHEMA_LOCATION = "schema_location"
    """The attribute that names a schema."""
    NFC = "nfc"
    """Letters written in two signs."""
    SPACES = "spaces"
    """Unbreakable spaces outside the narrative."""
    BLANKS = "blanks"
    """Blanks around codes, OIDs, numbers and names."""
    QUOTES = "quotes"
    """English quotation marks in names of organisations and dictionary entries."""
    SNILS = "snils"
    """СНИЛС with separators."""
    PHONE = "phone"
    """Phone numbers as people write them."""
    DATES = "dates"
    """ISO dates and times."""


class ShimRule(StrEnum):
    """A change for one kind of one partner, written down by an operator."""

    TEMPLATE_ALIAS = "template_alias"
    """A former templateId."""
    EXTENSION_TYPES = "extension_types"
    """xsi:type on the Russian extension elements, by the generation of the header."""
    TYPE_ID = "type_id"
    """typeId of the hierarchical description."""
    KIND_CODE = "kind_code"
    """The type of medical documentation in the place of the kind."""
    SECOND_GIVEN = "second_given"
    """The patronymic as a second given name."""
    DICTIONARY_NAMES = "dictionary_names"
    """Edition and name of a dictionary's entry."""


class RuleCard(msgspec.Struct, frozen=True, kw_only=True):
    """What people read of a rule, in Russian; ``on`` tells whether it works unasked."""

    title: str
    does: str
    example: str = ""
    layer: Layer = Layer.BUSINESS
    source: Source = Source.SEEN
    on: bool = True


CARDS: Final = {
    Rule.BOM: RuleCard(
        title="Метка порядка байтов",
        does="Убирает метку BOM и пустое место перед объявлением XML.",
        layer=Layer.XML,
    ),
    Rule.ENCODING: RuleCard(
        title="Кодировка UTF-8",
        does="Перекодирует windows-1251, KOI8-R, CP866, ISO-8859-5 и UTF-16 в UTF-8 и объявляет её. Если кодировка не "
        "объявлена или объявлена неверно, узнаёт windows-1251 и KOI8-R по частоте букв и предупреждает об этом; чего не "
        "узнать уверенно, не трогает.",
        layer=Layer.XML,
    ),
    Rule.STYLESHEET: RuleCard(
        title="Инструкция xml-stylesheet",
        does="Убирает инструкцию, которая ссылается на таблицу стилей вашей МИС.",
        layer=Layer.XML,
    ),
    Rule.SCHEMA_LOCATION: RuleCard(
        title="Ссылка на схему",
        does="Убирает xsi:schemaLocation и xsi:noNamespaceSchemaLocation: получатели берут схему сами.",
        layer=Layer.XML,
    ),
    Rule.NFC: RuleCard(
        title="Составные буквы",
        does="Записывает букву с надстрочным знаком одним символом (Unicode NFC).",
        example="и + U+0306 → й",
        layer=Layer.XML,
    ),
    Rule.SPACES: RuleCard(
        title="Неразрывные пробелы",
        does="Заменяет неразрывный пробел обычным везде, кроме текста для чтения (section/text).",
        example="U+00A0, U+2007, U+202F → U+0020",
    ),
    Rule.BLANKS: RuleCard(
        title="Пробелы по краям",
        does="Убирает пробелы вокруг OID, кодов, номеров, дат, контактов, имён и реквизитов.",
        example='root=" 1.2.643.100.3 " → root="1.2.643.100.3"',
    ),
    Rule.QUOTES: RuleCard(
        title="Кавычки",
        does="Заменяет английские кавычки прямыми в displayName, codeSystemName, наименованиях организаций. Выключено: "
        "в справочниках НСИ встречаются и такие кавычки, а наименование сверяется с ними дословно.",
        example='“Ромашка” → "Ромашка"',
        source=Source.OWN,
        on=False,
    ),
    Rule.SNILS: RuleCard(
        title="СНИЛС",
        does="Оставляет от СНИЛС одиннадцать цифр, если остальное — только пробелы и дефисы. Контрольное число не правит.",
        example="112-233-445 95 → 11223344595",
    ),
    Rule.PHONE: RuleCard(
        title="Телефон",
        does="Записывает телефон с кодом страны как tel:+7XXXXXXXXXX; зарубежный — с его кодом. Номера без кода, добавочные и "
        "несколько номеров сразу остаются как есть.",
        example="8 (495) 123-45-67 → tel:+74951234567",
    ),
    Rule.DATES: RuleCard(
        title="Дата и время",
        does="Записывает дату и время ISO 8601 как ГГГГММДД[ЧЧММ[СС]±ЧЧММ]; доли секунды отбрасываются, потому что им в этой "
        "записи нет места. Часовой пояс берётся только из самого значения: время без пояса остаётся как есть.",
        example="2026-03-02T09:30:00+03:00 → 20260302093000+0300",
    ),
}
"""Every safe rule."""
SHIMS: Final = {
    ShimRule.TEMPLATE_ALIAS: RuleCard(
        title="Прежний templateId",
        does="Заменяет templateId/@root по таблице aliases, если новое значение принимает вид документа.",
    ),
    ShimRule.EXTENSION_TYPES: RuleCard(
        title="xsi:type у российских расширений",
        does="У элементов identity, address, medService: убирает xsi:type в документах по руководствам "
        "1.2.643.5.1.13.13.15.… и добавляет ST, CD или TS в документах с templateId 1.2.643.5.1.13.13.14.… и "
        "1.2.643.5.1.13.2.7.5.1.….9.….",
    ),
    ShimRule.TYPE_ID: RuleCard(
        title="Прежний typeId", does="Заменяет POCD_HD000040 на POCD_MT000040.", example="POCD_HD000040"
    ),
    ShimRule.KIND_CODE: RuleCard(
        title="Код вида вместо кода типа",
        does="Если ClinicalDocument/code — тип этого вида по 1.2.643.5.1.13.13.11.1522, записывает вид по "
        "1.2.643.5.1.13.13.11.1520 и translation с номером СЭМД по 1.2.643.5.1.13.13.99.2.1079. Редакции и наименования "
        "берутся из справочника; нет их — замены нет.",
    ),
    ShimRule.SECOND_GIVEN: RuleCard(
        title="Отчество вторым given",
        does="Переносит второй given в identity:Patronymic, если given ровно два, а отчества нет.",
    ),
    ShimRule.DICTIONARY_NAMES: RuleCard(
        title="Редакция и наименование по справочнику",
        does="Заменяет codeSystemVersion и displayName у кодов, которые есть в справочнике.",
    ),
}
"""Every shim; none works unasked."""
DEFAULT: Final = frozenset(rule for rule, card in CARDS.items() if card.on)
"""Rules that work unasked."""
COMPOSING: Final = frozenset({Rule.NFC, Rule.SPACES})
"""Rules with nothing to do in a document of plain characters."""
