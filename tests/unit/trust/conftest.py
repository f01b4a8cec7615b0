"""One throw-away authority for all tests of the room: keys are slow to make."""

import msgspec
import pytest
from gost import SUITES, needs_gost
from trust_stand import Stand, a_stand

from broker.trust import Suite
from broker.trust.wss import Arithmetic

WAYS = [
    pytest.param((Suite.RSA_SHA256, Arithmetic.SIGNXML), id="RSA by signxml"),
    pytest.param((Suite.RSA_SHA256, Arithmetic.OWN), id="RSA by ourselves"),
    pytest.param((Suite.GOST2012_256, Arithmetic.OWN), id="GOST 256", marks=needs_gost),
    pytest.param((Suite.GOST2012_512, Arithmetic.OWN), id="GOST 512", marks=needs_gost),
]
"""Who computes envelopes of which suite."""


@pytest.fixture(scope="session")
def stand() -> Stand:
    return a_stand(Suite.RSA_SHA256)


@pytest.fixture(scope="session", params=SUITES)
def any_stand(request: pytest.FixtureRequest, stand: Stand) -> Stand:
    """The same people with keys of every suite; those of ГОСТ where the engine can be had."""
    return stand if request.param is Suite.RSA_SHA256 else a_stand(request.param)


@pytest.fixture(scope="session", params=WAYS)
def enveloped(request: pytest.FixtureRequest, stand: Stand) -> Stand:
    """The stand for one way of computing envelopes: the suite of everybody's keys, and whose arithmetic it is."""
    suite, arithmetic = request.param
    people = stand if suite is Suite.RSA_SHA256 else a_stand(suite)
    return msgspec.structs.replace(people, arithmetic=arithmetic)
