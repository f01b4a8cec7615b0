"""What the state's registers hold about the invented people: the truth a simulator judges by, free of our faults."""

from collections.abc import Iterable
from datetime import date

import msgspec

from broker.samples import vocabulary
from broker.samples.people import Clinic
from broker.samples.sample import Sample


class RegisteredPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person of ГИП with his id in the clinic that treats him: ``gender`` by НСИ 11.1040."""

    clinic: str
    local_id: str
    snils: str
    family: str
    given: str
    patronymic: str
    gender: str
    born: date


class RegisteredWorker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker of ФРМР: his clinic and the code of his post (НСИ 11.1002)."""

    snils: str
    family: str
    given: str
    patronymic: str
    clinic: str
    post: str


class Registers(msgspec.Struct, frozen=True, kw_only=True):
    """ГИП and ФРМР by СНИЛС, ФРМО clinics with their departments, НСИ versions in force by dictionary."""

    people: dict[str, RegisteredPerson]
    workers: dict[str, RegisteredWorker]
    clinics: dict[str, tuple[str, ...]]
    dictionaries: dict[str, tuple[str, ...]]


def registers_of(samples: Iterable[Sample], clinics: Iterable[Clinic] = ()) -> Registers:
    """Return the registers in which every one of the samples is right; ``clinics`` adds those without a sample."""
    people: dict[str, RegisteredPerson] = {}
    workers: dict[str, RegisteredWorker] = {}
    organizations: dict[str, tuple[str, ...]] = {clinic.oid: (clinic.department,) for clinic in clinics}
    for sample in samples:
        people[sample.patient.snils] = _person(sample)
        organizations[sample.clinic.oid] = (sample.clinic.department,)
        workers |= {worker.snils: worker for worker in _workers(sample)}
    return Registers(
        people=people, workers=workers, clinics=organizations, dictionaries=vocabulary.versions()
    )


def _person(sample: Sample) -> RegisteredPerson:
    patient = sample.patient
    return RegisteredPerson(
        clinic=sample.clinic.oid,
        local_id=patient.local_id,
        snils=patient.snils,
        family=patient.name.family,
        given=patient.name.given,
        patronymic=patient.name.patronymic,
        gender=patient.gender,
        born=patient.born,
    )


def _workers(sample: Sample) -> list[RegisteredWorker]:
    return [
        RegisteredWorker(
            snils=doctor.snils,
            family=doctor.name.family,
            given=doctor.name.given,
            patronymic=doctor.name.patronymic,
            clinic=sample.clinic.oid,
            post=doctor.post.code,
        )
        for doctor in sample.doctors
    ]
