"""``inaya sim …``: one simulator alone, with a ``DocumentChecker`` made of rules and registers of its own."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web
from uuid_utils.compat import uuid7

from broker.adapter_kit.checker import CheckFailed, SentSignature
from broker.adapter_kit.clocks import FileClock, SystemClock
from broker.adapter_kit.simulation import SimulatorSetup
from broker.archive import SealedPart, StoredContent
from broker.assembly.computing import PooledCompute
from broker.assembly.foundation import discover
from broker.assembly.trusting import TrustKeeper, following
from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable, compute_pool
from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding
from broker.document.submission import Metadata, SignatureKind, Signer
from broker.pipeline import Batch, ExaminationInput, InForce, examine_all, prepare_process
from broker.settings import SettingsError
from broker.telemetry.addresses import ASKED
from broker.telemetry.log import log
from broker.validation.registry import RegistryClinic, check_registry

_ABOUT_SIGNERS = frozenset(
    f"signature.{what}"
    for what in (
        "ogrn_mismatch",
        "inn_mismatch",
        "organization_mismatch",
        "attorney_missing",
    )
)
"""Whether the certificate is this clinic's is judged against its card, which a simulator does not have."""


class PipelineChecker:
    """The checks of the house behind the ``DocumentChecker`` port, in processes of their own."""

    def __init__(self, pool: ComputePool, trust: Callable[[], str]) -> None:
        self._pool = pool
        self._trust = trust

    async def check(
        self, content: bytes, *, kind: str, signatures: Sequence[SentSignature], at: datetime
    ) -> tuple[CanonicalDocument | None, Sequence[Finding]]:
        """Examine the bytes a simulator pulled; what the checker cannot judge it leaves without a word."""
        parts = tuple(map(_part, signatures))
        one = ExaminationInput(
            document_id=uuid7(),
            type="semd",
            kind=kind,
            clinic="",
            region="",
            mcod="",
            local_uid="",
            at=at,
            stored=StoredContent(content, "application/xml", parts, Metadata()),
        )
        try:
            batch = Batch((one,), InForce(trust=self._trust()))
            made = (await self._pool.run(examine_all, batch))[0]
        except (ComputeFailed, PoolUnusable) as error:
            raise CheckFailed from error
        return made.canonical, [finding for finding in made.findings if finding.code not in _ABOUT_SIGNERS]


def _part(sent: SentSignature) -> SealedPart:
    if sent.organization:
        return SealedPart(SignatureKind.ORGANIZATION, sent.data)
    signer = Signer(snils=sent.snils) if sent.snils else None
    return SealedPart(SignatureKind.PERSONAL, sent.data, sent.role or None, signer)


def _check_registry(package: bytes, mcod: str, today: date) -> list[Finding]:
    report = check_registry(package, clinic=RegistryClinic(mcod=mcod), today=today)
    return list(report.findings)


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How one simulator is run.

    ``packs`` are its own rule packs, run by ``engine`` (native | saxon), ``trust`` its own directory of trust: all may differ
    from the broker's, so that it can disagree.
    """

    name: str
    port: int
    host: str = "127.0.0.1"
    params: Path | None = None
    state: Path | None = None
    packs: Path | None = None
    engine: str = ""
    trust: Path | None = None
    schemas: Path
    clock: Path | None = None
    check: bool = True


async def run_simulator(options: SimulatorOptions, ready: asyncio.Event | None = None) -> None:
    """Run one simulator until cancelled; raise ``SettingsError`` when there is none of that name."""
    factories = discover("inaya.simulators")
    if options.name not in factories:
        raise SettingsError(f"no simulator «{options.name}»; there are: {', '.join(sorted(factories))}")
    params: dict[str, object] = {}
    if options.params is not None:
        params = msgspec.json.decode(options.params.read_bytes(), type=dict[str, object])
    if options.name == "tfoms":
        params.setdefault("registry_check", _check_registry)
    arguments = (str(options.schemas), str(options.packs or ""), "", "", options.engine)
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(compute_pool(1, 20.0, 1536, prepare_process, arguments))
        trust = await stack.enter_async_context(_trusting(options.trust))
        checker = PipelineChecker(pool, trust) if options.check else None
        setup = SimulatorSetup(
            clock=FileClock(options.clock) if options.clock else SystemClock(),
            checker=checker,
            state=options.state,
            params=params,
            compute=PooledCompute(pool),
        )
        app: web.Application = await asyncio.to_thread(partial(factories[options.name], setup))
        app.router.add_get("/healthz", _healthz)
        runner = web.AppRunner(app, **ASKED)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, options.host, options.port, backlog=1024).start()
        log().info("sim.ready", simulator=options.name, port=options.port)
        if ready is not None:
            ready.set()
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _trusting(directory: Path | None) -> AsyncIterator[Callable[[], str]]:
    """Follow the simulator's own directory of trust; without one chains are not judged."""
    if directory is None:
        yield lambda: ""
        return
    with tempfile.TemporaryDirectory(prefix="inaya-sim-trust-") as home:
        async with following(TrustKeeper(str(directory), "off", Path(home))) as keeper:
            if keeper.trouble:
                raise SettingsError(f"--trust: {keeper.trouble}")
            yield keeper


async def _healthz(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
