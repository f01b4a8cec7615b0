"""Sample registries of bills: right by the rules of ФФОМС, and each fault named by the rule the catalogue says."""

import zipfile
from datetime import date
from io import BytesIO

import pytest
from lxml import etree

from broker.document.registry_name import parse_registry_name
from broker.samples.people import Clinic, Population
from broker.samples.registry import expected_rules, make_bills, make_registry, registry_name
from broker.samples.registry_faults import CASE_FAULTS, PACKAGE_FAULTS
from broker.samples.submission import make_registry_submission
from broker.validation.registry import RegistryClinic, RegistryReport, check_registry

PERIOD = "2026-05"


def population_and_clinic() -> tuple[Population, Clinic]:
    population = Population(1, date(2026, 6, 15))
    return population, population.clinic(1, region="77", in_oms=True)


def check(package: bytes, clinic: Clinic) -> RegistryReport:
    return check_registry(
        package,
        clinic=RegistryClinic(mcod=clinic.mcod, region=clinic.region),
        today=date(2026, 6, 15),
        tfoms=clinic.region,
        period=PERIOD,
    )


def test_a_registry_without_faults_meets_no_objection_and_no_warning():
    population, clinic = population_and_clinic()
    bills = make_bills(population, clinic, period=PERIOD, count=24)
    report = check(make_registry(clinic, bills, period=PERIOD, packet=7), clinic)
    assert [finding.message for finding in report.findings] == []
    assert report.summary is not None
    assert len(report.summary.cases) == 24
    assert {bill.inpatient for bill in bills} == {True, False}


@pytest.mark.parametrize("fault", CASE_FAULTS, ids=lambda fault: fault.id)
def test_a_fault_of_a_case_is_named_by_its_federal_rule_at_that_case_alone(fault):
    population, clinic = population_and_clinic()
    bills = make_bills(population, clinic, period=PERIOD, count=5, faults=[fault])
    report = check(make_registry(clinic, bills, period=PERIOD, packet=1), clinic)
    assert expected_rules(bills) == {"1": fault.rules}
    assert set(fault.rules) & {finding.rule for finding in report.findings}
    assert {finding.n_zap for finding in report.findings} <= {"1", None}


def test_several_faults_are_found_case_by_case():
    population, clinic = population_and_clinic()
    bills = make_bills(population, clinic, period=PERIOD, count=20, faults=CASE_FAULTS)
    report = check(make_registry(clinic, bills, period=PERIOD, packet=1), clinic)
    found = {finding.rule for finding in report.findings}
    for rules in expected_rules(bills).values():
        assert set(rules) & found


@pytest.mark.parametrize("fault", PACKAGE_FAULTS, ids=lambda fault: fault.id)
def test_a_fault_of_the_package_is_named_by_its_federal_rule(fault):
    population, clinic = population_and_clinic()
    bills = make_bills(population, clinic, period=PERIOD, count=3)
    report = check(make_registry(clinic, bills, period=PERIOD, packet=1, fault=fault), clinic)
    assert set(fault.rules) & {finding.rule for finding in report.findings}


def test_the_package_holds_both_files_in_windows_1251_under_names_of_the_grammar():
    population, clinic = population_and_clinic()
    bills = make_bills(population, clinic, period=PERIOD, count=3)
    package = make_registry(clinic, bills, period=PERIOD, packet=7)
    name = registry_name(clinic, period=PERIOD, packet=7)
    assert name == "HM779001T77_2605007"
    assert parse_registry_name(name) is not None
    archive = zipfile.ZipFile(BytesIO(package))
    assert archive.namelist() == [f"{name}.XML", f"L{name[1:]}.XML"]
    for entry in archive.namelist():
        content = archive.read(entry)
        assert b"windows-1251" in content.splitlines()[0]
        assert etree.fromstring(content).tag in {"ZL_LIST", "PERS_LIST"}
    assert bills[0].patient.name.family.upper().encode("cp1251") in archive.read(f"L{name[1:]}.XML")


def test_the_same_input_gives_the_same_bytes():
    packages = []
    for _ in range(2):
        population, clinic = population_and_clinic()
        bills = make_bills(population, clinic, period=PERIOD, count=4)
        packages.append(make_registry(clinic, bills, period=PERIOD, packet=1))
    assert packages[0] == packages[1]


def test_the_submission_names_the_fund_and_the_period():
    _, clinic = population_and_clinic()
    submission = make_registry_submission(
        b"zip", lambda content, _: content, clinic=clinic, message_id="m", period=PERIOD
    )
    assert (submission.type, submission.kind, submission.metadata.tfoms) == ("oms-registry", None, "77")
    assert submission.metadata.period == PERIOD
    assert submission.content.media_type == "application/zip"
