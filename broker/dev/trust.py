"""The directory of trust of a stand: its throw-away authorities with their revocation lists, demanded as in the field."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from broker.trust import ThrowAwayCa
from broker.trust.directory import CRLS, POLICY, ROOTS

_POLICY: Final = """\
# Каталог доверия учебного стенда: свои удостоверяющие центры без силы. В работе RSA не нужен: уберите его из suites.

[production]
crl = "required"
suites = ["GOST2012_256", "GOST2012_512", "RSA_SHA256"]

[test]
crl = "soft"
"""


def write_trust(directory: Path, authorities: Iterable[tuple[str, ThrowAwayCa]]) -> Path:
    """Write the authorities by name, each with a list that revokes nobody; what somebody added there stays."""
    for part in (ROOTS, CRLS):
        (directory / part).mkdir(parents=True, exist_ok=True)
    for name, ca in authorities:
        _put(directory / ROOTS / f"{name}.pem", ca.certificate_pem)
        _put(directory / CRLS / f"{name}.crl", ca.crl())
    if not (directory / POLICY).exists():
        _put(directory / POLICY, _POLICY.encode())
    return directory


def _put(place: Path, data: bytes) -> None:
    """Write a file at once: workers of an earlier run may be looking."""
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.rename(place)
