"""Fifty thousand signatures made and judged, broken ones among them, leave a process as large as it was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gost import SUITES

from broker.trust import Suite

pytestmark = pytest.mark.conformance

CHURN = Path(__file__).resolve().parents[1] / "signature_churn.py"
JUDGED = 50_000
"""Operations whose growth is judged; as many before them fill what is kept of certificates, a broken one each time."""
KIB = 1024
PER_OPERATION = 24
"""Bytes an operation may leave behind: the smallest object of libcrypto is larger."""


@pytest.mark.parametrize("suite", SUITES)
def test_fifty_thousand_operations_leave_nothing_behind(suite: Suite) -> None:
    done = subprocess.run(
        [sys.executable, str(CHURN), suite, str(2 * JUDGED)],
        capture_output=True,
        timeout=1200,
        check=False,
        cwd=CHURN.parents[1],
    )
    assert done.returncode == 0, done.stderr.decode()
    sizes = json.loads(done.stdout)
    growth = sizes[-1] - sizes[4]
    told = f"{suite}, KiB after each tenth: {[size // KIB for size in sizes]}"
    assert growth < PER_OPERATION * JUDGED, told
