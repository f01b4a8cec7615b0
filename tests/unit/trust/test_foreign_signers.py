"""Keys that live elsewhere: a service over a socket and a program beside us; whatever they return is verified before it is used."""

import asyncio
import stat
import sys
from pathlib import Path

import pytest
from aiohttp import web
from trust_stand import EVERYTHING, Stand, opened, sealed, trusting, unsigned_envelope

from broker.assembly.signer_service import signer_service
from broker.settings import SettingsError
from broker.trust import Issued, ProviderUnavailable, SigningKey, Suite, VerifiedEnvelope, signer_of
from broker.trust.providers import Prepared, _Process
from broker.trust.remote import RemoteSigner
from broker.trust.sealing import KeyCard, Unsealed, describe

TOKEN = "t" * 40


@pytest.fixture(autouse=True)
def computing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process verify what foreign signers return, as a compute process does."""
    monkeypatch.setattr(_Process, "prepared", Prepared(EVERYTHING))


def key_of(issued: Issued) -> SigningKey:
    local = "openssl-rsa" if issued.suite is Suite.RSA_SHA256 else "openssl-gost"
    return SigningKey(
        provider=local, certificate=issued.certificate_pem.decode(), key=issued.key_pem.decode()
    )


@pytest.mark.parametrize("where", ["unix", "tcp"])
async def test_an_envelope_signed_by_a_service_is_believed(
    any_stand: Stand, where: str, tmp_path: Path
) -> None:
    listen = f"unix:{tmp_path}/signer.sock" if where == "unix" else "127.0.0.1:0"
    async with signer_service(key_of(any_stand.system), TOKEN, listen) as url:
        if where == "unix":
            assert stat.S_IMODE((await asyncio.to_thread((tmp_path / "signer.sock").stat)).st_mode) == 0o600
        signer = await asyncio.to_thread(RemoteSigner, url, TOKEN)
        assert signer.provider.startswith("remote/openssl-")
        assert not signer.certified
        data = await asyncio.to_thread(lambda: sealed(unsigned_envelope(), any_stand, signer=signer))
    assert isinstance(opened(data, trusting(any_stand), any_stand), VerifiedEnvelope)


async def test_a_stranger_is_told_nothing_and_an_absent_service_may_come_back(
    stand: Stand, tmp_path: Path
) -> None:
    url = f"unix:{tmp_path}/signer.sock"
    async with signer_service(key_of(stand.system), TOKEN, url):
        with pytest.raises(ProviderUnavailable, match="HTTP 401") as refused:
            await asyncio.to_thread(RemoteSigner, url, "x" * 40)
        assert not refused.value.passing
        signer = await asyncio.to_thread(RemoteSigner, url, TOKEN)
    with pytest.raises(ProviderUnavailable, match="не отвечает") as away:
        await asyncio.to_thread(signer.sign, b"data")
    assert away.value.passing


async def test_a_service_that_signs_with_another_key_is_not_believed(stand: Stand) -> None:
    async def key(_request: web.Request) -> web.Response:
        return web.json_response(
            {"certificate": stand.system.certificate_pem.decode(), "suite": "RSA_SHA256", "provider": "x"}
        )

    async def sign(_request: web.Request) -> web.Response:
        return web.json_response({"signature": "AAAA"})

    app = web.Application()
    app.router.add_get("/key", key)
    app.router.add_post("/sign", sign)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        signer = await asyncio.to_thread(RemoteSigner, f"http://127.0.0.1:{port}", TOKEN)
        with pytest.raises(ProviderUnavailable, match="не подходит"):
            await asyncio.to_thread(signer.sign, b"data")
    finally:
        await runner.cleanup()


async def test_a_service_that_changes_its_key_is_asked_anew(stand: Stand, tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/signer.sock"
    async with signer_service(key_of(stand.system), TOKEN, url):
        signer = await asyncio.to_thread(RemoteSigner, url, TOKEN)
    (tmp_path / "signer.sock").unlink(missing_ok=True)
    async with signer_service(key_of(stand.stranger), TOKEN, url):
        with pytest.raises(ProviderUnavailable, match="сменила ключ") as changed:
            await asyncio.to_thread(signer.sign, b"data")
        assert changed.value.passing
        assert signer.certificate == stand.stranger.certificate
        assert await asyncio.to_thread(signer.sign, b"data")


def test_a_token_never_goes_in_clear_to_another_machine() -> None:
    with pytest.raises(ProviderUnavailable, match="https"):
        RemoteSigner("http://signer.invalid:8200", TOKEN)


async def test_a_service_needs_a_long_token_and_a_key_it_can_open(stand: Stand, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="32"):
        async with signer_service(key_of(stand.system), "short", f"unix:{tmp_path}/s"):
            pass
    broken = SigningKey(provider="openssl-rsa", certificate="-----BEGIN ", key="-----BEGIN ")
    with pytest.raises(SettingsError, match="неверны"):
        async with signer_service(broken, TOKEN, f"unix:{tmp_path}/s"):
            pass


PROGRAM = """
import os, sys, pathlib
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
words = sys.argv[1:]
if os.environ.get("CRYPTOPRO_PIN") != "1234" or "1234" in " ".join(words):
    sys.exit(5)
source, target, key, mode = words
private = serialization.load_pem_private_key(pathlib.Path(key).read_bytes(), None)
value = private.sign(pathlib.Path(source).read_bytes(), padding.PKCS1v15(), hashes.SHA256())
if mode == "backwards":
    value = value[::-1]
if mode != "nothing":
    pathlib.Path(target).write_bytes(value)
"""


def cryptopro(stand: Stand, room: Path, mode: str = "", pin: str = "1234", **params: str) -> SigningKey:
    """A stand-in for the programs of CryptoPro, scripted: it signs with RSA and sees its PIN in the environment alone."""
    (room / "program.py").write_text(PROGRAM)
    (room / "key.pem").write_bytes(stand.system.key_pem)
    command = f"{sys.executable} {room}/program.py {{in}} {{out}} {room}/key.pem {mode or 'plain'}"
    return SigningKey(
        provider="cryptopro-cli",
        certificate=stand.system.certificate_pem.decode(),
        password=pin,
        params={"command": command, "version": "5.0", **params},
    )


def test_an_envelope_signed_by_a_program_is_believed_and_its_means_is_certified_as_the_operator_states(
    stand: Stand, tmp_path: Path
) -> None:
    key = cryptopro(stand, tmp_path, certified=" СФ/000-0001\n(выдуман) ")
    assert describe(key) == KeyCard(
        provider="cryptopro-cli", version="5.0", certified="СФ/000-0001 (выдуман)", suite=Suite.RSA_SHA256
    )
    assert describe(cryptopro(stand, tmp_path)) == KeyCard(
        provider="cryptopro-cli", version="5.0", certified="", suite=Suite.RSA_SHA256
    )
    data = sealed(unsigned_envelope(), stand, signer=signer_of(key))
    assert isinstance(opened(data, trusting(stand), stand), VerifiedEnvelope)
    backwards = signer_of(cryptopro(stand, tmp_path, "backwards", reversed="true"))
    assert backwards.sign(b"data") == signer_of(key).sign(b"data")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mode": "nothing"}, "не оставила подписи"),
        ({"mode": "backwards"}, "не подходит к сертификату"),
        ({"pin": "0000"}, "с кодом 5"),
        ({"command": "/no/such/program {in} {out}"}, "не запускается"),
        ({"command": "sleep 5", "timeout": "0.2"}, "не закончилась вовремя"),
        ({"command": "x {password}"}, "команда подписи неверна"),
        ({"command": ""}, "не задана команда"),
        ({"timeout": "soon"}, "sign.timeout — секунды.*«soon»"),
        ({"timeout": "-1"}, "sign.timeout — секунды"),
        ({"timeout": "nan"}, "sign.timeout — секунды"),
    ],
)
def test_a_program_that_fails_is_named_in_words_without_its_own(
    stand: Stand, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(ProviderUnavailable, match=said) as refused:
        signer_of(cryptopro(stand, tmp_path, **given)).sign(b"data")
    assert "0000" not in refused.value.reason


def test_a_provider_nobody_knows_is_refused_with_the_list(stand: Stand) -> None:
    key = SigningKey(provider="hsm", certificate=stand.system.certificate_pem.decode())
    assert describe(key) == Unsealed(
        "Средство подписи «hsm» здесь не поддерживается; есть: cryptopro-cli, openssl-gost, openssl-rsa, remote."
    )
