"""The submission of a sample is the one of the public contract, signed by whom the sample says."""

import base64
from datetime import date

import msgspec

from broker.document.submission import SignatureKind, Submission
from broker.samples.faults import BY_ID
from broker.samples.people import Clinic, Doctor, Population
from broker.samples.sample import Sample, make_sample
from broker.samples.selftest import CREATED
from broker.samples.submission import encode, make_submission


def a_sample(kind: str = "306") -> Sample:
    population = Population(1, date(2026, 6, 15))
    return make_sample(population, 1, kind=kind, clinic=population.clinic(1), created_at=CREATED)


class Recorder:
    """A signing callback that remembers who was asked to sign what."""

    def __init__(self) -> None:
        self.signed: list[tuple[bytes, Doctor | Clinic]] = []

    def __call__(self, content: bytes, signer: Doctor | Clinic) -> bytes:
        self.signed.append((content, signer))
        return b"container"


def test_the_json_reads_back_as_the_contracts_submission():
    submission = make_submission(a_sample(), Recorder())
    again = msgspec.json.decode(encode(submission), type=Submission)
    assert again == submission
    assert set(msgspec.json.decode(encode(submission))) == {
        "clinic",
        "content",
        "messageId",
        "kind",
        "signatures",
        "metadata",
    }


def test_the_chairman_and_the_clinic_sign_the_exact_bytes():
    sample, recorder = a_sample(), Recorder()
    submission = make_submission(sample, recorder)
    content = base64.b64decode(submission.content.data)
    assert recorder.signed == [(content, sample.doctors[0]), (content, sample.clinic)]
    assert [part.kind for part in submission.signatures] == [
        SignatureKind.PERSONAL,
        SignatureKind.ORGANIZATION,
    ]
    assert submission.signatures[0].role == "CHAIRMAN"
    assert make_submission(a_sample("290"), Recorder()).signatures[0].role == "AUTHOR"


def test_a_fault_of_other_bytes_is_signed_over_something_else():
    recorder = Recorder()
    submission = make_submission(a_sample(), recorder, BY_ID["signature-other-bytes"])
    assert all(content != base64.b64decode(submission.content.data) for content, _ in recorder.signed)


def test_a_doctor_no_register_knows_signs_for_himself():
    sample, recorder = a_sample(), Recorder()
    submission = make_submission(sample, recorder, BY_ID["remd-doctor-unknown"])
    signer = recorder.signed[0][1]
    assert isinstance(signer, Doctor)
    assert signer.snils == submission.signatures[0].signer.snils != sample.doctors[0].snils
