"""Keys of both sides of signed envelopes, in every suite."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from gost import SUITES
from signed_stage import NOW, Sides

from broker.trust import ThrowAwayCa, prepare_trust
from broker.trust.providers import _Process


@pytest.fixture(scope="package")
def prepared() -> Iterator[None]:
    """This process computes what a compute process does, and afterwards no longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Process, "prepared", _Process.prepared)
        prepare_trust()
        yield


@pytest.fixture(scope="package", params=SUITES)
def sides(request: pytest.FixtureRequest, prepared: None) -> Sides:
    ca = ThrowAwayCa.create(NOW - timedelta(days=1), suite=request.param)
    life = {"not_before": NOW - timedelta(days=1), "not_after": NOW + timedelta(days=365)}
    names = ("our.invalid", "ips.invalid", "stranger.invalid")
    return Sides(request.param, *(ca.issue_system(name, **life) for name in names))
