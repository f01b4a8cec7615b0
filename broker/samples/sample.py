"""One sample: everything a document and its submission are made of, before any fault is put in."""

import random
from datetime import datetime
from uuid import UUID

import msgspec

from broker.samples.documents import build, serialize
from broker.samples.header import Draft
from broker.samples.people import Clinic, Doctor, Patient, Population


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be: ``doctors[0]`` signs it, ``message_id`` is the id of the submission that carries it.

    ``written_clinic`` stands in the document where a fault makes it differ from the clinic that submits.
    """

    kind: str
    clinic: Clinic
    patient: Patient
    doctors: tuple[Doctor, ...]
    local_uid: str
    document_number: str
    set_id: str
    created_at: datetime
    message_id: str
    version: int = 1
    padding: int = 0
    written_clinic: Clinic | None = None

    @property
    def draft(self) -> Draft:
        """Return what the document's builder needs."""
        return Draft(
            clinic=self.written_clinic or self.clinic,
            patient=self.patient,
            doctors=self.doctors,
            local_uid=self.local_uid,
            document_number=self.document_number,
            set_id=self.set_id,
            version=self.version,
            created_at=self.created_at,
            padding=self.padding,
        )

    def document(self) -> bytes:
        """Return the document without any fault."""
        return serialize(build(self.kind, self.draft))


def make_sample(
    population: Population,
    number: int,
    *,
    kind: str,
    clinic: Clinic,
    created_at: datetime,
    padding: int = 0,
) -> Sample:
    """Return the n-th sample of the population: its own patient, ids that follow from its seed and number."""
    dice = random.Random(f"{population.seed}/sample/{number}")  # noqa: S311 - test data, not a secret
    return Sample(
        kind=kind,
        clinic=clinic,
        patient=population.patient(number, clinic.region),
        doctors=population.doctors(clinic),
        local_uid=_uuid(dice),
        document_number=f"{created_at.year}-{number:06d}",
        set_id=_uuid(dice),
        created_at=created_at,
        message_id=_uuid(dice),
        padding=padding,
    )


def next_version(sample: Sample, number: int) -> Sample:
    """Return the next version of the same document: new id, same set, version one higher (semd.md §2.2)."""
    dice = random.Random(f"{sample.local_uid}/{number}")  # noqa: S311 - test data, not a secret
    return msgspec.structs.replace(
        sample, local_uid=_uuid(dice), message_id=_uuid(dice), version=sample.version + 1
    )


def _uuid(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))
