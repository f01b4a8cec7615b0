"""A profile weighs rules otherwise, with a reason; the more specific word wins, and a wrong name is refused by name."""

import shutil
from datetime import UTC, datetime

import pytest
from hundred_faults import P, put
from msgspec.structs import replace
from validation_stand import ROOT, Stand, codes

from broker.document.finding import Layer, Severity
from broker.validation.check import RULES_UNREADABLE, Validator
from broker.validation.profiles import RULES, ProfilesRefused, RuleProfiles, known_rules
from broker.validation.ruleset import RuleSetLibrary, Weight

SLIP = put(f"{P}/h:id[2]", "extension", "11223344596")
RULE = "business.snils_checksum"


def written(tmp_path, text: str) -> RuleProfiles:
    path = tmp_path / "profiles.toml"
    path.write_text(text, encoding="utf-8")
    return RuleProfiles.load(path)


def switch(profile: str, severity: str, **what: str) -> str:
    named = "\n".join(f'{key} = "{value}"' for key, value in what.items())
    return f'[[switch]]\nprofile = "{profile}"\nseverity = "{severity}"\nreason = "проверка"\n{named}\n'


def judged(stand: Stand, profiles: RuleProfiles, profile: str, library: RuleSetLibrary | None = None):
    validator = Validator(library or stand.library, stand.catalogue, profiles=profiles)
    other = Stand.__new__(Stand)
    other.__dict__.update(stand.__dict__, validator=validator)
    return other.judge(stand.document("306", SLIP), replace(stand.facts("306"), profile=profile))


def overriding(directory, text: str) -> RuleSetLibrary:
    """Our rule set of kind 306 with an override of its own."""
    home = directory / "sets" / "306" / "3"
    shutil.copytree(ROOT / "schemas" / "semd" / "306" / "3", home)
    manifest = home / "ruleset.toml"
    plain = manifest.read_text(encoding="utf-8")
    manifest.write_text(plain.replace("override = []", f"[[override]]\n{text}"), encoding="utf-8")
    return RuleSetLibrary([directory / "sets"])


def weights(report) -> list[Severity]:
    return [finding.severity for finding in report.findings if finding.code == RULE]


def test_our_own_file_is_read_and_production_is_the_default(stand):
    profiles = RuleProfiles.load(ROOT / "schemas" / "profiles.toml")
    assert stand.facts("306").profile == "production"
    for profile in ("test", "production"):
        assert weights(judged(stand, profiles, profile)) == [Severity.WARNING]


def test_a_switch_makes_a_rule_block_or_be_silent_for_one_profile_only(stand, tmp_path):
    profiles = written(tmp_path, switch("production", "error", rule=RULE) + switch("test", "off", rule=RULE))
    assert weights(judged(stand, profiles, "production")) == [Severity.ERROR]
    report = judged(stand, profiles, "test")
    assert weights(report) == []
    assert "снято настройкой: 1" in report.layers[Layer.BUSINESS].note


def test_a_whole_layer_is_switched_and_one_of_its_rules_otherwise(stand, tmp_path):
    layer = switch("test", "error", layer="business")
    assert weights(judged(stand, written(tmp_path, layer), "test")) == [Severity.ERROR]
    both = layer + switch("test", "off", rule=RULE)
    assert weights(judged(stand, written(tmp_path, both), "test")) == []


@pytest.mark.parametrize(
    ("own", "profile", "outcome"),
    [
        (f'rule = "{RULE}"', switch("test", "error", rule=RULE), []),
        (f'rule = "{RULE}"', switch("test", "error", layer="business"), []),
        ("", switch("test", "error", rule=RULE), [Severity.ERROR]),
        ("", switch("test", "error", layer="business"), []),
    ],
    ids=["rule against rule", "rule against layer", "layer against rule", "layer against layer"],
)
def test_the_more_specific_word_wins_and_of_two_alike_the_rule_sets(stand, tmp_path, own, profile, outcome):
    library = overriding(tmp_path, f'layer = "business"\nseverity = "off"\nreason = "проверка"\n{own}')
    assert weights(judged(stand, written(tmp_path, profile), "test", library)) == outcome


def test_a_document_nobody_could_check_stays_unchecked_under_every_profile(stand, tmp_path):
    profiles = written(tmp_path, switch("test", "off", layer="xsd"))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    report = stand.judge(stand.document("306", put("h:realmCode", "code", "US")), stand.facts("306"), at)
    (finding, *_) = [one for one in report.findings if one.layer is Layer.XSD]
    assert profiles.weight("test", finding) is Weight.OFF
    assert profiles.weight("test", replace(finding, code=RULES_UNREADABLE)) is None
    assert "xsd.fixed_value" in codes(report, Layer.XSD)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (switch("test", "off", rule="business.snils_checksun"), RULE),
        (switch("test", "off", rule="cda.offset_missing"), "cda.offset_missing"),
        (switch("test", "off", layer="signature"), "signature"),
        (switch("test", "off"), "rule"),
        (switch("test", "off", rule=RULE, layer="business"), "rule"),
        (switch("test", "off", rule=RULE) * 2, "дважды"),
        (switch("staging", "off", rule=RULE), "staging"),
        (switch("test", "fatal", rule=RULE), "fatal"),
        (switch("test", "off", rule=RULE).replace('reason = "проверка"', 'reason = ""'), "reason"),
        (switch("test", "off", rule=RULE).replace('reason = "проверка"\n', ""), "reason"),
        (switch("test", "off", rule=RULE, color="red"), "color"),
        ("[[switch", "profiles.toml"),
    ],
)
def test_a_file_that_cannot_be_is_refused_and_says_why(tmp_path, text, says):
    with pytest.raises(ProfilesRefused, match=says):
        written(tmp_path, text)


def test_every_named_rule_and_the_other_codes_of_its_layers_may_be_switched():
    assert {rule.name for rule in RULES} <= known_rules()
    assert "kind.closed_on_date" in known_rules()
