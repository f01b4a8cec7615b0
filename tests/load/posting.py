"""What sending costs us: registerDocument built, signed by ГОСТ in its compute process, posted, the answer read.

CPU seconds of this process and of the one that signs; whoever answers is a process of its own and not counted.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
import psutil
import uvloop

from adapters.remd import ADAPTER
from adapters.remd.names import SERVICE_NS
from broker.adapter_kit import Awaiting, Context, Destination
from broker.adapter_kit.clocks import SystemClock
from broker.adapter_kit.harness import MemoryFiles, MemoryIds, a_parcel
from broker.adapter_kit.soap import SOAP12
from broker.assembly.computing import PooledCompute
from broker.compute.pool import compute_pool
from broker.trust import Issued, Suite, ThrowAwayCa, prepare_trust
from tests.load.signature_results import Posted
from tests.load.sink import Sink

AT_ONCE: Final = 16
WARM: Final = 50
_BODY: Final = (
    f'<s:Envelope xmlns:s="{SOAP12}"><s:Header/><s:Body><r:registerDocumentResponse xmlns:r="{SERVICE_NS}">'
    "<r:status>success</r:status></r:registerDocumentResponse></s:Body></s:Envelope>"
).encode()


class Registrar(Sink):
    """Accepts every document at once."""

    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
    ) + _BODY


def posted(suite: Suite, count: int) -> Posted:
    """Send so many documents and return what each cost."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_posted(suite, count))


async def _posted(suite: Suite, count: int) -> Posted:
    now = datetime.now(UTC)
    issued = ThrowAwayCa.create(now - timedelta(days=1), suite=suite).issue_system(
        "our.invalid", not_before=now - timedelta(days=1), not_after=now + timedelta(days=1)
    )
    async with _registrar() as url, _context(url, issued, suite) as context:
        await _send(context, WARM)
        before, started = _cpu(), time.perf_counter()
        await _send(context, count)
        seconds, cpu = time.perf_counter() - started, _cpu() - before
    return Posted(suite=suite.value, count=count, cpu_ms=cpu / count * 1000, per_second=count / seconds)


async def _send(context: Context, count: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            outcome = await ADAPTER.deliver(a_parcel(number), context)
            assert isinstance(outcome, Awaiting), outcome

    await asyncio.gather(*(one(number) for number in range(count)))


def _cpu() -> float:
    """CPU seconds of this process and of those it started, but for the registrar."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            if "tests.load.posting" not in process.cmdline():
                times = process.cpu_times()
                total += times.user + times.system
    return total


@contextlib.asynccontextmanager
async def _registrar() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.load.posting", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def _context(url: str, issued: Issued, suite: Suite) -> AsyncIterator[Context]:
    provider = "openssl-rsa" if suite is Suite.RSA_SHA256 else "openssl-gost"
    destination = Destination(
        id="remd",
        adapter="remd",
        url=url,
        params={
            "client_entity_id": "2b9f6a3e-6d0c-4c55-9a57-0f7d1c1e0a11",
            "sign_provider": provider,
            "sign_certificate": issued.certificate_pem.decode(),
        },
        secrets={"sign_key": issued.key_pem.decode()},
    )
    async with (
        aiohttp.ClientSession() as http,
        compute_pool(1, 20.0, 1536, _prepare, ()) as pool,
    ):
        yield Context(
            clock=SystemClock(),
            http=http,
            destination=destination,
            files=MemoryFiles(),
            ids=MemoryIds(),
            peer_url="https://broker.invalid/peer/remd",
            compute=PooledCompute(pool),
        )


def _prepare() -> None:
    prepare_trust()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Registrar, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Answer until killed."""
    argparse.ArgumentParser(prog="python -m tests.load.posting", description=__doc__).parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())


if __name__ == "__main__":
    main()
