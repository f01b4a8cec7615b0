"""Whatever a МИС exports: preparing drops no element, adds none, and every value is the sender's or a reformatting of it."""

import base64
import re
import unicodedata

from builders import a_sample
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from broker.dev.world import World
from broker.document.markup import Markup, parse
from broker.normalizer.changes import LISTED
from broker.normalizer.prepare import Prepared, prepare
from broker.normalizer.rules import Rule
from broker.samples.documents import KINDS
from broker.samples.submission import make_submission

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
DROPPED = {f"{XSI}schemaLocation", f"{XSI}noNamespaceSchemaLocation"}
WORLD = World()
GOOD = {
    kind: base64.b64decode(
        make_submission(a_sample(WORLD, kind=kind), lambda data, who: b"").content.data
    ).decode()
    for kind in KINDS
}
UGLY = st.one_of(
    st.sampled_from(
        [
            "", " ", "\u00a0", "8 (495) 123-45-67", "+7 495 1234567", "tel: 8495-123-45-67", "+8 495 123 45 67",
            "112-233-445 95", "112 233 445\u00a095", "2026-03-02", "2026-03-02T09:30:00+03:00", "2026-03-02T09:30",
            "2026-03-02T09:30:00.123Z", "202603020930+03:00", "2026-02-30", " 1.2.643.100.3", "1.2.643.100.3\t",
            "Прие\u0308м", "“Ромашка”", "Пробный\u00a0 ", "ПРОБНЫЙ", "&", "<", "\u0338x", "\u0306", "0", "-0", "é" * 80,
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), max_size=30),
    st.text(" 0123456789()+-:.TZ\u00a0", max_size=30),
)  # fmt: skip
VALUE = re.compile(
    r'(?<=[ ](?:root|code)=")[^"]*|(?<=value=")[^"]*|(?<=extension=")[^"]*|(?<=displayName=")[^"]*|(?<=>)[^<>]+'
)
FORMED = re.compile(
    r'(?:<telecom[^<>]*value="|root="1\.2\.643\.100\.3" extension="|(?:Time|low|high|IssueDate)[^<>]*value=")$'
)
"""Before a value whose form the rules know."""
FRAMES = st.sampled_from(
    [
        ("", "utf-8"), ("\ufeff", "utf-8"), ("\n", "utf-8"), ("", "cp1251"), ("", "utf-16"), ("", "utf-8-undeclared"),
    ]
)  # fmt: skip


@st.composite
def documents(draw) -> bytes:
    """A good document with up to twelve values spoilt, in one of the encodings МИС export in."""
    text = GOOD[draw(st.sampled_from(KINDS))]
    sites = list(VALUE.finditer(text))
    formed = [
        place for place, site in enumerate(sites) if FORMED.search(text, site.start() - 60, site.start())
    ]
    places = draw(st.lists(st.sampled_from(formed), max_size=8, unique=True))
    places += draw(
        st.lists(st.sampled_from([p for p in range(len(sites)) if p not in formed]), max_size=6, unique=True)
    )
    for place in sorted(places, reverse=True):
        start, end = sites[place].span()
        value = (
            draw(UGLY).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace(">", "&gt;")
        )
        text = text[:start] + value + text[end:]
    if draw(st.booleans()):
        text = text.replace(
            "<ClinicalDocument", '<?xml-stylesheet href="a.xsl"?><!-- МИС --><ClinicalDocument', 1
        )
    if draw(st.booleans()):
        text = text.replace(
            "<ClinicalDocument", f'<ClinicalDocument xmlns:s="{XSI[1:-1]}" s:schemaLocation="a b"', 1
        )
    return framed(text, *draw(FRAMES))


def framed(text: str, front: str, encoding: str) -> bytes:
    if encoding == "utf-8-undeclared":
        return text.partition("?>")[2].lstrip().encode()
    if encoding != "utf-8":
        text = text.replace("UTF-8", {"cp1251": "windows-1251", "utf-16": "UTF-16"}[encoding], 1)
        return text.encode(encoding, "xmlcharrefreplace")
    return (front + text).encode()


def pairs(before: etree._Element, after: etree._Element):
    """Every value of the one beside the same value of the other; the shape must be the same."""
    old, new = list(before.iter()), list(after.iter())
    assert [node.tag for node in old] == [node.tag for node in new]
    for one, other in zip(old, new, strict=True):
        assert set(one.attrib) - DROPPED == set(other.attrib) - DROPPED
        yield one, "#text", one.text, other.text
        yield one, "#tail", one.tail, other.tail
        for name in set(one.attrib) - DROPPED:
            yield one, name, one.get(name), other.get(name)


def says_the_same(element: etree._Element, place: str, before: str, after: str) -> bool:
    """Judge by other means than the program: by what digits and letters are left when all form is taken away."""
    if bare(before) == bare(after):
        return True
    local = etree.QName(element).localname
    digits = re.sub(r"\D", "", before)
    if place == "value" and local == "telecom":
        return re.fullmatch(r"tel:\+\d{8,15}", after) and after[-10:] == digits[-10:] and (
            after[5:-10] == digits[:-10] or (after[5:-10] == "7" and digits[:-10] in {"7", "8"})
        )  # fmt: skip
    if place == "extension" and element.get("root").strip() == "1.2.643.100.3":
        return after == digits
    if place == "value":
        moment, zone = re.fullmatch(r"(\d{8,14})([+-]\d{4})?", after).groups()
        return before.strip().startswith(moment[:4]) and is_moment(before.strip(), moment, zone or "")
    return False


def is_moment(before: str, moment: str, zone: str) -> bool:
    stated = re.split(r"(?<=\d)[ ]?([Zz]|[+-]\d{2}:?(?:\d{2})?)$", before) if zone else [before, ""]
    said = {"Z": "+0000", "z": "+0000"}.get(
        stated[1], stated[1].replace(":", "").ljust(5, "0") if zone else ""
    )
    return re.sub(r"\D", "", stated[0].partition(".")[0].partition(",")[0]) == moment and said == zone


def bare(text: str) -> str:
    return unicodedata.normalize("NFC", re.sub("[\u00a0\u2007\u202f]", " ", text)).strip(
        " \t\r\n\u200b\ufeff"
    )


@settings(max_examples=300, deadline=None)
@given(documents())
def test_every_value_is_the_senders_or_a_reformatting_of_it(content):
    made = prepare(content)
    before = parse(content)
    if not isinstance(made, Prepared):
        assert not isinstance(before, Markup)
        return
    after = parse(made.content)
    assert isinstance(after, Markup)
    if isinstance(before, Markup):
        changed = 0
        for element, place, old, new in pairs(before.root, after.root):
            if old != new:
                changed += 1
                assert old is not None
                assert new is not None
                assert says_the_same(element, place, old, new), (element.tag, place, old, new)
        assert changed <= len(made.changes)
    assert b"xml-stylesheet" not in made.content
    assert (made.content == content) is (made.changes == ())
    again = prepare(made.content)
    assert isinstance(again, Prepared)
    assert (again.content, again.changes) == (made.content, ())


@settings(max_examples=50, deadline=None)
@given(documents())
def test_with_every_rule_switched_off_the_bytes_are_the_senders(content):
    made = prepare(content, without=frozenset(Rule))
    assert not isinstance(made, Prepared) or (made.content, made.changes) == (content, ())


@settings(max_examples=100, deadline=None)
@given(documents(), st.sets(st.sampled_from(Rule)))
def test_a_rule_left_out_of_a_document_never_shows_in_its_diff(content, without):
    made = prepare(content, without=frozenset(without))
    assert not isinstance(made, Prepared) or {change.rule for change in made.changes}.isdisjoint(without)


def test_what_cannot_be_listed_is_counted():
    inner = '<telecom value="8 (495) 123-45-67"/>' * 1500
    made = prepare(f'<ClinicalDocument xmlns="urn:hl7-org:v3">{inner}</ClinicalDocument>'.encode())
    assert isinstance(made, Prepared)
    assert len(made.changes) == LISTED + 1
    assert sum(change.count for change in made.changes) == 1500
