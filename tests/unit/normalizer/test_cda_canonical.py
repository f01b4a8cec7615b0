"""A CDA of any header generation becomes the same canonical document."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from broker.document.canonical import CanonicalDocument, InstanceId, PersonName
from broker.document.facts import SubmissionFacts
from broker.document.finding import Severity
from broker.document.kind import KindCatalogue
from broker.document.markup import Markup, parse
from broker.document.submission import Association, Metadata
from broker.normalizer.cda import canonical
from broker.samples.people import Population
from broker.samples.sample import make_sample

MOSCOW = timezone(timedelta(hours=3))
CREATED = datetime(2026, 6, 15, 10, 15, tzinfo=MOSCOW)
CATALOGUE = KindCatalogue.load(Path(__file__).parents[3] / "schemas" / "nsi" / "kinds.toml")
GENERATION_A = """<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xmlns:identity="urn:hl7-ru:identity">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><templateId root="1.2.643.5.1.13.2.7.5.1.5.3"/>
<id root="1.2.643.5.1.13.13.12.2.77.9001.100.1.1.51" extension="42"/>
<code code="5" codeSystem="1.2.643.5.1.13.2.1.1.646"/><title>Протокол</title><effectiveTime value="{time}"/>
<setId root="1.2.643.5.1.13.13.12.2.77.9001.100.1.1.50" extension="7"/><versionNumber value="{version}"/>
<recordTarget><patientRole><id root="1.2.643.5.1.13.13.12.2.77.9001.100.1.1.10" extension="p"/>
<id root="1.2.643.100.3" extension="112-233-445 95"/>
<patient><name><family>Пробный</family><given>Иван</given><given>Петрович</given></name>
<birthTime value="19800101"/></patient>
<providerOrganization><id root="1.2.643.5.1.13.13.12.2.77.9001"/><name>Клиника</name></providerOrganization>
</patientRole></recordTarget></ClinicalDocument>"""


def read(content: bytes, facts: SubmissionFacts | None = None) -> tuple[CanonicalDocument, list[str]]:
    markup = parse(content)
    assert isinstance(markup, Markup)
    document, findings = canonical(markup, facts or SubmissionFacts(local_uid="u"), CATALOGUE)
    return document, [finding.code for finding in findings]


def older(time: str = "202001151030+0300", version: str = "1") -> bytes:
    return GENERATION_A.format(time=time, version=version).encode()


@pytest.mark.parametrize("kind", ["306", "103", "290"])
def test_a_document_says_the_same_as_what_it_was_made_of(kind):
    population = Population(3, date(2026, 6, 15))
    sample = make_sample(population, 1, kind=kind, clinic=population.clinic(1), created_at=CREATED)
    document, told = read(sample.document(), SubmissionFacts(clinic=sample.clinic.oid))
    assert told == []
    assert document.kind == kind
    assert document.local_uid == document.document_id.extension == sample.local_uid
    assert document.set_id.extension == sample.set_id
    assert document.created_at == CREATED
    assert document.clinic == document.organization.oid == document.custodian_oid == sample.clinic.oid
    assert document.organization.ogrn == sample.clinic.ogrn
    assert document.organization.department == sample.clinic.department
    assert document.organization.licence == sample.clinic.licence
    assert document.patient.snils == sample.patient.snils
    assert document.patient.local_id == sample.patient.local_id
    assert document.patient.name.family == sample.patient.name.family
    assert document.patient.name.patronymic == sample.patient.name.patronymic
    assert document.patient.region == sample.clinic.region
    assert document.patient.policy is not None
    assert document.patient.identity_document is not None
    assert document.author.snils == sample.doctors[0].snils
    assert document.author.position.code == sample.doctors[0].post.code
    assert document.payment_source
    assert "1.2.643.5.1.13" in document.recipients
    assert msgspec.json.decode(msgspec.json.encode(document), type=CanonicalDocument) == document


def test_roles_of_a_commission_are_kept():
    population = Population(3, date(2026, 6, 15))
    sample = make_sample(population, 1, kind="306", clinic=population.clinic(1), created_at=CREATED)
    document, _ = read(sample.document())
    assert {person.role for person in document.performers} == {"CHAIRMAN", "COMMISSIONER"}
    assert document.legal_authenticator is not None


def test_the_oldest_generation_is_read_with_its_second_given_name():
    document, told = read(older(), SubmissionFacts(kind="16", local_uid="u"))
    assert told == []
    assert document.patient.name == PersonName(family="Пробный", given="Иван", patronymic="Петрович")
    assert document.patient.snils == "11223344595"
    assert document.document_id == InstanceId(
        root="1.2.643.5.1.13.13.12.2.77.9001.100.1.1.51", extension="42"
    )


def test_the_senders_kind_wins_over_what_the_document_suggests():
    document, _ = read(older(), SubmissionFacts(kind="118", local_uid="u"))
    assert document.kind == "118"


def test_a_kind_nobody_can_tell_is_asked_for():
    document, told = read(older())
    assert document.kind == ""
    assert told == ["kind.undetermined"]


def test_twins_are_named_when_the_sender_must_choose():
    content = older().replace(b"1.2.643.5.1.13.2.7.5.1.5.3", b"1.2.643.5.1.13.2.7.5.1.33.9.4")
    markup = parse(content)
    _, findings = canonical(markup, SubmissionFacts(local_uid="u"), CATALOGUE)
    assert [finding.code for finding in findings] == ["kind.ambiguous"]
    assert "76, 118" in findings[0].message


def test_a_document_without_a_uuid_needs_the_senders_local_uid():
    _, told = read(older(), SubmissionFacts(kind="16"))
    assert told == ["metadata.local_uid_missing"]


@pytest.mark.parametrize(
    ("time", "code", "severity"),
    [
        ("202001151030", "cda.offset_missing", Severity.WARNING),
        ("2020-01-15", "cda.time_unreadable", Severity.ERROR),
    ],
)
def test_a_creation_time_that_cannot_be_read_is_told(time, code, severity):
    markup = parse(older(time=time))
    document, findings = canonical(markup, SubmissionFacts(kind="16", local_uid="u"), CATALOGUE)
    assert document.created_at is None
    assert [(finding.code, finding.severity) for finding in findings] == [(code, severity)]


def test_a_bare_day_takes_its_moment_from_the_sender():
    facts = SubmissionFacts(
        kind="16", local_uid="u", metadata=Metadata(created_at="2020-01-15T09:00:00+10:00")
    )
    document, _ = read(older(time="20200115"), facts)
    assert document.created_at == datetime(2020, 1, 15, 9, tzinfo=timezone(timedelta(hours=10)))
    without, _ = read(older(time="20200115"), SubmissionFacts(kind="16", local_uid="u"))
    assert without.created_at == datetime(2020, 1, 15, tzinfo=MOSCOW)


@pytest.mark.parametrize("version", ["0", "x", "-1"])
def test_a_version_that_is_no_positive_number_is_told(version):
    document, told = read(older(version=version), SubmissionFacts(kind="16", local_uid="u"))
    assert document.version == 1
    assert told == ["cda.version_unreadable"]


def test_a_foreign_root_is_told_and_nothing_breaks():
    document, told = read(
        b"<Bundle xmlns='http://hl7.org/fhir'/>", SubmissionFacts(kind="306", local_uid="u")
    )
    assert told == ["kind.not_cda"]
    assert document.patient.snils == ""


def test_what_only_the_sender_knows_is_carried_along():
    metadata = Metadata(
        document_number="12",
        series="А",
        associations=[Association(target="e", type="1")],
        recipients=["1.2.3"],
    )
    document, _ = read(older(), SubmissionFacts(kind="16", local_uid="u", metadata=metadata))
    assert (document.document_number, document.series) == ("12", "А")
    assert document.recipients == ["1.2.3"]
    assert document.associations[0].target == "e"
