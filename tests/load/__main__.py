"""``make bench``: the product, its parts and a naive pipeline measured in one run on the loopback.

fsync, journal and encryption are on. Ratios within a run mean something on any machine; bare numbers only beside
another run on the same quiet one. A missed goal is printed and is no failure; an error is.
"""

import argparse
import asyncio
import os
import platform
import sys
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec
import uvloop

from broker.dev.install import InstallPolicy, ensure_gost_engine
from broker.dev.stand import StandFailed
from broker.dev.supervisor import ChildFailedError, until_signalled
from broker.trust import Suite
from tests.load.corpus import CONSULTATION, EXAMINATION, Document, corpus
from tests.load.dead import beside_the_dead
from tests.load.driver import LoadFailed
from tests.load.engine_corpus import packs_dir
from tests.load.engine_results import EngineResults
from tests.load.giants import giants, warm
from tests.load.house import MUTE, REFUSING, REMD, House, open_house
from tests.load.loads import (
    FIELD,
    FULL,
    INAYA,
    LARGE,
    NAIVE,
    OFFICIAL_FIELD,
    PAUSED,
    XSD,
    Naive,
    Product,
    Turn,
    by_turns,
)
from tests.load.parts import parts
from tests.load.report import CONNECTIONS, goals, tables
from tests.load.results import Results
from tests.load.signature_results import SignatureResults


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything: documents per load, seconds per part."""

    rounds: int
    light: int
    full: int
    large: int
    giants: int
    field: int
    warm: int
    part_seconds: float
    waiting: int
    living: int
    rate: float
    calm: float
    connections: tuple[int, ...]
    dead: tuple[str, ...]


WHOLE = Size(
    rounds=4, light=2400, full=600, large=80, giants=100, field=4000, warm=96, part_seconds=3.0, waiting=1000, living=600, rate=25.0, calm=10.0,
    connections=CONNECTIONS,
    dead=(REFUSING, MUTE),
)  # fmt: skip
QUICK = Size(
    rounds=1,
    light=120,
    full=40,
    large=6,
    giants=3,
    field=40,
    warm=32,
    part_seconds=0.5,
    waiting=30,
    living=40,
    rate=40.0,
    calm=2.0,
    connections=(8,),
    dead=(REFUSING,),
)


def say(text: str) -> None:
    """Tell the person at the terminal what goes on."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


class Bench:
    """One run."""

    def __init__(self, house: House, size: Size, results: Results) -> None:
        self.house = house
        self.size = size
        self.results = results
        self.product = Product(house)
        self.naive = Naive(house) if house.amqp else None

    @cached_property
    def documents(self) -> list[Document]:
        """The small documents of every load but the field."""
        size = self.size
        count = size.light + size.warm
        if size.waiting:
            count = max(count, size.waiting * 5 // 2 + 5, size.living * 5 // 3 + 5)
        say(f"making and signing {count} documents")
        return corpus(self._state, self.house.crew.state.room("pki"), count)

    @cached_property
    def large(self) -> list[Document]:
        """Documents of 1 MB."""
        say(f"making and signing {self.size.large} documents of 1 MB")
        return corpus(self._state, self.house.crew.state.room("pki"), self.size.large, large=True)

    @property
    def _state(self) -> Path:
        return self.house.crew.state.path

    @property
    def _light(self) -> list[Document]:
        return self.documents[: self.size.light]

    @property
    def _warm(self) -> list[Document]:
        return self.documents[-self.size.warm :]

    async def parts(self) -> None:
        """What everything is made of."""
        say("the parts alone")
        few, _ = (
            self.documents[: min(200, self.size.full)],
            self.large,
        )  # nothing is made while something is measured
        self.results.parts += await parts(self.house, few, self.size.part_seconds)

    async def engine(self) -> None:
        """The Schematron engine, in a process of its own."""
        say("the Schematron engine")
        out = self.house.crew.state.path / "engine.json"
        quick = ["--quick"] if self.results.quick else []
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.load.engine", "--json", str(out), *quick
        )
        if await done.wait():
            raise LoadFailed("the engine could not be measured")
        self.results.engine = msgspec.json.decode(out.read_bytes(), type=EngineResults)
        self.results.skipped += self.results.engine.skipped

    async def signatures(self) -> None:
        """Verdicts on signatures, in a process of their own."""
        say("signatures beside OpenSSL")
        await ensure_gost_engine(InstallPolicy.of(os.environ), tell=say)
        out = self.house.crew.state.path / "signatures.json"
        quick = ["--quick"] if self.results.quick else []
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.load.signatures", "--json", str(out), *quick
        )
        if await done.wait():
            raise LoadFailed("signatures could not be measured")
        self.results.signatures = msgspec.json.decode(out.read_bytes(), type=SignatureResults)
        self.results.skipped += self.results.signatures.skipped

    async def paused(self) -> None:
        """The doors alone."""
        await self.house.start("serve")
        await self.house.route()
        await self.product.warm(self._warm, final=False)
        if self.naive:
            await self.naive.prepare()
        for connections in self.size.connections:
            say(f"doors with workers paused, {connections} connections")
            await self._measure(self._light, connections, PAUSED)

    async def flowing(self) -> None:
        """End to end at the level of XSD, and documents of 1 MB."""
        await self.house.start("work", self.house.xsd_schemas())
        await self.product.warm(self._warm, final=True)
        if self.naive:
            await self.naive.resume()
            await self.naive.warm(self._warm)
        for connections in self.size.connections:
            say(f"end to end at XSD level, {connections} connections")
            await self._measure(self._light, connections, XSD)
        say("documents of 1 MB")
        await self._measure(self.large, 8, LARGE, amqp=False)
        if self.naive:
            await self.naive.pause()
            await self.naive.stop()

    async def _measure(
        self,
        documents: list[Document],
        connections: int,
        workers: str,
        *,
        amqp: bool = True,
        naive: bool = True,
    ) -> None:
        """Let our doors and the naive pipeline take turns."""
        turns: dict[tuple[str, str, str], Turn] = {
            (INAYA, "http", workers): lambda some: self.product.http(some, connections, workers)
        }
        if self.naive and naive:
            pipeline = self.naive
            turns[NAIVE, "http", workers] = lambda some: pipeline.http(some, connections, workers)
        if self.house.amqp and amqp:
            turns[INAYA, "amqp", workers] = lambda some: self.product.amqp(some, connections, workers)
        self.results.measured += await by_turns(turns, documents, self.size.rounds)

    async def dying(self) -> None:
        """A dead destination beside a living one."""
        size = self.size
        for destination in size.dead:
            say(f"a dead destination: {destination}")
            self.results.dead.append(
                await beside_the_dead(
                    self.house,
                    self.documents,
                    destination,
                    waiting=size.waiting,
                    rate=size.rate,
                    calm=size.calm,
                    count=size.living,
                )
            )

    async def field(self) -> None:
        """The whole way as a clinic takes it: schema and Schematron, two containers with chains, two recipients."""
        if not self.house.gost:
            self.results.skipped.append("no ГОСТ engine: the field is measured with RSA")
        await self._field(EXAMINATION, FIELD, None)
        packs = packs_dir()
        if packs is None:
            self.results.skipped.append("no INAYA_PACKS_DIR: the field under official rules")
        else:
            await self._field(CONSULTATION, OFFICIAL_FIELD, packs)

    async def _field(self, kind: str, name: str, packs: Path | None) -> None:
        suite = Suite.GOST2012_256 if self.house.gost else Suite.RSA_SHA256
        state = self.house.crew.state
        warm = max(self.size.warm, self.size.field // 8)
        count = self.size.field + warm
        say(f"{name}: making and signing {count} documents")
        documents = corpus(state.path, state.room("pki"), count, kind=kind, suite=suite)
        await self.house.start("serve")
        await self.house.start("work", packs=packs)
        await self.house.route(twice=True)
        await self.house.forget()
        await self.product.warm(documents[-warm:], final=True)
        say(name)
        few = documents[: self.size.field]
        await self._measure(few, self.size.connections[-1], name, naive=False, amqp=False)
        await self.house.stop("work")
        await self.house.stop("serve")

    async def giants(self) -> None:
        """Documents of 20 MB, pulled by РЭМД in signed envelopes: what the processes grow to and give back."""
        if not self.house.gost:
            self.results.skipped.append("no ГОСТ engine: envelopes around files of 20 MB are signed with RSA")
        await self.house.start_registry(workersAtOnce=4, fileTries=20, fileTimeout=120)
        await self.house.start("serve")
        await self.house.start("work")
        await self.house.route()
        await self.house.forget()
        await warm(self.house, self.size.warm)
        say(f"{self.size.giants} documents of 20 MB")
        self.results.giants = await giants(self.house, self.size.giants)
        await self.house.forget()
        for name in ("work", "serve", REMD):
            await self.house.stop(name)

    async def full(self) -> None:
        """End to end with the whole rule set."""
        await self.house.stop("work")
        await self.house.start("work")
        await self.product.warm(self._warm, final=True)
        say("end to end with all rules")
        few = self.documents[: self.size.full]
        await self._measure(few, self.size.connections[-1], FULL, naive=False)
        await self.house.stop("work")
        await self.house.stop("serve")


async def run(arguments: argparse.Namespace) -> None:
    """Run all phases and print."""
    size = QUICK if arguments.quick else WHOLE
    results = Results(
        began=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", quick=arguments.quick, machine=_machine()
    )
    async with open_house(arguments.state_dir, amqp=not arguments.no_amqp, tell=say) as house:
        if not house.amqp:
            results.skipped.append("RabbitMQ is missing: AMQP door, naive pipeline and every goal against it")
        bench = Bench(house, size, results)
        phases = {
            name: getattr(bench, name)
            for name in (
                "engine",
                "signatures",
                "parts",
                "paused",
                "flowing",
                "dying",
                "full",
                "field",
                "giants",
            )
        }
        for name, phase in phases.items():
            if not arguments.only or name in arguments.only:
                await phase()
        results.best_loop_ns = house.yardstick.best_ns()
        results.goals = goals(results)
        out = arguments.out or house.crew.state.path / "bench.json"
        out.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    sys.stdout.write(tables(results))
    say(f"JSON: {out}")


def _machine() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    loadavg = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "cores": str(os.cpu_count()),
        "cpu": model,
        "python": platform.python_version(),
        "load before": loadavg,
    }


def main() -> None:
    """Read the arguments and run; status 2 and one line when something could not run."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run of less than a minute")
    parser.add_argument(
        "--no-amqp", action="store_true", help="without RabbitMQ: no AMQP door, no naive pipeline"
    )
    parser.add_argument("--only", action="append", help="this phase alone (may be repeated)")
    parser.add_argument("--state-dir", type=Path, default=Path(".inaya-bench"))
    parser.add_argument("--out", type=Path, help="where the JSON goes (default: <state-dir>/bench.json)")
    arguments = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            if runner.run(until_signalled(run(arguments))) is not None:
                sys.exit(130)
    except (StandFailed, ChildFailedError, LoadFailed, TimeoutError) as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
