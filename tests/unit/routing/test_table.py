"""The routing table: every decision explained, no accepted table registers twice, no registry strays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.routing.table import Rule, Subject, Table, When, check_table, decide

KNOWN = frozenset({"remd", "gis.77", "gis.78", "tfoms.77", "tfoms.78", "folder"})
SEMD = Subject(type="semd", kind="306", clinic="c1", region="77", mode="production", oms=False)
REGISTRY = Subject(
    type="oms-registry", kind="", clinic="c1", region="77", mode="production", oms=True, tfoms="77"
)
DIRECT = Rule(name="напрямую", destination="remd", registers=True)
BY_GIS = Rule(name="через ГИС", destination="gis.{region}", when=When(regions=("78",)), registers=True)
TO_FUND = Rule(name="в фонд", destination="tfoms.{tfoms}", when=When(types=("oms-registry",)))


def some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


WHENS = st.builds(
    When,
    types=some(["semd", "oms-registry"]),
    kinds=some(["306", "103"]),
    regions=some(["77", "78"]),
    clinics=some(["c1", "c2"]),
    modes=some(["test", "production"]),
    oms=st.sampled_from([None, True, False]),
    tfoms=some(["77", "78"]),
)
RULES = st.builds(
    Rule,
    name=st.uuids().map(str),
    destination=st.sampled_from(
        ["remd", "gis.{region}", "gis.77", "gis.78", "folder", "tfoms.{tfoms}", "tfoms.77", "tfoms.{region}"]
    ),
    when=WHENS,
    required=st.booleans(),
    registers=st.booleans(),
)
SUBJECTS = st.builds(
    Subject,
    type=st.sampled_from(["semd", "oms-registry"]),
    kind=st.sampled_from(["306", "103", "290"]),
    clinic=st.sampled_from(["c1", "c2", "c3"]),
    region=st.sampled_from(["77", "78", "16"]),
    mode=st.sampled_from(["test", "production"]),
    oms=st.booleans(),
    tfoms=st.sampled_from(["", "77", "78"]),
)


@given(st.lists(RULES, max_size=5), SUBJECTS)
def test_no_accepted_table_ever_has_two_registrars_for_one_document(rules: list[Rule], subject: Subject):
    table = Table()
    for rule in rules:
        longer = Table((*table.rules, rule))
        table = table if check_table(longer, KNOWN) else longer
    decision = decide(table, subject, KNOWN)
    assert sum(recipient.registers for recipient in decision.recipients) <= 1
    assert not any("регистратор РЭМД уже выбран" in line for line in decision.explanation), (
        "an accepted table must not depend on the order of its rules"
    )


@given(st.lists(RULES, max_size=5), SUBJECTS)
def test_whatever_the_table_a_registry_goes_to_its_fund_only_and_a_document_to_no_fund(
    rules: list[Rule], subject: Subject
):
    for recipient in decide(Table(tuple(rules)), subject, KNOWN).recipients:
        if subject.type == "oms-registry":
            assert recipient.destination == f"tfoms.{subject.tfoms}"
        else:
            assert not recipient.destination.startswith("tfoms.")


@given(st.lists(RULES, max_size=6), SUBJECTS)
def test_every_rule_is_explained_and_every_recipient_names_its_rule(rules: list[Rule], subject: Subject):
    decision = decide(Table(tuple(rules)), subject, KNOWN)
    assert len(decision.explanation) == len(rules)
    for rule, line in zip(rules, decision.explanation, strict=True):
        assert rule.name in line
    chosen = [line for line in decision.explanation if ": да → " in line]
    assert len(chosen) == len(decision.recipients)
    destinations = [recipient.destination for recipient in decision.recipients]
    assert len(destinations) == len(set(destinations))
    assert set(destinations) <= KNOWN


@given(st.lists(RULES, max_size=4), SUBJECTS)
def test_a_decision_depends_on_nothing_but_its_arguments(rules: list[Rule], subject: Subject):
    table = Table(tuple(rules))
    assert decide(table, subject, KNOWN) == decide(table, subject, KNOWN)


def test_each_region_has_its_own_registrar():
    table = Table((replace(DIRECT, when=When(regions=("77", "16"))), BY_GIS, TO_FUND))
    assert check_table(table, KNOWN) == []
    assert [r.destination for r in decide(table, SEMD, KNOWN).recipients] == ["remd"]
    there = decide(table, replace(SEMD, region="78"), KNOWN)
    assert [r.destination for r in there.recipients] == ["gis.78"]
    assert [r.destination for r in decide(table, REGISTRY, KNOWN).recipients] == ["tfoms.77"]


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        (replace(SEMD, kind="103"), "вид 103"),
        (replace(SEMD, region="16"), "регион 16"),
        (replace(SEMD, clinic="c2"), "клиника"),
        (replace(SEMD, mode="test"), "режим test"),
        (replace(SEMD, oms=True), "ОМС"),
        (replace(REGISTRY, oms=False), "только СЭМД"),
    ],
)
def test_a_rule_that_does_not_fit_says_which_condition_failed(subject: Subject, why: str):
    when = When(kinds=("306",), regions=("77",), clinics=("c1",), modes=("production",), oms=False)
    decision = decide(Table((Rule(name="п", destination="folder", when=when),)), subject, KNOWN)
    assert decision.recipients == ()
    assert why in decision.explanation[0]


def test_a_destination_that_is_not_set_up_is_named_in_the_explanation():
    decision = decide(Table((Rule(name="п", destination="gis.{region}"),)), replace(SEMD, region="99"), KNOWN)
    assert decision.recipients == ()
    assert "gis.99" in decision.explanation[0]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ((DIRECT, BY_GIS), "дважды"),
        ((DIRECT, replace(BY_GIS, when=When())), "дважды"),
        ((replace(DIRECT, registers=False),), "registers"),
        ((replace(TO_FUND, when=When()),), "только реестры"),
        ((replace(TO_FUND, when=When(types=("semd", "oms-registry"))),), "только реестры"),
        ((replace(TO_FUND, destination="tfoms.77"),), "фонд"),
        ((replace(TO_FUND, destination="tfoms.{region}"),), "фонд"),
        ((Rule(name="п", destination="folder", when=When(types=("oms-registry",))),), "не фонд"),
        ((Rule(name="п", destination="нигде"),), "не настроено"),
        ((Rule(name="п", destination="gis.{clinic}"),), "подставляются"),
        ((Rule(name="п", destination="gis.{}"),), "подставляются"),
        ((Rule(name="п", destination="folder"), Rule(name="п", destination="gis.77")), "повторяется"),
    ],
)
def test_a_table_that_could_harm_is_refused_with_the_reason(rules: tuple[Rule, ...], why: str):
    problems = check_table(Table(rules), KNOWN)
    assert any(why in problem for problem in problems), problems


def test_the_tables_of_the_stand_may_be_activated(world):
    known = frozenset(d.id for d in world.destinations(dict.fromkeys(("remd", "gis-soap", "tfoms"), "x")))
    assert check_table(world.routing(), known) == []
