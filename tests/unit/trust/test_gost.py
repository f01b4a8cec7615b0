"""ГОСТ by the engine: the examples of ТК26, signatures round and round, and what happens where there is none."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from gost import needs_gost
from trust_stand import children, inspect

from broker.trust import (
    RSA_PROVIDER,
    CompositeProvider,
    GostKey,
    GostSigner,
    ProviderUnavailable,
    SignatureCode,
    SigningKey,
    Suite,
    ThrowAwayCa,
    der,
    load_gost,
    signer_of,
    verify_chain,
)
from broker.trust.authority import read_link, signed_by
from broker.trust.openssl.engine import find_engine, load_engine
from broker.trust.openssl.selftest import EXAMPLES, MESSAGE, Example, self_test

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
GOST = (Suite.GOST2012_256, Suite.GOST2012_512)


class Liar:
    """A provider that believes every signature."""

    name = "liar"
    version = "0"
    certified = False

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        return next(one.digest for one in EXAMPLES if one.suite is suite)

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        return True


@needs_gost
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.suite)
def test_the_engine_agrees_with_the_control_examples_of_tc26(example: Example) -> None:
    gost = load_gost()
    assert gost.digest(example.suite, example.hashed) == example.digest
    assert gost.verify(example.suite, example.certificate, example.signature, MESSAGE)
    assert gost.verify(example.suite, example.certificate, example.signature, b"Test massage") is False


@needs_gost
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.suite)
def test_the_whole_control_example_is_believed_once_its_certificate_is_put_in(example: Example) -> None:
    """The container embeds its text, so a good one is said to be attached; its keys have the parameters of CryptoPro."""
    outer, inner = children(example.signed_data)
    version, digests, content, infos = children(children(inner)[0])
    signed = der.sequence(version, digests, content, der.context(0, example.certificate), infos)
    raw = der.sequence(outer, der.context(0, signed))
    assert inspect(raw, MESSAGE).code is SignatureCode.ATTACHED
    assert inspect(raw, b"Test massage").code is SignatureCode.ATTACHED_MISMATCH
    assert inspect(raw[:-1] + bytes([raw[-1] ^ 1]), MESSAGE).code is SignatureCode.BAD_SIGNATURE
    own = read_link(example.certificate)
    assert own is not None
    assert signed_by(own, own, load_gost()) is True
    verdict = inspect(raw, MESSAGE)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert verify_chain(verdict, (example.certificate,), at, provider=load_gost()).ok


def test_a_provider_that_disagrees_with_the_control_example_is_refused() -> None:
    with pytest.raises(ProviderUnavailable, match="контрольному примеру ТК26"):
        self_test(Liar())


@needs_gost
@pytest.mark.parametrize("suite", GOST)
def test_what_a_key_signs_it_verifies_and_nothing_else(suite: Suite) -> None:
    load_gost()
    key, other = GostKey.generate(suite), GostKey.generate(suite)
    value = key.sign(b"text")
    assert len(value) == (64 if suite is Suite.GOST2012_256 else 128)
    assert key.verifies(value, b"text")
    assert not key.verifies(value, b"another")
    assert not key.verifies(value[:-1], b"text")
    assert not key.verifies(b"", b"text")
    assert not other.verifies(value, b"text")
    assert GostKey.from_pem(key.pem).verifies(value, b"text")


@needs_gost
def test_a_key_of_another_sort_or_no_certificate_is_simply_not_right() -> None:
    gost = load_gost()
    short, long = EXAMPLES
    assert gost.verify(Suite.GOST2012_512, short.certificate, short.signature, MESSAGE) is False
    assert gost.verify(Suite.GOST2012_256, long.certificate, long.signature, MESSAGE) is False
    assert gost.verify(Suite.GOST2012_256, b"no certificate", short.signature, MESSAGE) is False
    assert gost.verify(Suite.RSA_SHA256, short.certificate, short.signature, MESSAGE) is None
    assert gost.digest(Suite.RSA_SHA256, MESSAGE) is None


@needs_gost
@pytest.mark.parametrize(
    "pem", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_an_unreadable_key_is_refused(pem: bytes) -> None:
    load_gost()
    with pytest.raises(ValueError, match=r"error|libcrypto|not of"):
        GostKey.from_pem(pem)


@needs_gost
def test_threads_compute_beside_one_another() -> None:
    gost = load_gost()
    example = EXAMPLES[0]
    answers: list[bool | None] = []

    def verify() -> None:
        for _ in range(50):
            answers.append(gost.verify(example.suite, example.certificate, example.signature, MESSAGE))
            answers.append(gost.verify(example.suite, example.certificate, example.signature, b"no") is False)

    threads = [threading.Thread(target=verify) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [True] * 400


@needs_gost
def test_several_providers_answer_as_one_and_the_receipt_names_who_did() -> None:
    both = CompositeProvider((load_gost(), RSA_PROVIDER))
    example = EXAMPLES[0]
    assert both.digest(example.suite, example.hashed) == example.digest
    assert both.verify(example.suite, example.certificate, example.signature, MESSAGE) is True
    assert both.digest(Suite.RSA_SHA256, b"") == RSA_PROVIDER.digest(Suite.RSA_SHA256, b"")
    assert both.of(Suite.GOST2012_512).name == "openssl-gost"
    assert both.of(Suite.RSA_SHA256).name == "openssl-rsa"
    assert not both.certified


def test_without_an_engine_the_reason_is_told_in_russian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INAYA_GOST_ENGINE", "off")
    assert find_engine() is None
    with pytest.raises(ProviderUnavailable, match="отключён"):
        load_engine()
    with pytest.raises(ProviderUnavailable, match="libengine-gost-openssl"):
        load_gost("/nowhere/gost.so")


@needs_gost
@pytest.mark.parametrize("section", ["engines = engines", ""])
def test_an_engine_the_machine_has_configured_itself_is_used(tmp_path: Path, section: str) -> None:
    """A second load of the engine into one process fails; machines of those who use ГОСТ have it in openssl.cnf."""
    config = tmp_path / "openssl.cnf"
    config.write_text(
        f"openssl_conf = init\n[init]\n{section}\n[engines]\ngost = gost\n[gost]\nengine_id = gost\n"
        f"dynamic_path = {find_engine()}\ndefault_algorithms = ALL\n"
    )
    program = (
        "import hashlib, ssl; hashlib.sha256(b''); ssl.create_default_context()\n"
        "import broker.trust as t; print(t.prepare_trust().gost_missing or 'good')\n"
        "hashlib.sha256(b''); ssl.create_default_context()\n"
    )
    environ = {**os.environ, "OPENSSL_CONF": str(config)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode().strip() == "good"


def test_a_process_that_was_not_prepared_knows_rsa_alone_and_imports_no_engine() -> None:
    program = (
        "import broker.trust as t\n"
        "from broker.trust.openssl import engine\n"
        "assert t.process_provider() is t.RSA_PROVIDER and not engine._loaded\n"
        "print(t.prepare_trust().provider.name, t.process_provider().name)\n"
    )
    environ = {**os.environ, "INAYA_GOST_ENGINE": "off"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, check=True, timeout=60
    )
    assert done.stdout.split() == [b"openssl-rsa", b"openssl-rsa"]


def test_the_description_of_a_key_shows_no_secret() -> None:
    key = SigningKey(provider="openssl-gost", certificate="c", key="SECRET", password="SECRET")
    assert "SECRET" not in f"{key!r} {key}"


def test_a_provider_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(ProviderUnavailable, match="«abacus»"):
        signer_of(SigningKey(provider="abacus", certificate=""))


@needs_gost
@pytest.mark.parametrize("suite", GOST)
def test_a_key_described_by_files_or_text_signs_and_is_made_once(tmp_path: Path, suite: Suite) -> None:
    ca = ThrowAwayCa.create(NOW, suite=suite)
    issued = ca.issue_system("Система", not_before=NOW, not_after=NOW + timedelta(days=1))
    certificate, key = issued.save(tmp_path, "system")
    by_file = SigningKey(provider="openssl-gost", certificate=str(certificate), key=str(key))
    by_text = SigningKey(
        provider="openssl-gost",
        certificate=issued.certificate_pem.decode(),
        key=issued.key_pem.decode(),
    )
    signer = signer_of(msgspec.json.decode(msgspec.json.encode(by_file), type=SigningKey))
    assert signer is signer_of(by_text), "the same material is one signer"
    assert (signer.suite, signer.provider, signer.certified) == (suite, "openssl-gost", "")
    assert load_gost().verify(suite, signer.certificate, signer.sign(b"text"), b"text")
    ca.issue_system("Другая", not_before=NOW, not_after=NOW + timedelta(days=1)).save(tmp_path, "system")
    assert signer_of(by_file) is not signer, "a file that was replaced is read anew"


@needs_gost
def test_an_encrypted_key_needs_its_password_and_asks_nobody(tmp_path: Path) -> None:
    ca = ThrowAwayCa.create(NOW, suite=Suite.GOST2012_256)
    issued = ca.issue_system("Система", not_before=NOW, not_after=NOW + timedelta(days=1))
    _, key = issued.save(tmp_path, "system")
    config = tmp_path / "openssl.cnf"
    config.write_text(
        "openssl_conf = i\n[i]\nengines = e\n[e]\ngost = g\n[g]\nengine_id = gost\n"
        f"dynamic_path = {find_engine()}\ndefault_algorithms = ALL\n"
    )
    sealed = subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:secret"],
        env={**os.environ, "OPENSSL_CONF": str(config)},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    assert GostSigner.from_pem(issued.certificate_pem, sealed, b"secret").suite is Suite.GOST2012_256
    for wrong in (None, b"", b"guess"):
        with pytest.raises(ValueError, match="error"):
            GostSigner.from_pem(issued.certificate_pem, sealed, wrong)


@needs_gost
def test_a_gost_key_of_another_certificate_is_refused() -> None:
    ca = ThrowAwayCa.create(NOW, suite=Suite.GOST2012_256)
    one, two = (
        ca.issue_system(name, not_before=NOW, not_after=NOW + timedelta(days=1)) for name in ("a", "b")
    )
    with pytest.raises(ValueError, match="does not belong"):
        GostSigner.from_pem(one.certificate_pem, two.key_pem)


@needs_gost
@pytest.mark.parametrize("suite", GOST)
def test_an_authority_of_gost_goes_on_after_being_saved_and_loaded(tmp_path: Path, suite: Suite) -> None:
    life = {"not_before": NOW, "not_after": NOW + timedelta(days=1)}
    root = ThrowAwayCa.create(NOW, suite=suite)
    between = root.issue_authority("УЦ второго уровня", **life)
    for at, ca in enumerate((root, between)):
        ca.save(tmp_path / str(at))
        again = ThrowAwayCa.load(tmp_path / str(at))
        assert (again.certificate, again.suite) == (ca.certificate, suite)
        made, expected = again.issue_system("x", **life), ca.issue_system("x", **life)
        assert (made.serial, made.authorities_pem) == (expected.serial, expected.authorities_pem)
