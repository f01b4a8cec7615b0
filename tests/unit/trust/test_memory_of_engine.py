"""A sample of the long proof in tests/conformance: a few thousand signatures leave no object of libcrypto behind."""

import json
import subprocess
import sys
from pathlib import Path

from gost import needs_gost

from broker.trust import Suite

CHURN = Path(__file__).resolve().parents[2] / "signature_churn.py"
OPERATIONS = 4000
MOST = 1536 * 1024
"""Bytes: what is kept of broken certificates is still growing, an object lost per operation would be more."""


@needs_gost
def test_thousands_of_gost_signatures_leave_nothing_behind() -> None:
    done = subprocess.run(
        [sys.executable, str(CHURN), Suite.GOST2012_256, str(OPERATIONS)],
        capture_output=True,
        timeout=120,
        check=False,
        cwd=CHURN.parents[1],
    )
    assert done.returncode == 0, done.stderr.decode()
    sizes = json.loads(done.stdout)
    assert sizes[-1] - sizes[0] < MOST, sizes
