"""Changes of what a document states, for one kind of one partner, each written down by an operator with its reason.

A shim applies where the document is exactly in the state it mends, so doing it twice changes nothing more. What it needs
from a dictionary and does not get is told, never guessed.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from broker.document.kind import GUIDE_PREFIX, KIND_SYSTEM, SEMD_SYSTEM, TYPE_SYSTEMS, KindCard
from broker.document.markup import ADDRESS, CDA, IDENTITY, MED_SERVICE, XSI
from broker.normalizer.normalising import Names, Shim
from broker.normalizer.rules import ShimRule

_H: Final = f"{{{CDA}}}"
_I: Final = f"{{{IDENTITY}}}"
_TYPE: Final = f"{{{XSI}}}type"
_TYPED: Final = (f"{{{IDENTITY}}}*", f"{{{ADDRESS}}}*", f"{{{MED_SERVICE}}}*")
"""Extension elements that carry xsi:type in documents of 2021–23 (semd.md §1.4)."""
_SECOND_GENERATION: Final = ("1.2.643.5.1.13.13.14.", "1.2.643.5.1.13.2.7.5.1.")
_TYPE_ID_ROOT: Final = "2.16.840.1.113883.1.3"
_OLD_TYPE_ID: Final = "POCD_HD000040"
_NEW_TYPE_ID: Final = "POCD_MT000040"


class Shimmed(NamedTuple):
    """One change made; ``attribute`` names the value that changed, empty for text; values None where none is told.

    ``missing`` says in Russian what a change that was not made would have needed.
    """

    element: Element
    message: str
    attribute: str = ""
    before: str | None = None
    after: str | None = None
    missing: str = ""


class Need(NamedTuple):
    """What a shim may look at."""

    shim: Shim
    card: KindCard
    names: Names


def run_shim(root: Element, shim: Shim, card: KindCard, names: Names) -> Iterator[Shimmed]:
    """Make the shim's changes in the tree, telling each."""
    yield from _SHIMS[shim.rule](root, Need(shim, card, names))


def template_alias(root: Element, need: Need) -> Iterator[Shimmed]:
    """Replace a former templateId by the one the operator named, when the kind accepts it."""
    for element in root.iterfind(f"{_H}templateId"):
        old = element.get("root", "")
        new = need.shim.aliases.get(old)
        if new is None or new == old:
            continue
        if not need.card.accepts_template(new):
            told = f"templateId {new} из таблицы aliases вид {need.card.code} не принимает"
            yield Shimmed(element, "", missing=told)
            continue
        element.set("root", new)
        yield Shimmed(element, "Прежний templateId заменён действующим.", "root", old, new)


def extension_types(root: Element, need: Need) -> Iterator[Shimmed]:
    """Drop or add xsi:type of extension elements as the generation of the templateId demands."""
    del need
    template = root.find(f"{_H}templateId")
    of = "" if template is None else template.get("root", "")
    if of.startswith(GUIDE_PREFIX):
        yield from _untyped(root)
    elif of.startswith(_SECOND_GENERATION) and ".9." in of:
        yield from _typed(root)


def _untyped(root: Element) -> Iterator[Shimmed]:
    for element in root.iter(*_TYPED):
        old = element.get(_TYPE)
        if old is not None:
            del element.attrib[_TYPE]
            yield Shimmed(
                element, "Убран xsi:type: в этом поколении документов его быть не должно.", "type", old
            )


def _typed(root: Element) -> Iterator[Shimmed]:
    for element in root.iter(*_TYPED):
        name = _data_type(element)
        prefix = next((p for p, namespace in element.nsmap.items() if namespace == CDA), "?")
        if name and prefix != "?" and element.get(_TYPE) is None:
            new = f"{prefix}:{name}" if prefix else name
            element.set(_TYPE, new)
            yield Shimmed(
                element, "Добавлен xsi:type, принятый в этом поколении документов.", "type", None, new
            )


def _data_type(element: Element) -> str:
    """Return the HL7 data type an element's own content shows, empty when it shows none."""
    if element.get("code") is not None:
        return "CD"
    if element.get("value") is not None:
        return "TS"
    return "ST" if not len(element) and (element.text or "").strip() else ""


def type_id(root: Element, need: Need) -> Iterator[Shimmed]:
    """Replace the typeId of the hierarchical description."""
    del need
    for element in root.iterfind(f"{_H}typeId"):
        if (element.get("root"), element.get("extension")) == (_TYPE_ID_ROOT, _OLD_TYPE_ID):
            element.set("extension", _NEW_TYPE_ID)
            yield Shimmed(element, f"typeId {_OLD_TYPE_ID} заменён на {_NEW_TYPE_ID}.", "extension")


def kind_code(root: Element, need: Need) -> Iterator[Shimmed]:
    """Write the kind in the place of its type, with the number of the СЭМД as translation."""
    element = root.find(f"{_H}code")
    card = need.card
    if element is None or element.get("codeSystem") not in TYPE_SYSTEMS or element.get("code") != card.type:
        return
    if not card.semd_number:
        yield Shimmed(element, "", missing=f"номер СЭМД вида {card.code} в справочнике видов")
        return
    kind, guide = need.names(KIND_SYSTEM, card.code), need.names(SEMD_SYSTEM, card.semd_number)
    if kind is None or guide is None:
        system, code = (KIND_SYSTEM, card.code) if kind is None else (SEMD_SYSTEM, card.semd_number)
        yield Shimmed(element, "", missing=f"запись {code} справочника {system}")
        return
    before = element.get("code", "")
    translation = element.find(f"{_H}translation")
    if translation is None:
        translation = etree.Element(f"{_H}translation")
        element.append(translation)
    for place, term in ((element, kind), (translation, guide)):
        for name in ("code", "codeSystem", "codeSystemVersion", "codeSystemName", "displayName"):
            place.attrib.pop(name, "")
        place.set("code", term.code)
        place.set("codeSystem", term.system)
        place.set("codeSystemVersion", term.version)
        if term.system_name:
            place.set("codeSystemName", term.system_name)
        place.set("displayName", term.name)
    told = "Код типа документа заменён кодом вида; номер СЭМД записан в translation."
    yield Shimmed(element, told, "code", before, card.code)


def second_given(root: Element, need: Need) -> Iterator[Shimmed]:
    """Move a second given name into the patronymic that is missing."""
    del need
    for name in list(root.iter(f"{_H}name")):
        given = list(name.iterchildren(f"{_H}given"))
        if len(given) != 2 or name.find(f"{_I}Patronymic") is not None:
            continue
        second = given[1]
        if not (second.text or "").strip() or len(second) or len(second.attrib):
            continue
        patronymic = etree.Element(
            f"{_I}Patronymic", nsmap=None if _declared(name) else {"identity": IDENTITY}
        )
        patronymic.text, patronymic.tail = second.text, second.tail
        name.replace(second, patronymic)
        yield Shimmed(name, "Второй given перенесён в identity:Patronymic.")


def _declared(element: Element) -> bool:
    return IDENTITY in element.nsmap.values()


def dictionary_names(root: Element, need: Need) -> Iterator[Shimmed]:
    """Write edition and name of each entry as the dictionary in force has them."""
    for element in root.iter(etree.Element):
        system, code = element.get("codeSystem"), element.get("code")
        term = need.names(system, code) if system and code else None
        if term is None:
            continue
        for attribute, new in (("codeSystemVersion", term.version), ("displayName", term.name)):
            old = element.get(attribute)
            if old is not None and old != new:
                element.set(attribute, new)
                yield Shimmed(element, f"@{attribute} записан по справочнику {system}.", attribute, old, new)


_SHIMS: Final[dict[ShimRule, Callable[[Element, Need], Iterator[Shimmed]]]] = {
    ShimRule.TEMPLATE_ALIAS: template_alias,
    ShimRule.EXTENSION_TYPES: extension_types,
    ShimRule.TYPE_ID: type_id,
    ShimRule.KIND_CODE: kind_code,
    ShimRule.SECOND_GIVEN: second_given,
    ShimRule.DICTIONARY_NAMES: dictionary_names,
}
