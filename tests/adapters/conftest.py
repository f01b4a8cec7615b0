"""Keys of both sides of signed envelopes, in every suite, and a process that computes them all."""

from datetime import timedelta

import pytest
from gost import SUITES
from signed_stage import NOW, Sides

from broker.trust import ThrowAwayCa
from broker.trust.providers import _prepared, _Process

EVERYTHING = _prepared(None)


@pytest.fixture(autouse=True)
def prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process compute what a compute process does, for one test."""
    monkeypatch.setattr(_Process, "prepared", EVERYTHING)


@pytest.fixture(scope="session", params=SUITES)
def sides(request: pytest.FixtureRequest) -> Sides:
    ca = ThrowAwayCa.create(NOW - timedelta(days=1), suite=request.param)
    life = {"not_before": NOW - timedelta(days=1), "not_after": NOW + timedelta(days=365)}
    names = ("our.invalid", "ips.invalid", "stranger.invalid")
    return Sides(request.param, *(ca.issue_system(name, **life) for name in names))
