"""Each signature fault is refused by the whole step, with a text of its own that somebody read aloud.

The texts are kept word for word; ``INAYA_WRITE_GOLDEN=1`` writes them anew.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from gost import SUITES
from signature_faults import BY_ID, FAULTS, SignatureFault
from signature_kit import Case, Kit

from broker.dev.world import World
from broker.document.finding import Finding, Layer, Severity
from broker.pipeline import Examination, Workshop, examine
from broker.trust import Anchors, Suite, load_signing_rules
from broker.trust.providers import _Process, prepare_trust
from broker.validation.report import Report

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).with_name("golden")
WHOSE = re.compile(r"^Подпись № \d+ \([^)]*\): ")
JARGON = ("валидн", "некорректн", "кардинальность", "невалид")


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    return Workshop(ROOT / "schemas", None)


@pytest.fixture(scope="module", autouse=True)
def computing() -> Iterator[None]:
    """Let this process compute whatever the machine can, as a compute process does, and no longer than here."""
    before = _Process.prepared
    prepare_trust()
    yield
    _Process.prepared = before


@pytest.fixture(scope="module", params=SUITES)
def kit(request: pytest.FixtureRequest, world: World) -> Kit:
    return Kit(request.param, world)


def examined(case: Case, workshop: Workshop) -> Examination:
    workshop.trust = Anchors(case.snapshot, load_signing_rules(ROOT / "schemas" / "signing.toml"))
    return examine(case.input(), workshop)


def of_signatures(made: Examination) -> list[Finding]:
    return [one for one in made.findings if one.layer is Layer.SIGNATURE]


def told(fault: SignatureFault, made: Examination) -> str:
    return f"{fault.description}\n\n{Report(findings=tuple(of_signatures(made))).to_text()}\n"


def test_a_document_signed_as_it_must_be_passes_without_a_word_about_its_signatures(
    kit: Kit, workshop: Workshop
):
    case = kit.good()
    made = examined(case, workshop)
    assert of_signatures(made) == []
    assert made.passed, made.findings
    assert made.trust == case.snapshot.digest
    assert [(one.code, one.chain, one.suite, one.required) for one in made.signatures] == [
        ("OK", "OK", kit.suite.value, True)
    ] * 2


def test_the_same_bytes_packs_snapshot_and_instant_are_judged_the_same(kit: Kit, workshop: Workshop):
    case = BY_ID["revoked"].make(kit)
    first, second = examined(case, workshop), examined(case, workshop)
    assert (first.findings, first.signatures, first.trust) == (
        second.findings,
        second.signatures,
        second.trust,
    )
    other = examined(msgspec.structs.replace(case, snapshot=kit.snapshot()), workshop)
    assert other.trust != first.trust
    assert of_signatures(other) == []


def test_a_kind_whose_dictionary_asks_for_no_signature_of_the_organisation_passes_without(
    kit: Kit, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
):
    card = workshop.catalogue.get("306")
    assert card is not None
    fact = msgspec.structs.replace(card, mo_sign=False)
    case = BY_ID["no-organization"].make(kit)
    assert not examined(case, workshop).passed
    monkeypatch.setattr(workshop, "catalogue", workshop.catalogue.overlaid([fact], "99.1"))
    assert of_signatures(examined(case, workshop)) == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_signature_fault_is_refused_before_anything_is_sent(
    fault: SignatureFault, kit: Kit, workshop: Workshop
):
    made = examined(fault.make(kit), workshop)
    found = {one.code: one for one in of_signatures(made)}
    assert f"signature.{fault.code}" in found, found
    assert found[f"signature.{fault.code}"].severity is Severity.ERROR
    assert not made.passed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_signature_fault_reads_as_it_was_read_aloud(fault: SignatureFault, kit: Kit, workshop: Workshop):
    path = GOLDEN / f"{fault.id}.txt"
    text = told(fault, examined(fault.make(kit), workshop))
    if os.environ.get("INAYA_WRITE_GOLDEN") and kit.suite is Suite.RSA_SHA256:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_no_text_is_kept_that_nobody_renders():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(BY_ID)


def test_no_two_faults_are_told_in_the_same_words():
    said: dict[str, str] = {}
    for fault in FAULTS:
        message = _message(fault)
        assert said.setdefault(message, fault.code) == fault.code, message
    assert len(said) >= 25


def _message(fault: SignatureFault) -> str:
    lines = (GOLDEN / f"{fault.id}.txt").read_text(encoding="utf-8").splitlines()
    place = next(number for number, line in enumerate(lines) if line.endswith(f" signature.{fault.code}"))
    return WHOSE.sub("", lines[place + 1].strip())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_text_is_short_plain_and_free_of_people(fault: SignatureFault, kit: Kit, workshop: Workshop):
    people = kit.doctor.name
    secrets = {people.family, people.given, people.patronymic, kit.doctor.snils, "Чужеслав", "99000000254"}
    for one in of_signatures(examined(fault.make(kit), workshop)):
        assert one.fix
        assert not [secret for secret in secrets if secret in repr(one)]
        for text in (one.message, one.fix):
            assert not [word for word in JARGON if word in text.lower()], text
            for sentence in re.split(r"(?<=[.;!?])\s+", text):
                assert len(sentence.split()) <= 26, sentence
