"""Signs and verifies thousands of times, broken input among it, and tells how large the process was on the way.

``python signature_churn.py SUITE OPERATIONS`` prints the resident bytes after each tenth, as JSON.
"""

import json
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil

from broker.trust import (
    GostKey,
    Issued,
    SignatureCode,
    Suite,
    ThrowAwayCa,
    inspect,
    prepare_trust,
    sign_detached,
    verify_chain,
)

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SIGNERS = 20
"""So many come again and again; what is kept of them is kept within the first tenth."""


class Churn:
    """One round after another of what a compute process does with signatures."""

    def __init__(self, suite: Suite) -> None:
        day = timedelta(days=1)
        self._dice = random.Random(20260302)
        self._suite = suite
        ca = ThrowAwayCa.create(NOW - day, suite=suite)
        self._issued = [
            ca.issue_system(f"Система {number}", not_before=NOW - day, not_after=NOW + day)
            for number in range(SIGNERS)
        ]
        self._signers = [one.signer for one in self._issued]
        self._roots, self._crls = (ca.certificate,), (ca.crl([1000, self._issued[0].serial]),)
        self.counted = 0

    def round(self) -> None:
        """Ten operations or a little more: signatures made, judged good and judged broken."""
        signer = self._dice.choice(self._signers)
        content = self._dice.randbytes(self._dice.choice((0, 100, 5000)))
        raw = sign_detached(content, signer, signing_time=NOW)
        other = sign_detached(content, self._dice.choice(self._signers), signing_time=NOW)
        good = inspect(raw, content)
        assert good.ok
        verify_chain(good, self._roots, NOW, self._crls, crl_required=True)
        assert inspect(raw, content + b"!").code is SignatureCode.DIGEST_MISMATCH
        assert not inspect(other[:-1] + bytes([other[-1] ^ 1]), content).ok
        inspect(self._broken(raw), content)
        inspect(self._dice.randbytes(200), content)
        if self.counted % 100 == 0:  # an RSA key is slow to read
            self._key(self._dice.choice(self._issued))
        self.counted += 10

    def _broken(self, raw: bytes) -> bytes:
        """Break the container anywhere, its certificate too: a key that cannot be read, an algorithm nobody knows."""
        changed = bytearray(raw)
        changed[self._dice.randrange(len(changed))] ^= 1 << self._dice.randrange(8)
        return bytes(changed)

    def _key(self, issued: Issued) -> None:
        """Read a key anew, and one that is cut off; sign with it."""
        assert issued.signer.sign(b"text")
        if self._suite is not Suite.RSA_SHA256:
            refused: Callable[[bytes], object] = GostKey.from_pem
            try:
                refused(issued.key_pem[: self._dice.randrange(len(issued.key_pem) - 40)])
            except ValueError:
                return
            raise AssertionError("half a key was read")


def main() -> None:
    """Do it and tell."""
    suite, operations = Suite(sys.argv[1]), int(sys.argv[2])
    prepare_trust()
    churn, process = Churn(suite), psutil.Process()
    sizes: list[int] = []
    while churn.counted < operations:
        churn.round()
        if churn.counted * 10 >= operations * (len(sizes) + 1):
            sizes.append(process.memory_info().rss)
    sys.stdout.write(json.dumps(sizes))


if __name__ == "__main__":
    main()
