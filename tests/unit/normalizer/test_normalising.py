"""The operator's decisions are read from one file, in words where it is wrong; it ships as the program works."""

from pathlib import Path

import pytest

from broker.normalizer.normalising import (
    AS_SHIPPED,
    FILE,
    NormalisingUnusable,
    UnknownRules,
    load_normalising,
    rules_named,
)
from broker.normalizer.rules import CARDS, DEFAULT, SHIMS, Rule, ShimRule

SHIPPED = Path(__file__).parents[3] / "schemas" / FILE
SHIM = """
[[shim]]
rule = "second_given"
kinds = ["290"]
partners = ["vendor-alpha"]
reason = "заявка"
"""


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / FILE
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_file_that_ships_names_every_rule_and_decides_as_the_cards_say():
    text = SHIPPED.read_text(encoding="utf-8")
    assert load_normalising(SHIPPED) == AS_SHIPPED
    assert [rule for rule in Rule if f"\n{rule} = " not in text] == []
    assert [rule for rule in ShimRule if rule not in text] == []


def test_the_examples_in_the_file_that_ships_can_be_uncommented(file):
    text = SHIPPED.read_text(encoding="utf-8")
    lines = text[text.index("# [[shim]]") :].splitlines()
    example = "\n".join(line[2:] for line in lines if not line.startswith("# Записи"))
    made = load_normalising(file(example))
    assert [shim.rule for shim in made.shims] == ["second_given", "template_alias"]
    assert made.term("1.2.643.5.1.13.13.99.2.1079", "13").name == "Протокол консультации"


def test_without_a_file_every_rule_works_as_its_card_says(tmp_path):
    assert load_normalising(tmp_path / FILE) == AS_SHIPPED


def test_rules_are_switched_one_by_one(file):
    made = load_normalising(file("[rules]\nphone = false\nquotes = true\n"))
    assert made.on == DEFAULT - {Rule.PHONE} | {Rule.QUOTES}


def test_a_shim_serves_the_partner_and_the_kind_it_names_and_nobody_else(file):
    made = load_normalising(file(SHIM))
    assert [shim.reason for shim in made.shims_for("vendor-alpha", "290")] == ["заявка"]
    assert made.shims_for("vendor-beta", "290") == ()
    assert made.shims_for("vendor-alpha", "306") == ()
    assert made.shims_for("", "290") == ()


@pytest.mark.parametrize(
    "text",
    [
        "[rules]\nfone = false",
        "[rules]\nphone = 'нет'",
        "[rule]\nphone = false",
        SHIM.replace("second_given", "guess_snils"),
        SHIM.replace('["290"]', "[]"),
        SHIM.replace('["vendor-alpha"]', "[]"),
        SHIM.replace('reason = "заявка"', ""),
        SHIM.replace('reason = "заявка"', 'reason = ""'),
        SHIM.replace("second_given", "template_alias"),
        SHIM + 'aliases = { "1.2" = "1.3" }',
        "[[term]]\nsystem = '1.2'\ncode = '1'",
        "[rules",
    ],
)
def test_a_wrong_decision_is_refused_in_words(file, text):
    with pytest.raises(NormalisingUnusable, match=r"normalising\.toml"):
        load_normalising(file(text))


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path):
    path = tmp_path / FILE
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NormalisingUnusable, match="не прочитан"):
        load_normalising(path)


def test_rules_are_named_in_lists_and_strangers_are_told():
    assert rules_named(["phone, dates", "", "snils"]) == {Rule.PHONE, Rule.DATES, Rule.SNILS}
    assert rules_named([]) == frozenset()
    assert rules_named(["phone,fone", "x,fone"]) == UnknownRules(("fone", "x"))


def test_every_rule_has_its_card():
    assert set(CARDS) == set(Rule)
    assert set(SHIMS) == set(ShimRule)
    assert Rule.QUOTES not in DEFAULT
