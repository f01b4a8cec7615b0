"""Is the GOST engine on this machine? Tests that need it skip loudly with the reason; it is installed where that is allowed."""

import asyncio
import os

import pytest

from broker.dev.install import InstallPolicy, Missing, ensure_gost_engine
from broker.trust import ProviderUnavailable, Suite, load_gost


def _missing() -> str:
    found = asyncio.run(ensure_gost_engine(InstallPolicy.of(os.environ)))
    if isinstance(found, Missing):
        return str(found)
    try:
        load_gost()
    except ProviderUnavailable as unavailable:
        return unavailable.reason
    return ""


MISSING = _missing()
"""Why ГОСТ cannot be computed here, empty where it can."""

needs_gost = pytest.mark.skipif(bool(MISSING), reason=f"SKIPPED GOST: {MISSING}")

SUITES = [
    pytest.param(Suite.RSA_SHA256),
    pytest.param(Suite.GOST2012_256, marks=needs_gost),
    pytest.param(Suite.GOST2012_512, marks=needs_gost),
]
"""Every suite we sign with, for tests that run on each."""
