"""Sample documents: stable, of the promised size, with the ids they were given."""

from datetime import date, datetime
from uuid import UUID

import pytest
from lxml import etree

from broker.samples.documents import KINDS, make_document
from broker.samples.people import Population
from broker.samples.sample import make_sample, next_version
from broker.samples.selftest import CREATED

H = "{urn:hl7-org:v3}"
UID = "0190d0f0-1111-4222-8333-000000000001"


def a_document(kind: str, *, padding: int = 0, version: int = 1) -> bytes:
    population = Population(1, date(2026, 6, 15))
    clinic = population.clinic(1)
    return make_document(
        kind,
        clinic,
        population.patient(1, clinic.region),
        population.doctors(clinic),
        local_uid=UID,
        document_number="2026-000001",
        set_id="set-1",
        version=version,
        created_at=CREATED,
        padding=padding,
    )


@pytest.mark.parametrize(("kind", "least", "most"), [("306", 14, 24), ("103", 14, 24), ("290", 20, 30)])
def test_a_document_has_the_size_of_a_usual_one(kind, least, most):
    assert least * 1024 <= len(a_document(kind)) <= most * 1024


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [1_000_000, 10_000_000])
def test_padding_makes_the_document_as_large_as_asked_and_no_text_node_hits_the_parsers_limit(kind, padding):
    content = a_document(kind, padding=padding)
    assert padding <= len(content) <= padding * 1.1 + 40_000
    root = etree.fromstring(content)
    assert max(len((node.text or "").encode()) for node in root.iter()) < 1_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_ids_given_stand_in_the_document(kind):
    root = etree.fromstring(a_document(kind, version=3))
    assert root.find(f"{H}id").get("extension") == UID
    assert root.find(f"{H}id").get("root").endswith(".51")
    assert root.find(f"{H}setId").get("extension") == "set-1"
    assert root.find(f"{H}versionNumber").get("value") == "3"
    assert root.find(f"{H}effectiveTime").get("value") == "202606151030+0300"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_input_gives_the_same_bytes(kind):
    assert a_document(kind) == a_document(kind)


def test_a_moment_without_an_offset_is_refused():
    population = Population(1, date(2026, 6, 15))
    clinic = population.clinic(1)
    with pytest.raises(ValueError, match="offset"):
        make_document(
            "306",
            clinic,
            population.patient(1, clinic.region),
            population.doctors(clinic),
            local_uid=UID,
            document_number="1",
            set_id="1",
            created_at=datetime(2026, 6, 15, 10, 30),  # noqa: DTZ001 - the mistake under test
        )


def test_every_sample_has_ids_of_its_own_and_a_next_version_keeps_the_set():
    population = Population(1, date(2026, 6, 15))
    clinic = population.clinic(1)
    samples = [
        make_sample(population, number, kind="306", clinic=clinic, created_at=CREATED) for number in range(50)
    ]
    for sample in samples:
        assert UUID(sample.local_uid).version == 4
    assert len({sample.local_uid for sample in samples} | {sample.message_id for sample in samples}) == 100
    newer = next_version(samples[0], 1)
    assert (newer.set_id, newer.version) == (samples[0].set_id, 2)
    assert newer.local_uid != samples[0].local_uid
