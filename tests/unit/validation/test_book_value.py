"""The rule book as a value: every act makes the next book, and the narrowest weight decides."""

import datetime as dt

import pytest

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.validation.rulebook import DictionaryEntry, PackEntry, Rulebook, Switch, Weights
from broker.validation.ruleset import Weight

SPRING, SUMMER = dt.date(2026, 3, 1), dt.date(2026, 6, 1)


def a_switch(severity: Weight, **narrow: str) -> Switch:
    return Switch(layer=Layer.SCHEMATRON, severity=severity, reason="проба", **narrow)


def a_finding(code: str = "schematron.assert", rule: str = "У1-2") -> Finding:
    return Finding(
        layer=Layer.SCHEMATRON,
        severity=Severity.ERROR,
        code=code,
        rule=rule,
        message="",
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
    )


def test_a_pack_gives_way_only_to_one_of_its_kind_and_day():
    first = PackEntry(kind="290", digest="a", starts=SPRING)
    book = Rulebook().with_pack(first).with_pack(PackEntry(kind="194", digest="a"))
    later = book.with_pack(PackEntry(kind="290", digest="b", starts=SUMMER))
    assert first in later.packs
    assert first not in later.with_pack(PackEntry(kind="290", digest="c", starts=SPRING)).packs
    assert [e.digest for e in later.without_pack("290", "a").packs] == ["a", "b"]
    assert book.packs == (PackEntry(kind="194", digest="a"), first)


def test_the_digest_of_a_book_says_what_is_in_it_and_not_in_which_order_it_came():
    one, two = PackEntry(kind="290", digest="a"), DictionaryEntry(oid="1.2", version="1", digest="b")
    book = Rulebook().with_pack(one).with_dictionary(two)
    assert book.digest == Rulebook().with_dictionary(two).with_pack(one).digest
    assert book.digest != book.without_dictionary("1.2", "1").digest
    assert book.stored == {"a", "b"}


@pytest.mark.parametrize(
    ("narrow", "decided"),
    [
        ([{}], Weight.OFF),
        ([{}, {"rule": "У1-2"}], Weight.WARNING),
        ([{"kind": "290"}, {"rule": "У1-2"}], Weight.WARNING),
        ([{"rule": "У1-2"}, {"rule": "У1-2", "kind": "290"}], Weight.WARNING),
        ([{"rule": "У1-2"}, {"rule": "У1-2", "profile": "test"}], Weight.WARNING),
        ([{"profile": "test"}, {"kind": "290"}], Weight.WARNING),
    ],
)
def test_the_narrowest_word_decides(narrow: list[dict[str, str]], decided: Weight):
    switches = [a_switch(Weight.OFF, **one) for one in narrow[:-1]] + [a_switch(decided, **narrow[-1])]
    for order in (switches, switches[::-1]):
        assert Weights(order).of("290", "test", a_finding()) is decided


@pytest.mark.parametrize("narrow", [{"kind": "194"}, {"profile": "production"}, {"rule": "У1-3"}])
def test_a_switch_reaches_nobody_else(narrow: dict[str, str]):
    assert Weights([a_switch(Weight.OFF, **narrow)]).of("290", "test", a_finding()) is None


def test_nobody_makes_a_document_checked_by_a_switch():
    assert Weights([a_switch(Weight.OFF)]).of("290", "test", a_finding("operator.rules_unreadable")) is None
