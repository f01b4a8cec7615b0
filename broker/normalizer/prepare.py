"""Normalising of unsigned input: the safe changes of semd.md §6.1, each recorded; business values are never invented.

For documents that will be signed afterwards. A signed document is never passed through here: its bytes are sacred, and
one that holds an XML signature is refused. Doing it twice changes nothing more; where nothing is to be changed the bytes
are the sender's own. What cannot be mended without inventing is reported.
"""

import codecs
import hashlib
from typing import Final, cast

import msgspec
from lxml import etree
from lxml.etree import _Element as Element

from broker.document.finding import Finding, Layer, Responsible, Severity
from broker.document.kind import KindCard
from broker.document.markup import MAX_CONTENT, PLAIN_LIMIT, Markup, parse
from broker.normalizer.changes import Change, Diff, noticed
from broker.normalizer.decoding import to_utf8
from broker.normalizer.edits import apply, edits, in_words
from broker.normalizer.forms import is_plain
from broker.normalizer.masking import shown
from broker.normalizer.normalising import AS_SHIPPED, Names, Normalising, Term
from broker.normalizer.observed import is_signed, observe
from broker.normalizer.rules import COMPOSING, Rule
from broker.normalizer.shims import Shimmed, run_shim

SIGNED: Final = "normalise.signed_inside"
"""Code of the refusal of a document that holds a signature."""
_STYLESHEET: Final = "xml-stylesheet"


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes to sign, their SHA-256 in hex, what was changed to get them, and what was seen and left."""

    content: bytes
    digest: str
    changes: tuple[Change, ...] = ()
    reported: tuple[Finding, ...] = ()


def prepare(
    content: bytes,
    normalising: Normalising = AS_SHIPPED,
    *,
    partner: str = "",
    card: KindCard | None = None,
    without: frozenset[Rule] = frozenset(),
    names: Names | None = None,
) -> Prepared | tuple[Finding, ...]:
    """Return the normalised bytes of an unsigned document, or why they cannot be had.

    ``without`` leaves out safe rules for this document. Shims need ``partner`` and the ``card`` of the stated kind;
    ``names`` is where they find dictionary entries before those the operator wrote down.
    """
    on = normalising.on - without
    decoded = to_utf8(content, on)
    tree = _tree(decoded.content)
    if isinstance(tree, tuple):
        return tree
    diff = Diff()
    root = tree.getroot()
    plain = (tree.docinfo.encoding or "UTF-8").upper() == "UTF-8" and is_plain(decoded.content)
    for edit in edits(root, on - COMPOSING if plain else on):
        if not diff.is_full(edit.rule):
            diff.add(
                _change(edit.rule, in_words(edit), edit.element, edit.place, (edit.before, edit.after), diff)
            )
        else:
            diff.count(edit.rule)
        apply(edit)
    if Rule.STYLESHEET in on:
        _drop_stylesheets(root, diff)
    if card is not None:
        _shim(root, normalising, partner, card, names, diff)
    text = _written(tree, decoded.content) if diff else decoded.content
    if len(text) > MAX_CONTENT:
        return (_too_large(),)
    observe(root, diff)
    return Prepared(
        content=text,
        digest=hashlib.sha256(text).hexdigest(),
        changes=(*decoded.changes, *diff.changes),
        reported=(*decoded.reported, *diff.reported),
    )


def _tree(content: bytes) -> "etree._ElementTree | tuple[Finding, ...]":
    """Return the document with comments and instructions: ``parse`` has found it harmless without them."""
    readable = parse(content)
    if not isinstance(readable, Markup):
        return readable
    if is_signed(readable.root):
        return (_signed_inside(readable),)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        strip_cdata=False,
        huge_tree=len(content) >= PLAIN_LIMIT,
    )
    try:
        return etree.fromstring(content, parser).getroottree()
    except etree.XMLSyntaxError:
        return (_unkept(),)


def _written(tree: "etree._ElementTree", content: bytes) -> bytes:
    """Write the tree in UTF-8, or in the sender's encoding where transcoding is switched off."""
    document = tree.docinfo
    encoding = document.encoding or "UTF-8"
    if encoding.upper() != "UTF-8":
        return cast("bytes", etree.tostring(tree, encoding=encoding, xml_declaration=True))
    # lxml writes the declaration in apostrophes, while everybody else writes quotes.
    alone = "" if document.standalone is None else f' standalone="{"yes" if document.standalone else "no"}"'
    head = f'<?xml version="{document.xml_version or "1.0"}" encoding="UTF-8"{alone}?>\n'.encode()
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    return mark + head + etree.tostring(tree, encoding="UTF-8", xml_declaration=False)


def _change(
    rule: str, message: str, element: Element, place: str, values: tuple[str | None, str | None], diff: Diff
) -> Change:
    local = str(element.tag).rpartition("}")[2]
    before, after = (None if value is None else shown(local, place, value) for value in values)
    return Change(rule=str(rule), message=message, location=diff.locate(element), before=before, after=after)


def _drop_stylesheets(root: Element, diff: Diff) -> None:
    beside = [*root.itersiblings(preceding=True), *root.itersiblings()]
    for node in beside:
        if isinstance(node, etree._ProcessingInstruction) and node.target == _STYLESHEET:  # noqa: SLF001 - lxml's name
            diff.add(Change(rule=Rule.STYLESHEET, message="Убрана инструкция xml-stylesheet."))
            # A sibling of the root leaves its place only by moving into another element.
            etree.Element("gone").append(node)


def _shim(
    root: Element, normalising: Normalising, partner: str, card: KindCard, names: Names | None, diff: Diff
) -> None:
    def known(system: str, code: str) -> Term | None:
        return (names(system, code) if names else None) or normalising.term(system, code)

    for shim in normalising.shims_for(partner, card.code):
        for made in run_shim(root, shim, card, known):
            if made.missing:
                diff.report(_impossible(shim.rule, made, diff))
            elif diff.is_full(shim.rule):
                diff.count(shim.rule)
            else:
                message = f"{made.message} Основание: {shim.reason}"
                values = (made.before, made.after)
                diff.add(_change(shim.rule, message, made.element, made.attribute, values, diff))
        diff.moved()


def _impossible(rule: str, made: Shimmed, diff: Diff) -> Finding:
    return noticed(
        "normalise.shim_impossible",
        f"Правило {rule} не применено: {made.missing}.",
        "Оператор дополняет normalising.toml или справочники; до этого документ передаётся как есть.",
        diff.locate(made.element),
        responsible=Responsible.OPERATOR,
    )


def _signed_inside(markup: Markup) -> Finding:
    return noticed(
        SIGNED,
        "В документе уже есть электронная подпись (ds:Signature): изменять его нельзя.",
        "Передайте документ, каким он был до подписания; СЭМД подписывают открепленной подписью.",
        markup.locate(markup.root),
        layer=Layer.XML,
        severity=Severity.ERROR,
    )


def _too_large() -> Finding:
    return noticed(
        "xml.too_large",
        f"В UTF-8 документ больше {MAX_CONTENT // 1024 // 1024} МиБ.",
        "Уменьшите вложенные изображения или передайте их отдельным документом.",
        layer=Layer.XML,
        severity=Severity.ERROR,
    )


def _unkept() -> Finding:
    return noticed(
        "xml.malformed",
        "Документ не читается вместе с комментариями и инструкциями.",
        "Уберите из документа комментарии и инструкции обработки: они не нужны ни одному получателю.",
        layer=Layer.XML,
        severity=Severity.ERROR,
    )
