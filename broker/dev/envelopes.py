"""The signed envelopes of a stand: certificates of our system and of the simulated ИПС, as both sides are told of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from broker.adapter_kit import Destination
from broker.trust import Issued, Suite, ThrowAwayCa

OURS: Final = "system-ours"
IPS: Final = "system-ips"
_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2035, 1, 1, tzinfo=UTC)
_PROVIDERS: Final = {Suite.RSA_SHA256: "openssl-rsa"}


class Envelopes(msgspec.Struct, frozen=True):
    """Keys of both sides in one directory, of one suite."""

    directory: Path
    suite: Suite

    @classmethod
    def open(cls, directory: Path, ca: ThrowAwayCa) -> "Envelopes":
        """Find the certificates of both systems, or have the authority issue them."""
        for name in (OURS, IPS):
            if not (directory / f"{name}.key").exists():
                made = ca.issue_system(f"{name}.invalid", not_before=_FROM, not_after=_UNTIL)
                made.save(directory, name)
                ca.save(directory)
        return cls(directory, ca.suite)

    @property
    def provider(self) -> str:
        """Who computes with these keys."""
        return _PROVIDERS.get(self.suite, "openssl-gost")

    def told_to_us(self, destination: Destination) -> Destination:
        """Return the destination with our key and the certificate of the simulated ИПС."""
        params = {
            "sign_provider": self.provider,
            "sign_certificate": str(self.directory / f"{OURS}.pem"),
            "peer_certificate": str(self.directory / f"{IPS}.pem"),
            "peer_suites": self.suite.value,
        }
        return msgspec.structs.replace(
            destination,
            params=destination.params | params,
            secrets=destination.secrets | {"sign_key": str(self.directory / f"{OURS}.key")},
        )

    def told_to_them(self) -> dict[str, Any]:
        """Return the ``security`` of the simulated РЭМД."""
        ours, ips = (Issued.load(self.directory, name) for name in (OURS, IPS))
        return {
            "peerCertificate": ours.certificate_pem.decode(),
            "peerSuites": [self.suite.value],
            "certificate": ips.certificate_pem.decode(),
            "key": ips.key_pem.decode(),
            "provider": self.provider,
        }
