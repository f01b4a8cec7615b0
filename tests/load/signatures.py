"""Signatures measured: our verdict on a container beside ``CMS_verify`` of OpenSSL, same store, same flags, in turns.

``python -m tests.load.signatures`` runs it alone; ``make bench`` runs it in a process of its own, because the GOST engine
stays in the process that has loaded it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from broker.compute.garbage import collect_rarely
from broker.trust import (
    Prepared,
    Suite,
    ThrowAwayCa,
    inspect,
    prepare_trust,
    sign_detached,
    verify_chain,
)
from tests.load.openssl_cms import OpensslCms
from tests.load.posting import posted
from tests.load.report import goal_table, table
from tests.load.signature_results import JUDGED, SignatureResults, Verdict

SIZES: Final = (4 * 1024, JUDGED, 1024 * 1024)
NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def measure(turns: int) -> SignatureResults:
    """Run the whole section."""
    prepared = prepare_trust()
    results = SignatureResults(provider=f"{prepared.provider.name} {prepared.provider.version}")
    suites = [Suite.RSA_SHA256]
    if prepared.gost_missing:
        results.skipped.append(f"signatures of ГОСТ and the goal about them: {prepared.gost_missing}")
    else:
        suites = [Suite.GOST2012_256, Suite.GOST2012_512, *suites]
    for suite in suites:
        results.verdicts += [_verdict(suite, size, prepared, turns) for size in SIZES]
        results.posted.append(posted(suite, turns * 4))
    return results


def _verdict(suite: Suite, size: int, prepared: Prepared, turns: int) -> Verdict:
    year = timedelta(days=365)
    ca = ThrowAwayCa.create(NOW - year, suite=suite)
    issued = ca.issue_system("Подписант", not_before=NOW - year, not_after=NOW + year)
    signer, roots, crls = issued.signer, (ca.certificate,), (ca.crl(range(1000, 2000)),)
    content = bytes(range(256)) * (size // 256)
    raw = sign_detached(content, signer, signing_time=NOW)
    openssl = OpensslCms(roots, crls, NOW)

    def ours() -> None:
        found = inspect(raw, content)
        assert found.ok
        assert verify_chain(found, roots, NOW, crls, crl_required=True).ok

    def theirs() -> None:
        assert openssl.verify(raw, content)

    forms: dict[str, Callable[[], object]] = {
        "ours": ours,
        "openssl": theirs,
        "digest": lambda: prepared.provider.digest(suite, content),
        "sign": lambda: sign_detached(content, signer, signing_time=NOW),
    }
    for _ in range(3):
        for form in forms.values():
            form()
    assert not openssl.verify(raw, content + b" ")
    collect_rarely()  # as every compute process does when it is ready
    taken: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(turns):
        for name, form in forms.items():
            started = time.perf_counter()
            form()
            taken[name].append((time.perf_counter() - started) * 1000)
    openssl.close()
    ratios = [mine / its for mine, its in zip(taken["ours"], taken["openssl"], strict=True)]
    median = {name: statistics.median(times) for name, times in taken.items()}
    return Verdict(suite=suite.value, size=size, ratio=statistics.median(ratios), **median)


def main() -> None:
    """Measure and print; ``--json`` writes the results for the whole bench instead."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.signatures", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run")
    parser.add_argument("--json", type=Path, help="where the results go instead of the tables")
    arguments = parser.parse_args()
    results = measure(20 if arguments.quick else 300)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.encode(results))
        return
    blocks = [f"## {title}\n\n{table(head, rows)}" for title, head, rows in results.tables()]
    blocks.append(goal_table(results.goals()))
    sys.stdout.write("\n\n".join([*blocks, *(f"NOT MEASURED: {why}" for why in results.skipped)]) + "\n")


if __name__ == "__main__":
    main()
