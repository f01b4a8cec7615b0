"""A key that lives elsewhere: signatures asked of a service over HTTP, TLS or a Unix socket. Only compute processes wait for it.

The protocol is ours (docs/explanation/providers.md), `inaya signer serve` speaks it: ``GET /key`` → ``{certificate, suite,
provider, version, certified, means}``, ``POST /sign`` ← ``{data}`` → ``{signature}``, base64, with a bearer token. Whatever comes
back is verified before it is used.
"""

import http.client
import socket
import ssl
from base64 import b64decode, b64encode
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from broker.trust.means import printable
from broker.trust.provider import ProviderUnavailable
from broker.trust.providers import process_provider
from broker.trust.suites import Suite

TIMEOUT: Final = 10.0
"""Seconds a question may take; ``params["timeout"]`` replaces it."""
MOST: Final = 64 * 1024
"""Bytes an answer may hold."""
UNIX: Final = "unix:"
UNNAMED: Final = "номера служба подписи не назвала"
"""Stands for the certificate of a means the service calls certified without saying under which."""
_ADDRESSES: Final = "нужно unix:/путь, https://машина или http://127.0.0.1:порт"
_OTHER_ISSUER: Final = "Службе подписи не верим: сертификат TLS выдан не тем УЦ, который назван в sign.ca."
_MISTRUSTED: Final = {
    10: "Службе подписи не верим: срок её сертификата TLS истёк.",
    62: "Службе подписи не верим: её сертификат TLS выдан не той машине, что названа в sign.url.",
    64: "Службе подписи не верим: её сертификат TLS выдан не тому адресу, что назван в sign.url.",
}
"""By ``X509_V_ERR`` of OpenSSL: expired, another host, another address."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class RemoteKey(msgspec.Struct, frozen=True):
    """What a service says of its key; ``certificate`` is PEM, authorities may follow it.

    ``certified``: whether its means is a certified СКЗИ, None when it does not say; ``means``: under which certificate.
    """

    certificate: str
    suite: Suite
    provider: str
    version: str = ""
    certified: bool | None = None
    means: str = ""


class RemoteSignature(msgspec.Struct, frozen=True):
    """A signature value in base64, in the form XMLDSig wants."""

    signature: str


class RemoteSigner:
    """Signs by asking; raises ``ProviderUnavailable`` when nobody answers or the answer does not fit the certificate."""

    def __init__(
        self, url: str, token: str, *, ca: str = "", timeout: float = TIMEOUT, certified: str = ""
    ) -> None:
        self._url = _usable(url)
        self._token = token
        self._timeout = timeout
        self._stated = certified
        self._ca = ca
        self._tls: ssl.SSLContext | None = None
        self.learn()

    def learn(self) -> None:
        """Ask the service for its key and for what it says of its means."""
        key = self._asked("GET", "/key", b"", RemoteKey)
        try:
            certificates = x509.load_pem_x509_certificates(key.certificate.encode("ascii"))
        except (ValueError, UnicodeEncodeError) as error:
            raise ProviderUnavailable("Служба подписи назвала сертификат, который не читается.") from error
        self.certified: str = _certificate_of_means(key, self._stated)
        self.suite: Suite = key.suite
        self.certificate: bytes = certificates[0].public_bytes(Encoding.DER)
        self.chain: tuple[bytes, ...] = tuple(one.public_bytes(Encoding.DER) for one in certificates[1:])
        self.provider: str = f"remote/{printable(key.provider)}"
        self.provider_version: str = printable(key.version)

    def sign(self, data: bytes) -> bytes:
        """Ask for the signature of the bytes and verify it."""
        body = msgspec.json.encode({"data": b64encode(data).decode("ascii")})
        answer = self._asked("POST", "/sign", body, RemoteSignature)
        try:
            value = b64decode(answer.signature, validate=True)
        except ValueError as error:
            raise ProviderUnavailable("Служба подписи ответила не base64.") from error
        try:
            return fitting(self.suite, self.certificate, value, data)
        except ProviderUnavailable as misfit:
            before = self.certificate
            self.learn()
            if self.certificate == before:
                raise
            text = "Служба подписи сменила ключ: следующий конверт уйдёт с новым сертификатом."
            raise ProviderUnavailable(text, passing=True) from misfit

    def _asked(self, method: str, path: str, body: bytes, shape: type[Any]) -> Any:
        """Ask a question of the service; a refusal's own words are not repeated, they may quote anything."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        connection = self._connection()
        try:
            connection.request(
                method, urlsplit(self._url).path.rstrip("/") * (not self._is_unix) + path, body, headers
            )
            response = connection.getresponse()
            said = response.read(MOST + 1)
        except ssl.SSLCertVerificationError as error:
            self._tls = None  # the file of the authority may be mended
            raise ProviderUnavailable(_MISTRUSTED.get(error.verify_code, _OTHER_ISSUER)) from error
        except (OSError, http.client.HTTPException) as error:
            raise ProviderUnavailable("Служба подписи не отвечает.", passing=True) from error
        finally:
            connection.close()
        if response.status != http.client.OK:
            passing = response.status >= http.client.INTERNAL_SERVER_ERROR
            raise ProviderUnavailable(f"Служба подписи отказала: HTTP {response.status}.", passing=passing)
        try:
            return msgspec.json.decode(said, type=shape)
        except msgspec.DecodeError as error:
            raise ProviderUnavailable("Служба подписи ответила не по протоколу.") from error

    @property
    def _is_unix(self) -> bool:
        return self._url.startswith(UNIX)

    def _connection(self) -> http.client.HTTPConnection:
        if self._is_unix:
            return _UnixConnection(self._url.removeprefix(UNIX), self._timeout)
        parts = urlsplit(self._url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            self._tls = self._tls or _tls(self._ca)
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _usable(url: str) -> str:
    """Return the address of a service, or raise ``ProviderUnavailable`` saying what is wrong with it."""
    if not url:
        raise ProviderUnavailable(f"Не задан адрес службы подписи (sign.url): {_ADDRESSES}.")
    if url.startswith(UNIX):
        if not url.removeprefix(UNIX).startswith("/"):
            raise ProviderUnavailable("Адрес службы подписи (sign.url): после unix: нужен путь от корня.")
        return url
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known:
        raise ProviderUnavailable(f"Адрес службы подписи (sign.url) не понят: {_ADDRESSES}.")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ProviderUnavailable("Служба подписи на другой машине: нужен https, токен не ходит открыто.")
    return url


def _tls(ca: str) -> ssl.SSLContext:
    """Return whom to believe over TLS: an authority named as PEM or by its file, or those of the machine."""
    try:
        if "-----BEGIN " in ca:
            return ssl.create_default_context(cadata=ca)
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise ProviderUnavailable("Файл УЦ службы подписи (sign.ca) не читается или не PEM.") from error


def _certificate_of_means(key: RemoteKey, stated: str) -> str:
    """Return the number of the certificate of a service's means; the service's own «no» is never overruled."""
    if key.certified is False and stated:
        raise ProviderUnavailable(
            "Параметр sign.certified задан, а служба подписи говорит, что её средство не сертифицировано: "
            "исправьте то, что неверно."
        )
    if key.certified is False:
        return ""
    named = printable(key.means) or stated
    return named or (UNNAMED if key.certified else "")


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def fitting(suite: Suite, certificate: bytes, value: bytes, data: bytes) -> bytes:
    """Return a signature value somebody else made, unless it can be seen not to fit the certificate.

    Raises ``ProviderUnavailable``; where nobody here can verify the suite, the value goes as it came.
    """
    if process_provider().verify(suite, certificate, value, data) is False:
        raise ProviderUnavailable("Средство подписи вернуло подпись, которая не подходит к сертификату.")
    return value
