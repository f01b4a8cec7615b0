"""The quick reader of containers tells what the patient one tells, or leaves the container to it."""

import random
from collections.abc import Iterator

import pytest
from trust_stand import Stand, indefinite

from broker.trust import ber, container, sign_detached
from broker.trust.certificate import READ_ERRORS
from broker.trust.container import Container, read_container

CONTENT = "<ClinicalDocument>Проверка</ClinicalDocument>".encode()


@pytest.fixture(scope="session")
def good(stand: Stand) -> bytes:
    return sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)


def patiently(data: bytes) -> Container | None:
    try:
        return Container(**ber.read(data))
    except READ_ERRORS:
        return None


def quickly(data: bytes) -> Container | None:
    try:
        return container._read(data)
    except (ValueError, IndexError):
        return None


def mutations(raw: bytes, count: int) -> Iterator[bytes]:
    dice = random.Random(20261126)
    for _ in range(count):
        changed = bytearray(raw)
        place = dice.randrange(len(changed))
        match dice.randrange(4):
            case 0:
                changed[place] = dice.randrange(256)
            case 1:
                changed[place] ^= 1 << dice.randrange(8)
            case 2:
                del changed[place : place + dice.randrange(1, 30)]
            case _:
                changed[place:place] = dice.randbytes(dice.randrange(1, 20))
        yield bytes(changed)


def test_the_quick_reader_takes_what_clinics_send(good: bytes) -> None:
    found = quickly(good)
    assert found == patiently(good)
    assert found is not None
    assert found.signers == 1


def test_ber_is_left_to_the_patient_reader(good: bytes) -> None:
    unusual = indefinite(good, 1)
    assert quickly(unusual) is None
    assert read_container(unusual) == read_container(good)


def test_whatever_both_readers_take_they_read_alike(good: bytes) -> None:
    both = 0
    for changed in mutations(good, 3000):
        quick, patient = quickly(changed), patiently(changed)
        if quick is not None and patient is not None:
            both += 1
            assert quick == patient
    assert both > 500


def test_the_names_of_digests_are_read_alike(good: bytes) -> None:
    found = read_container(good)
    value = found.single(container.ESS_V2)
    assert value is not None
    named = container.read_signing_certificate(value, version=2)
    patient = ber.read_signing_certificate(value, version=2)
    assert named is not None
    assert (named.algorithm, named.digest) == patient
