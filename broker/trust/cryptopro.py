"""A key in CryptoPro CSP, used through a program on this machine: the bytes go to a file, the signature comes from one.

Which program makes a bare signature value differs between installations and was in no source we saw, so the command is a
setting; how containers are made with ``cryptcp`` is written in docs/explanation/providers.md. The PIN goes through the
environment where the command lets it: on a command line every user of the machine could read it.
"""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust.means import certificate_of, printable, seconds
from broker.trust.pki import certificate_suite
from broker.trust.provider import ProviderUnavailable
from broker.trust.remote import fitting
from broker.trust.suites import Suite

TIMEOUT: Final = 15.0
PIN: Final = "CRYPTOPRO_PIN"
"""The variable in which the command finds the PIN."""
_LONGEST: Final = 1024
"""Bytes a bare signature value has at most."""


class CryptoproSigner:
    """Signs by running ``command``; ``{in}`` and ``{out}`` in it become the files, ``{thumbprint}`` the key's.

    ``command`` is split as a shell would, but no shell runs it. ``reversed`` bytes are turned round: CryptoAPI gives the
    value backwards, XMLDSig wants s||r. What the command runs is seen by nobody here: the means is certified under the number
    the operator states (``certified``), or not at all. Raises ``ProviderUnavailable`` when the program is not there or fails.
    """

    provider: str = "cryptopro-cli"

    def __init__(self, certificate: str, pin: str, params: dict[str, str]) -> None:
        certificates = x509.load_pem_x509_certificates(certificate.encode("ascii"))
        self.certificate: bytes = certificates[0].public_bytes(Encoding.DER)
        self.chain: tuple[bytes, ...] = tuple(one.public_bytes(Encoding.DER) for one in certificates[1:])
        self.suite: Suite = certificate_suite(self.certificate)
        self.provider_version: str = printable(params.get("version", ""))
        self.certified: str = certificate_of(params)
        self._command = params.get("command", "")
        self._thumbprint = params.get("thumbprint", "")
        self._reversed = params.get("reversed", "") == "true"
        self._timeout = seconds(params, TIMEOUT)
        self._pin = pin
        if not self._command:
            raise ProviderUnavailable("КриптоПро: не задана команда подписи (sign.command).")

    def sign(self, data: bytes) -> bytes:
        """Run the command over the bytes."""
        with tempfile.TemporaryDirectory(prefix="inaya-sign-") as room:
            source, target = Path(room) / "data", Path(room) / "signature"
            source.write_bytes(data)
            self._run(source, target)
            value = target.read_bytes() if target.exists() else b""
        if not 0 < len(value) <= _LONGEST:
            raise ProviderUnavailable("КриптоПро: команда подписи не оставила подписи.")
        return fitting(self.suite, self.certificate, value[::-1] if self._reversed else value, data)

    def _run(self, source: Path, target: Path) -> None:
        words = {"in": str(source), "out": str(target), "thumbprint": self._thumbprint}
        try:
            command = [word.format_map(words) for word in shlex.split(self._command)]
        except (ValueError, KeyError, IndexError) as error:
            text = "КриптоПро: команда подписи неверна: подставляются {in}, {out}, {thumbprint}."
            raise ProviderUnavailable(text) from error
        environment = os.environ | ({PIN: self._pin} if self._pin else {})
        try:
            done = subprocess.run(  # noqa: S603  the operator's own command, without a shell
                command,
                env=environment,
                timeout=self._timeout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ProviderUnavailable(
                "КриптоПро: команда подписи не закончилась вовремя.", passing=True
            ) from error
        except OSError as error:
            raise ProviderUnavailable("КриптоПро: программа команды подписи не запускается.") from error
        if done.returncode:  # what it says may hold the PIN or the message
            raise ProviderUnavailable(
                f"КриптоПро: команда подписи закончилась с кодом {done.returncode}.", passing=True
            )
