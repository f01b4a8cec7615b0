"""Invented people: right check digits, no two alike, every secret retrievable, nothing left to chance."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.document.identity import is_clinic_oid, is_enp, is_inn, is_ogrn, is_snils, region_of
from broker.samples.people import REGIONS, Population, dashed, enp_of, other_person, snils_of

ON = date(2026, 6, 15)


def test_a_thousand_patients_and_their_doctors_share_no_surname_snils_or_policy():
    population = Population(1, ON)
    patients = [population.patient(number, region) for number in range(400) for region in REGIONS]
    clinics = [population.clinic(number, region=region) for number in range(20) for region in REGIONS]
    doctors = [doctor for clinic in clinics for doctor in population.doctors(clinic, 5)]
    people = [*patients, *doctors]
    assert len({person.name.family for person in people}) == len(people)
    assert len({person.snils for person in people}) == len(people)
    assert len({patient.policy for patient in patients}) == len(patients)


def test_every_number_has_a_right_check_digit():
    population = Population(2, ON)
    for number in range(60):
        clinic = population.clinic(number, branch="4" if number % 2 else "2")
        assert is_clinic_oid(clinic.oid)
        assert region_of(clinic.oid) == clinic.region == clinic.mcod[:2]
        assert is_ogrn(clinic.ogrn)
        assert is_inn(clinic.inn)
        assert len(clinic.mcod) == 6
        patient = population.patient(number, clinic.region)
        assert is_snils(patient.snils)
        assert is_enp(patient.policy)
        assert is_snils(population.doctor(clinic, 0).snils)
        assert is_snils(other_person(population.doctor(clinic, 0)).snils)


@given(st.integers(min_value=0, max_value=999_999_999))
def test_any_serial_gives_a_right_snils(serial):
    snils = snils_of(serial)
    assert is_snils(snils)
    assert is_snils(dashed(snils))


@given(st.text(alphabet="0123456789", min_size=15, max_size=15))
def test_any_beginning_gives_a_right_policy_number(beginning):
    assert is_enp(enp_of(beginning))


def test_a_person_depends_on_the_seed_and_his_number_and_not_on_what_was_asked_before():
    one, other = Population(5, ON), Population(5, ON)
    for number in range(30):
        one.patient(number, "78")
    assert other.patient(17, "78") == one.patient(17, "78")
    assert Population(6, ON).patient(17, "78").name != one.patient(17, "78").name


def test_the_secrets_name_everybody_handed_out_in_every_form_a_leak_could_show():
    population = Population(3, ON)
    patient = population.patient(1, "77")
    doctor = population.doctor(population.clinic(1), 0)
    secrets = population.secrets()
    assert {patient.name.family, patient.name.given, patient.name.patronymic} <= secrets
    assert {patient.snils, dashed(patient.snils), patient.policy} <= secrets
    assert {patient.name.family.upper(), patient.passport.series + patient.passport.number} <= secrets
    assert {doctor.name.family, doctor.snils} <= secrets
    assert population.patient(2, "77").snils not in secrets
    assert all(len(secret) >= 8 for secret in secrets)


def test_patients_are_of_age_and_of_both_genders():
    population = Population(4, ON)
    patients = [population.patient(number, "16") for number in range(100)]
    assert {patient.gender for patient in patients} == {"1", "2"}
    assert all(18 <= (ON - patient.born).days / 365.25 < 66 for patient in patients)
    assert all(patient.passport.issued < ON for patient in patients)


def test_a_population_that_is_too_large_says_so():
    with pytest.raises(ValueError, match="160000"):
        Population(1, ON).patient(60_000, "77")
