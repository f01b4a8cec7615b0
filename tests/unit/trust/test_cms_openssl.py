"""A second voice: the ``openssl`` program must believe what we make, and we what it makes."""

import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from gost import MISSING
from trust_stand import Stand, inspect

from broker.trust import SignatureCode, Suite, sign_detached
from broker.trust.openssl.engine import find_engine

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(
    OPENSSL is None, reason="SKIPPED CROSS-CHECK: no openssl program on this machine"
)
CONTENT = "<ClinicalDocument>Проверка</ClinicalDocument>".encode() * 500


DIGESTS = {
    Suite.RSA_SHA256: "sha256",
    Suite.GOST2012_256: "md_gost12_256",
    Suite.GOST2012_512: "md_gost12_512",
}


@pytest.fixture(scope="session")
def stand(any_stand: Stand) -> Stand:
    """Every suite is cross-checked."""
    return any_stand


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the program knows ГОСТ too."""
    if MISSING:
        return {}
    config = tmp_path_factory.mktemp("openssl") / "gost.cnf"
    config.write_text(
        "openssl_conf = init\n[init]\nengines = engines\n[engines]\ngost = gost\n"
        f"[gost]\nengine_id = gost\ndynamic_path = {find_engine()}\ndefault_algorithms = ALL\n"
    )
    return {"OPENSSL_CONF": str(config)}


Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def openssl(engine: dict[str, str]) -> Run:
    """Run a command of the program."""

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        assert OPENSSL is not None
        environ = {**os.environ, **engine}
        return subprocess.run(
            [OPENSSL, *arguments], capture_output=True, timeout=30, check=False, env=environ
        )

    return run


@pytest.fixture
def run(openssl: Run) -> Run:
    return partial(openssl, "cms")


@pytest.fixture
def files(stand: Stand, tmp_path: Path) -> Path:
    (tmp_path / "document.xml").write_bytes(CONTENT)
    (tmp_path / "ca.pem").write_bytes(stand.ca.certificate_pem)
    stand.doctor.save(tmp_path, "doctor")
    stand.organization.save(tmp_path, "organization")
    return tmp_path


def verify(run: Run, files: Path, raw: bytes, at: int, *extra: str) -> subprocess.CompletedProcess[bytes]:
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
    return run("-verify", *mode, *inputs, *extra)


def test_openssl_believes_our_cades_bes(run: Run, stand: Stand, files: Path) -> None:
    raw = sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)
    result = verify(run, files, raw, int(stand.now.timestamp()))
    assert result.returncode == 0, result.stderr.decode()
    assert b"CAdES Verification successful" in result.stderr


def test_openssl_refuses_our_container_over_other_bytes(run: Run, stand: Stand, files: Path) -> None:
    raw = sign_detached(CONTENT + b" ", stand.doctor.signer, signing_time=stand.now)
    assert verify(run, files, raw, int(stand.now.timestamp())).returncode != 0


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
    ],
)
def test_we_judge_what_openssl_makes(
    run: Run, stand: Stand, files: Path, options: list[str], code: SignatureCode
) -> None:
    digest = [] if "-md" in options else ["-md", DIGESTS[stand.suite]]
    key = ["-signer", f"{files}/doctor.pem", "-inkey", f"{files}/doctor.key"]
    output = ["-in", f"{files}/document.xml", "-outform", "DER", "-out", f"{files}/made.p7s"]
    result = run("-sign", "-binary", *digest, *key, *options, *output)
    assert result.returncode == 0, result.stderr.decode()
    raw = (files / "made.p7s").read_bytes()
    assert inspect(raw, CONTENT).code is code
    if code is SignatureCode.OK:
        assert inspect(raw, CONTENT + b" ").code is SignatureCode.DIGEST_MISMATCH


@pytest.mark.parametrize(
    ("digest", "code"),
    [("sha512", SignatureCode.UNKNOWN_ALGORITHM), ("sha1", SignatureCode.WRONG_SUITE)],
)
def test_we_refuse_other_digests_of_rsa_that_openssl_signs(
    run: Run, stand: Stand, files: Path, digest: str, code: SignatureCode
) -> None:
    if stand.suite is Suite.RSA_SHA256:
        test_we_judge_what_openssl_makes(run, stand, files, ["-cades", "-md", digest], code)


@pytest.mark.parametrize("revoked", [False, True])
def test_openssl_believes_our_revocation_lists(
    openssl: Run, run: Run, stand: Stand, files: Path, *, revoked: bool
) -> None:
    crl = stand.ca.crl([stand.doctor.serial] if revoked else [stand.organization.serial])
    (files / "ca.crl").write_bytes(crl)
    made = openssl("crl", "-inform", "DER", "-in", f"{files}/ca.crl")
    with (files / "ca.pem").open("ab") as bundle:
        bundle.write(made.stdout)
    raw = sign_detached(CONTENT, stand.doctor.signer, signing_time=stand.now)
    result = verify(run, files, raw, int(stand.now.timestamp()), "-crl_check")
    assert (result.returncode == 0) is not revoked, result.stderr.decode()
    assert (b"certificate revoked" in result.stderr) is revoked


def test_openssl_builds_our_chain_through_an_authority_between(
    openssl: Run, run: Run, stand: Stand, files: Path
) -> None:
    life = {"not_before": stand.now, "not_after": stand.now + timedelta(days=1)}
    between = stand.ca.issue_authority("Учебный УЦ второго уровня", **life)
    signer = between.issue_system("Система", **life).signer
    raw = sign_detached(CONTENT, signer, signing_time=stand.now)
    result = verify(run, files, raw, int(stand.now.timestamp()) + 1, "-x509_strict")
    assert result.returncode == 0, result.stderr.decode()


def test_openssl_reads_the_russian_fields_of_a_subject(openssl: Run, stand: Stand, files: Path) -> None:
    options = ("-noout", "-subject", "-nameopt", "utf8,sep_multiline,oid")
    said = openssl("x509", "-in", f"{files}/doctor.pem", *options)
    assert said.returncode == 0, said.stderr.decode()
    assert "1.2.643.100.3=99000000153" in said.stdout.decode()
    assert "2.5.4.4=Невзаправдов" in said.stdout.decode()


def test_we_refuse_two_signers_made_by_openssl(run: Run, stand: Stand, files: Path) -> None:
    keys = []
    for name in ("doctor", "organization"):
        keys += ["-signer", f"{files}/{name}.pem", "-inkey", f"{files}/{name}.key"]
    output = ["-in", f"{files}/document.xml", "-outform", "DER", "-out", f"{files}/two.p7s"]
    digest = ("-md", DIGESTS[stand.suite])
    assert run("-sign", "-binary", "-cades", *digest, *keys, *output).returncode == 0
    assert inspect((files / "two.p7s").read_bytes(), CONTENT).code is SignatureCode.MULTIPLE_SIGNERS
