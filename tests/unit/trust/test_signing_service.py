"""A signing service over TLS and what it says of its means: a wrong authority is refused in words, a «no» is never overruled."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from trust_stand import EVERYTHING, Stand

from broker.assembly.signer_service import signer_service
from broker.trust import ProviderUnavailable, SigningKey, signer_of
from broker.trust.providers import Prepared, _Process
from broker.trust.remote import UNNAMED, RemoteSigner
from broker.trust.sealing import Unsealed, describe

TOKEN = "t" * 40
NUMBER = "СФ/000-0001 (выдуман)"


@pytest.fixture(autouse=True)
def computing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process verify what foreign signers return, as a compute process does."""
    monkeypatch.setattr(_Process, "prepared", Prepared(EVERYTHING))


class Authority(msgspec.Struct):
    """An authority of TLS with the files a service and its client name."""

    room: Path
    key: ec.EllipticCurvePrivateKey
    subject: x509.Name

    @classmethod
    def create(cls, room: Path, title: str) -> "Authority":
        room.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
        made = cls(room, key, subject)
        made._write("ca.pem", key, subject, [(x509.BasicConstraints(ca=True, path_length=0), True)], 1)
        return made

    @property
    def ca(self) -> str:
        return str(self.room / "ca.pem")

    def server(self, *, address: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer.invalid")])
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        self._write("server.pem", key, subject, [(named, False)], days)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.room / "server.key").write_bytes(pem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.room / "server.pem", self.room / "server.key")
        return context

    def _write(
        self,
        file: str,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        extensions: list[tuple[x509.ExtensionType, bool]],
        days: int,
    ) -> None:
        now = datetime.now(UTC)
        order = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=3))
            .not_valid_after(now + timedelta(days=days))
        )
        for extension, critical in extensions:
            order = order.add_extension(extension, critical=critical)
        made = order.sign(self.key, hashes.SHA256())
        (self.room / file).write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "own", "Выдуманный УЦ службы подписи")


def key_of(stand: Stand, **params: str) -> SigningKey:
    return SigningKey(
        provider="openssl-rsa",
        certificate=stand.system.certificate_pem.decode(),
        key=stand.system.key_pem.decode(),
        params=params,
    )


def remote(url: str, **params: str) -> SigningKey:
    return SigningKey(provider="remote", certificate="", params={"url": url, "token": TOKEN, **params})


async def test_a_service_over_tls_signs_for_whom_its_authority_is_named(
    stand: Stand, authority: Authority
) -> None:
    async with signer_service(key_of(stand), TOKEN, "127.0.0.1:0", tls=authority.server()) as url:
        assert url.startswith("https://127.0.0.1:")
        for ca in (authority.ca, await asyncio.to_thread(Path(authority.ca).read_text)):
            signer = await asyncio.to_thread(signer_of, remote(url, ca=ca))
            value = await asyncio.to_thread(signer.sign, b"data")
            assert len(value) == 256


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({}, "выдан не тем УЦ, который назван в sign.ca"),
        ({"address": "127.0.0.2"}, "выдан не тому адресу, что назван в sign.url"),
        ({"days": -1}, "срок её сертификата TLS истёк"),
    ],
)
async def test_a_service_that_shows_a_wrong_certificate_is_refused_in_words(
    stand: Stand, authority: Authority, tmp_path: Path, server: dict[str, Any], said: str
) -> None:
    ca = authority.ca if server else Authority.create(tmp_path / "other", "Другой выдуманный УЦ").ca
    async with signer_service(key_of(stand), TOKEN, "127.0.0.1:0", tls=authority.server(**server)) as url:
        refused = await asyncio.to_thread(describe, remote(url, ca=ca))
    assert isinstance(refused, Unsealed)
    assert said in refused.reason
    assert not refused.passing


async def test_an_authority_that_is_mended_is_believed_without_a_restart(
    stand: Stand, authority: Authority, tmp_path: Path
) -> None:
    other = Authority.create(tmp_path / "other", "Другой выдуманный УЦ")
    async with signer_service(key_of(stand), TOKEN, "127.0.0.1:0", tls=authority.server()) as url:
        signer = await asyncio.to_thread(signer_of, remote(url, ca=authority.ca))
        port = url.rpartition(":")[2]
    right = await asyncio.to_thread(Path(other.ca).read_bytes)
    async with signer_service(key_of(stand), TOKEN, f"127.0.0.1:{port}", tls=other.server()):
        with pytest.raises(ProviderUnavailable, match=r"sign\.ca"):
            await asyncio.to_thread(signer.sign, b"data")
        await asyncio.to_thread(Path(authority.ca).write_bytes, right)
        assert len(await asyncio.to_thread(signer.sign, b"data")) == 256


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"url": ""}, "Не задан адрес службы подписи (sign.url)"),
        ({"url": "signer:8200"}, "(sign.url) не понят"),
        ({"url": "https://signer.invalid:порт"}, "(sign.url) не понят"),
        ({"url": "https://"}, "(sign.url) не понят"),
        ({"url": "unix:signer.sock"}, "после unix: нужен путь от корня"),
        ({"url": "unix:/s", "timeout": "soon"}, "sign.timeout — секунды, число больше 0"),
        ({"url": "https://signer.invalid", "ca": "/no/such/ca.pem"}, "(sign.ca) не читается"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_in_words(params: dict[str, str], said: str) -> None:
    refused = describe(remote(params.pop("url"), **params))
    assert isinstance(refused, Unsealed)
    assert said in refused.reason
    assert not refused.passing


@asynccontextmanager
async def a_service(stand: Stand, says: dict[str, object]) -> AsyncIterator[str]:
    """A foreign service that says these things of its means; a test may change them."""

    async def key(_request: web.Request) -> web.Response:
        about = {
            "certificate": stand.system.certificate_pem.decode(),
            "suite": "RSA_SHA256",
            "provider": "hsm",
        }
        return web.json_response(about | says)

    app = web.Application()
    app.router.add_get("/key", key)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("says", "stated", "certified"),
    [
        ({}, "", ""),
        ({"certified": False}, "", ""),
        ({"certified": True}, "", UNNAMED),
        ({"certified": True, "means": NUMBER}, "", NUMBER),
        ({"certified": True}, NUMBER, NUMBER),
        ({}, NUMBER, NUMBER),
        ({"certified": True, "means": f"{NUMBER}\x00" + "x" * 500}, "", f"{NUMBER}" + "x" * 179),
    ],
)
async def test_what_a_service_says_of_its_means_stands_beside_what_the_operator_states(
    stand: Stand, says: dict[str, object], stated: str, certified: str
) -> None:
    async with a_service(stand, says) as url:
        signer = await asyncio.to_thread(RemoteSigner, url, TOKEN, certified=stated)
    assert signer.certified == certified


async def test_an_operator_does_not_certify_what_the_service_calls_uncertified(stand: Stand) -> None:
    async with a_service(stand, {"certified": False}) as url:
        with pytest.raises(ProviderUnavailable, match=r"sign\.certified задан, а служба"):
            await asyncio.to_thread(RemoteSigner, url, TOKEN, certified=NUMBER)


def test_a_means_of_ours_cannot_be_certified_by_a_setting(stand: Stand) -> None:
    refused = describe(key_of(stand, certified=NUMBER))
    assert isinstance(refused, Unsealed)
    assert "sign.certified задан, а средство openssl-rsa сертификата не имеет" in refused.reason


async def test_a_service_is_described_as_it_is_now(stand: Stand) -> None:
    says: dict[str, object] = {"certified": True, "means": NUMBER}
    async with a_service(stand, says) as url:
        first = await asyncio.to_thread(describe, remote(url))
        says.clear()
        second = await asyncio.to_thread(describe, remote(url))
    assert not isinstance(first, Unsealed)
    assert not isinstance(second, Unsealed)
    assert (first.certified, second.certified) == (NUMBER, "")
