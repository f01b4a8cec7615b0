"""A second voice: the ``openssl`` program must believe what we make, and we what it makes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from trust_stand import Stand

from broker.trust import SignatureCode, inspect, sign_detached

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(
    OPENSSL is None, reason="SKIPPED CROSS-CHECK: no openssl program on this machine"
)
CONTENT = "<ClinicalDocument>Проверка</ClinicalDocument>".encode() * 500


def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    assert OPENSSL is not None
    return subprocess.run([OPENSSL, "cms", *arguments], capture_output=True, timeout=30, check=False)


@pytest.fixture
def files(stand: Stand, tmp_path: Path) -> Path:
    (tmp_path / "document.xml").write_bytes(CONTENT)
    (tmp_path / "ca.pem").write_bytes(stand.ca.certificate_pem)
    stand.doctor.save(tmp_path, "doctor")
    stand.organization.save(tmp_path, "organization")
    return tmp_path


def verify(files: Path, raw: bytes, at: int) -> subprocess.CompletedProcess[bytes]:
    (files / "signature.p7s").write_bytes(raw)
    inputs = [
        "-in",
        f"{files}/signature.p7s",
        "-content",
        f"{files}/document.xml",
        "-CAfile",
        f"{files}/ca.pem",
    ]
    mode = ["-cades", "-binary", "-inform", "DER", "-purpose", "any", "-attime", str(at), "-out", "/dev/null"]
    return run("-verify", *mode, *inputs)


def test_openssl_believes_our_cades_bes(stand: Stand, files: Path) -> None:
    raw = sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)
    result = verify(files, raw, int(stand.now.timestamp()))
    assert result.returncode == 0, result.stderr.decode()
    assert b"CAdES Verification successful" in result.stderr


def test_openssl_refuses_our_container_over_other_bytes(stand: Stand, files: Path) -> None:
    raw = sign_detached(CONTENT + b" ", stand.doctor.signer, signing_time=stand.now)
    assert verify(files, raw, int(stand.now.timestamp())).returncode != 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["-cades", "-nosmimecap"], SignatureCode.OK),
        (["-cades"], SignatureCode.OK),
        (["-cades", "-keyid", "-nosmimecap"], SignatureCode.OK),
        (["-nosmimecap"], SignatureCode.NO_ESS),
        (["-noattr"], SignatureCode.NO_SIGNING_TIME),
        (["-cades", "-nocerts"], SignatureCode.NO_CERTIFICATE),
        (["-cades", "-nodetach"], SignatureCode.ATTACHED),
        (["-cades", "-nodetach", "-stream"], SignatureCode.ATTACHED),
        (["-cades", "-md", "sha512"], SignatureCode.UNKNOWN_ALGORITHM),
        (["-cades", "-md", "sha1"], SignatureCode.WRONG_SUITE),
    ],
)
def test_we_judge_what_openssl_makes(files: Path, options: list[str], code: SignatureCode) -> None:
    digest = [] if "-md" in options else ["-md", "sha256"]
    key = ["-signer", f"{files}/doctor.pem", "-inkey", f"{files}/doctor.key"]
    output = ["-in", f"{files}/document.xml", "-outform", "DER", "-out", f"{files}/made.p7s"]
    result = run("-sign", "-binary", *digest, *key, *options, *output)
    assert result.returncode == 0, result.stderr.decode()
    raw = (files / "made.p7s").read_bytes()
    assert inspect(raw, CONTENT).code is code
    if code is SignatureCode.OK:
        assert inspect(raw, CONTENT + b" ").code is SignatureCode.DIGEST_MISMATCH


def test_we_refuse_two_signers_made_by_openssl(files: Path) -> None:
    keys = []
    for name in ("doctor", "organization"):
        keys += ["-signer", f"{files}/{name}.pem", "-inkey", f"{files}/{name}.key"]
    output = ["-in", f"{files}/document.xml", "-outform", "DER", "-out", f"{files}/two.p7s"]
    assert run("-sign", "-binary", "-cades", *keys, *output).returncode == 0
    assert inspect((files / "two.p7s").read_bytes(), CONTENT).code is SignatureCode.MULTIPLE_SIGNERS
