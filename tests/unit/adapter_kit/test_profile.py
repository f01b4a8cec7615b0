"""A region is data: profiles load, are checked in Russian, and become destinations."""

from pathlib import Path

import msgspec
import pytest

from broker.adapter_kit.profile import (
    Assumption,
    DestinationTemplate,
    Profile,
    ProfileStatus,
    assumed_fields,
    check_profile,
    load_profile,
    load_profiles,
)
from broker.document.finding import Source

REGIONS = Path(__file__).parents[3] / "schemas" / "regions"
ADAPTERS = {"gis_soap", "tfoms"}


def a_profile(**changes: object) -> Profile:
    return msgspec.structs.replace(load_profile(REGIONS / "78.toml"), **changes)


def a_template(**changes: object) -> DestinationTemplate:
    template = a_profile().template("gis.78")
    assert template is not None
    return msgspec.structs.replace(template, **changes)


@pytest.mark.parametrize("path", sorted(REGIONS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_profile_of_the_house_is_sound_and_named_after_its_region(path: Path):
    profile = load_profile(path)
    assert profile.region == path.stem
    assert check_profile(profile, adapters=ADAPTERS) == []


def test_the_folder_holds_the_three_regions_of_the_demo():
    assert [profile.region for profile in load_profiles(REGIONS)] == ["16", "77", "78"]


@pytest.mark.parametrize("profile", load_profiles(REGIONS), ids=lambda profile: profile.region)
def test_no_profile_with_assumptions_may_be_active(profile: Profile):
    assert list(assumed_fields(profile))
    active = msgspec.structs.replace(profile, status=ProfileStatus.ACTIVE)
    problems = check_profile(active)
    assert len(problems) == len(list(assumed_fields(profile)))
    assert all("допущении" in problem for problem in problems)


def test_a_template_becomes_a_destination_with_the_kind_map_in_its_parameters():
    destination = a_template().destination(url="https://gis.example/emk", secrets={"guid": "x"})
    assert destination.id == "gis.78"
    assert destination.region == "78"
    assert destination.mode == "test"
    assert destination.params["kind.119"] == "198"
    assert destination.params["pix"] == "PixService.svc"
    assert destination.secrets == {"guid": "x"}


def test_clinic_values_are_checked_by_presence_and_form():
    template = a_template()
    good = {"idLpu": "1.2.643.5.1.13.13.12.2.78.9001"}
    assert template.clinic_problems(good) == []
    assert template.clinic_problems({}) == [
        "gis.78: не указано «Идентификатор клиники в ГИС (GUID или OID)» (idLpu)."
    ]
    assert len(template.clinic_problems({"idLpu": "клиника 5", "guid": "не guid"})) == 2


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"region": "7"}, "две цифры"),
        ({"title": " "}, "назовите регион"),
        ({"version": 0}, "номер версии"),
        ({"zone": "MSK"}, "смещением от UTC"),
        ({"destination": ()}, "ни одного назначения"),
        ({"destination": (a_template(), a_template())}, "дважды"),
        ({"destination": (a_template(id="gis.77"),)}, "имя назначения"),
        ({"destination": (a_template(adapter="нет"),)}, "не установлен"),
        ({"destination": (a_template(timeout=0.0),)}, "положительное число"),
        ({"destination": (a_template(params={"guid": "1"}),)}, "секрету не место"),
        ({"destination": (a_template(),)}, "описываются вместе"),
        ({"assumption": ()}, "не объяснено"),
        ({"assumption": (Assumption(field="gis.78/kinds/999", why="x"),)}, "такого поля"),
    ],
)
def test_each_fault_of_a_profile_is_told(changes: dict[str, object], word: str):
    assert any(word in problem for problem in check_profile(a_profile(**changes), adapters=ADAPTERS))


def test_two_registrars_in_one_region_are_refused():
    first, second = a_template(registers=True), a_template(id="gis.78.other", registers=True)
    problems = check_profile(a_profile(destination=(first, second)))
    assert any("только одно назначение" in problem for problem in problems)


def test_an_unknown_field_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "x.toml"
    path.write_text((REGIONS / "78.toml").read_text() + '\n[surprise]\na = "b"\n')
    with pytest.raises(msgspec.ValidationError, match="surprise"):
        load_profile(path)


def test_what_is_seen_is_not_an_assumption():
    assert a_template().source is Source.SEEN
    assert "gis.78" not in set(assumed_fields(a_profile()))
    assert "gis.78/kinds/119" not in set(assumed_fields(a_profile()))
