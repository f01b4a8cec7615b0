"""``inaya sim …``: one simulator alone, with a ``DocumentChecker`` made of rules and registers of its own."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from uuid_utils.compat import uuid7

from broker.adapter_kit.checker import CheckFailed, SentSignature
from broker.adapter_kit.clocks import FileClock, SystemClock
from broker.adapter_kit.simulation import SimulatorSetup
from broker.archive import SealedPart, StoredContent
from broker.assembly.computing import PooledCompute
from broker.assembly.foundation import discover
from broker.assembly.rulebook import write_book
from broker.assembly.trusting import TrustKeeper, following
from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable, compute_pool
from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding
from broker.document.submission import Metadata, SignatureKind, Signer
from broker.pipeline import Batch, ExaminationInput, InForce, examined, prepare_process
from broker.settings import SettingsError
from broker.store.rules import Form
from broker.telemetry.addresses import ASKED
from broker.telemetry.log import log
from broker.trust.pki import Issued, ThrowAwayCa
from broker.validation.nsi import NsiRules, files_of, read_all
from broker.validation.registry import RegistryClinic, check_registry
from broker.validation.rulebook import DictionaryEntry, Rulebook

_AGE: Final = timedelta(days=365)
_IDENTITY_LIFE: Final = timedelta(days=3650)
"""The clock of a simulator may be a model: its certificate is valid around any day of a test."""
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

    def __init__(self, pool: ComputePool, trust: Callable[[], str], book: str = "") -> None:
        self._pool = pool
        self._trust = trust
        self._book = book

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
            batch = Batch((one,), InForce(self._book, trust=self._trust()))
            made = (await examined(self._pool, batch))[0]
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

    ``packs`` are its own rule packs, run by ``engine`` (native | saxon), ``nsi`` its own dictionaries, ``trust`` its own
    directory of trust: all may differ from the broker's, so that it can disagree. In ``identity`` lies the throw-away key
    it signs with when its params hold none; one is made there at the first run.
    """

    name: str
    port: int
    host: str = "127.0.0.1"
    params: Path | None = None
    state: Path | None = None
    packs: Path | None = None
    nsi: Path | None = None
    engine: str = ""
    trust: Path | None = None
    schemas: Path
    clock: Path | None = None
    identity: Path | None = None
    check: bool = True


async def run_simulator(
    options: SimulatorOptions, ready: asyncio.Event | None = None, told: Callable[[str], None] | None = None
) -> None:
    """Run one simulator until cancelled, ``told`` hears its address; raise ``SettingsError`` when there is none of that name."""
    factories = discover("inaya.simulators")
    if options.name not in factories:
        raise SettingsError(f"no simulator «{options.name}»; there are: {', '.join(sorted(factories))}")
    params: dict[str, object] = {}
    if options.params is not None:
        params = msgspec.json.decode(options.params.read_bytes(), type=dict[str, object])
    if options.name == "tfoms":
        params.setdefault("registry_check", _check_registry)
    if options.identity is not None:
        params.setdefault("security", _identity(options.identity, options.name))
    arguments = (str(options.schemas), str(options.packs or ""), "", "", options.engine)
    async with contextlib.AsyncExitStack() as stack:
        pool = await stack.enter_async_context(compute_pool(1, 20.0, 1536, prepare_process, arguments))
        trust = await stack.enter_async_context(_trusting(options.trust))
        book = await asyncio.to_thread(stack.enter_context, _own_book(options))
        checker = PipelineChecker(pool, trust, book) if options.check else None
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
        if told is not None:
            told(f"http://{options.host}:{options.port}")
        if ready is not None:
            ready.set()
        await asyncio.Event().wait()


def _identity(directory: Path, name: str) -> dict[str, str]:
    """Return the throw-away certificate and key kept in a directory, made there when it has none."""
    try:
        issued = Issued.load(directory, name)
    except FileNotFoundError:
        directory.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        authority = ThrowAwayCa.create(now)
        issued = authority.issue_system(
            f"{name}, simulator", not_before=now - _AGE, not_after=now + _IDENTITY_LIFE
        )
        issued.save(directory, name)
    return {"certificate": issued.certificate_pem.decode(), "key": issued.key_pem.decode()}


@contextlib.contextmanager
def _own_book(options: SimulatorOptions) -> Iterator[str]:
    """Write the simulator's own dictionaries as a rule book; without a directory of them none are looked into."""
    if options.nsi is None:
        yield ""
        return
    rules = NsiRules.load(options.schemas / "nsi" / "dictionaries.toml")
    try:
        read = read_all(files_of(options.nsi), rules=rules)
    except OSError as error:
        raise SettingsError(f"--nsi: {options.nsi} is not readable ({error.strerror})") from error
    if not read.dictionaries:
        raise SettingsError(f"--nsi: {' '.join(read.refusals)}")
    for refusal in read.refusals:
        log().warning("sim.dictionary_refused", reason=refusal)
    book, bodies = Rulebook(), {}
    for one in read.dictionaries:
        book = book.with_dictionary(DictionaryEntry(oid=one.oid, version=one.version, digest=one.digest))
        bodies[one.digest] = (Form.DICTIONARY, one.to_bytes())
    with tempfile.TemporaryDirectory(prefix="inaya-sim-nsi-") as home:
        yield write_book(Path(home), book, bodies)


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
