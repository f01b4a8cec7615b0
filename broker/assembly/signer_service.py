"""``inaya signer serve``: the reference of a remote signing service, a key of any local driver behind a token.

It holds the key of envelopes apart from the processes that talk to the world: on a Unix socket beside them, or over TLS on a
machine with the certified means.
"""

import asyncio
import contextlib
import hmac
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from broker.adapter_kit import Compute, ComputeAway
from broker.assembly.computing import PooledCompute
from broker.compute.pool import compute_pool
from broker.settings import SettingsError
from broker.telemetry.addresses import ASKED
from broker.trust import prepare_trust
from broker.trust.remote import UNIX, RemoteKey, RemoteSignature
from broker.trust.sealing import KeyCard, RawSigning, Unsealed, describe, sign_raw
from broker.trust.signing import SigningKey

MAX_DATA: Final = 1024 * 1024
"""Bytes of a question; what is signed of an envelope is a SignedInfo of some kilobytes."""


class SignerService:
    """Answers ``GET /key`` and ``POST /sign``; says nothing to whoever does not know the token."""

    def __init__(self, key: SigningKey, card: KeyCard, token: str, compute: Compute) -> None:
        self._key = key
        self._card = card
        self._token = token.encode()
        self._compute = compute

    def application(self) -> web.Application:
        """Build the web application."""
        app = web.Application(client_max_size=MAX_DATA)
        app.router.add_get("/key", self._about)
        app.router.add_post("/sign", self._sign)
        return app

    def _stranger(self, request: web.Request) -> web.Response | None:
        said = (
            request.headers.get("Authorization", "").removeprefix("Bearer ").encode(errors="surrogateescape")
        )
        return None if hmac.compare_digest(said, self._token) else web.Response(status=401)

    async def _about(self, request: web.Request) -> web.Response:
        refused = self._stranger(request)
        if refused is not None:
            return refused
        card = self._card
        about = RemoteKey(
            certificate=_pem(self._key.certificate),
            suite=card.suite,
            provider=card.provider,
            version=card.version,
            certified=bool(card.certified),
            means=card.certified,
        )
        return web.Response(body=msgspec.json.encode(about), content_type="application/json")

    async def _sign(self, request: web.Request) -> web.Response:
        refused = self._stranger(request)
        if refused is not None:
            return refused
        try:
            data = b64decode(
                msgspec.json.decode(await request.read(), type=dict[str, str])["data"], validate=True
            )
        except (msgspec.DecodeError, KeyError, ValueError):
            return web.Response(status=400)
        try:
            made = await self._compute(sign_raw, RawSigning(data=data, key=self._key))
        except ComputeAway:
            return web.Response(status=503)
        if isinstance(made, Unsealed):
            return web.Response(status=503 if made.passing else 409)
        answer = RemoteSignature(signature=b64encode(made).decode("ascii"))
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def _pem(text: str) -> str:
    return text if "-----BEGIN " in text else Path(text).read_text(encoding="ascii")


@contextlib.asynccontextmanager
async def signer_service(
    key: SigningKey, token: str, listen: str, *, engine: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve a key at ``unix:/path`` or ``host:port`` and yield the address; raise ``SettingsError`` for one that cannot be had."""
    if len(token) < 32:
        raise SettingsError("signer: a token needs 32 characters at least")
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(compute_pool(1, 20.0, 1024, _prepare, (engine,)))
        compute = PooledCompute(pool)
        try:
            card = await compute(describe, key)
        except ComputeAway as error:
            raise SettingsError("signer: the process that computes does not start") from error
        if isinstance(card, Unsealed):
            raise SettingsError(f"signer: {card.reason}")
        runner = web.AppRunner(SignerService(key, card, token, compute).application(), **ASKED)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        if listen.startswith(UNIX):
            path = Path(listen.removeprefix(UNIX))
            await web.UnixSite(runner, str(path)).start()
            await asyncio.to_thread(path.chmod, 0o600)
            yield listen
            return
        host, _, port = listen.rpartition(":")
        await web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=tls).start()
        (address,) = runner.addresses
        yield f"{'https' if tls else 'http'}://{address[0]}:{address[1]}"


def _prepare(engine: str) -> None:
    prepare_trust(engine)
