"""A routing table is not believed: where a region's profile says that its platform registers, the table must say so too."""

from pathlib import Path

import msgspec
import pytest

from broker.adapter_kit.profile import Profile, load_profile
from broker.control.activation import table_problems
from broker.dev.world import World
from broker.routing.table import Rule, Table, When

REGIONS = Path(__file__).parents[3] / "schemas" / "regions"
KNOWN = frozenset({"remd", "gis.77", "gis.78", "tfoms.77"})
DIRECT = Rule(name="РЭМД напрямую", destination="remd", registers=True)
ELSEWHERE = msgspec.structs.replace(DIRECT, when=When(regions=("77",)))


def a_profile(*, registers: bool, name: str = "gis.78") -> Profile:
    profile = load_profile(REGIONS / "78.toml")
    return msgspec.structs.replace(
        profile,
        destination=tuple(
            msgspec.structs.replace(one, id=name, registers=registers) if one.id == "gis.78" else one
            for one in profile.destination
        ),
    )


def a_rule(destination: str = "gis.78", *, registers: bool = False, **when: tuple[str, ...]) -> Rule:
    return Rule(name="ГИС", destination=destination, when=When(**when), registers=registers)


def problems(*rules: Rule, registers: bool = True) -> list[str]:
    return table_problems(Table(rules), KNOWN, [a_profile(registers=registers)])


@pytest.mark.parametrize(
    "silent",
    [
        a_rule(),
        a_rule(kinds=("306",)),
        a_rule("gis.{region}"),
        a_rule("gis.{region}", regions=("77", "78"), types=("semd",)),
    ],
)
def test_a_rule_that_keeps_silent_about_a_platform_that_registers_is_refused(silent: Rule):
    (problem,) = problems(DIRECT, silent)
    assert "Правило «ГИС»: по профилю региона gis.78 само регистрирует документы в РЭМД." in problem
    assert "registers = true" in problem
    assert problems(DIRECT, silent, registers=False) == [], (
        "where the platform does not register, nothing is amiss"
    )


def test_a_second_platform_of_a_region_is_found_behind_the_place_of_the_region():
    profile = a_profile(registers=True, name="gis.78.n3")
    (problem,) = table_problems(Table((DIRECT, a_rule("gis.{region}.n3"))), KNOWN, [profile])
    assert "gis.78.n3 само регистрирует" in problem
    assert "для региона 78" in problem


def test_one_that_speaks_is_refused_only_where_it_meets_another_registrar():
    assert "дважды" in problems(DIRECT, a_rule(registers=True))[0]
    assert problems(ELSEWHERE, a_rule(registers=True, regions=("78",))) == []


@pytest.mark.parametrize("other", [a_rule("gis.77"), a_rule("gis.{region}", regions=("77",))])
def test_a_rule_for_other_regions_is_none_of_that_profile(other: Rule):
    assert problems(DIRECT, other) == []


def test_the_table_of_the_stand_may_be_activated_beside_the_profiles_of_the_house(world: World):
    known = frozenset({"remd", "gis.77", "gis.78", "gis.16", "tfoms.77"})
    profiles = [load_profile(path) for path in REGIONS.glob("*.toml")]
    assert table_problems(world.routing(), known, profiles) == []
