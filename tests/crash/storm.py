"""What is done to the stand: kills, freezes, kill points, in an order that follows from the seed."""

import asyncio
import random
import signal
import time
from collections.abc import Iterable
from enum import StrEnum

import msgspec
import psutil

from broker.telemetry.killpoints import KillPoint
from tests.crash.stand import LONGEST_LEASE, WORKERS, Stand
from tests.crash.telling import say

FROZEN = LONGEST_LEASE + 1
"""Seconds a process sleeps: past every lease it may hold."""
SIMULATORS = ("sim-remd", "sim-gis-soap", "sim-tfoms")
OF_AMQP = frozenset(
    {KillPoint.AMQP_TAKEN, KillPoint.RELAY_CLAIMED, KillPoint.RELAY_SENT, KillPoint.RELAY_ADVANCED}
)


class How(StrEnum):
    """What is done."""

    KILL = "kill -9"
    FREEZE = "freeze"
    POINT = "kill point"


class Act(msgspec.Struct, frozen=True):
    """One thing done to one target: a child's name, ``compute``, ``fork server``, ``backend``, or a kill point."""

    how: How
    target: str

    def __str__(self) -> str:
        return f"{self.how}: {self.target}"


def acts(*, amqp: bool) -> list[list[Act]]:
    """Everything that can be done, by kind."""
    points = [Act(How.POINT, point) for point in KillPoint if amqp or point not in OF_AMQP]
    node = ["rabbitmq"] if amqp else []
    kills = ["serve", *WORKERS, "compute", "fork server", *SIMULATORS, "postgres", "backend", *node]
    freezes = ["serve", WORKERS[0], "postgres", "sim-remd", "sim-gis-soap", *node]
    return [
        points,
        [Act(How.KILL, name) for name in kills],
        [Act(How.FREEZE, name) for name in freezes],
    ]


def schedule(count: int, dice: random.Random, *, amqp: bool, only: str = "") -> list[Act]:
    """Choose so many acts: each once before any comes twice, the kinds mixed in proportion.

    ``only`` keeps the acts whose words contain it.
    """
    kinds = [kept for kind in acts(amqp=amqp) if (kept := [act for act in kind if only in str(act)])]
    if not kinds:
        raise SystemExit(f"no act contains «{only}»")
    chosen: list[Act] = []
    while len(chosen) < count:
        rounds: list[tuple[float, Act]] = []
        for kind in kinds:
            shuffled = dice.sample(kind, len(kind))
            rounds += [((place + dice.random()) / len(shuffled), act) for place, act in enumerate(shuffled)]
        chosen += [act for _, act in sorted(rounds, key=lambda pair: pair[0])]
    return chosen[:count]


class Storm:
    """Does the acts one after another; ``done`` counts what was really done, ``missed`` what found nobody."""

    def __init__(self, stand: Stand, dice: random.Random, *, amqp: bool, only: str = "") -> None:
        self.done: dict[str, int] = {}
        self.missed: list[str] = []
        self._stand = stand
        self._dice = dice
        self._amqp = amqp
        self._only = only
        self._thawing: set[asyncio.Task[None]] = set()

    async def rage(self, count: int, pause: float) -> None:
        """Do so many acts with about ``pause`` seconds between them; return when the last frozen one is awake."""
        started = time.monotonic()
        for act in schedule(count, self._dice, amqp=self._amqp, only=self._only):
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * pause)
            say(f"  {time.monotonic() - started:6.1f} s  {act}")
            await self._do(act)
        if self._thawing:
            await asyncio.gather(*self._thawing)

    def hits(self) -> set[str]:
        """The kill points at which a process has died."""
        return {path.name.removesuffix(".hit") for path in self._stand.kill_dir.glob("*.hit")}

    def armed(self) -> set[str]:
        """The kill points nobody has passed yet."""
        return {path.name for path in self._stand.kill_dir.iterdir() if path.suffix != ".hit"}

    async def _do(self, act: Act) -> None:
        match act.how:
            case How.POINT:
                (self._stand.kill_dir / act.target).touch()
                self._count(act)
            case How.KILL:
                victims = await self._found(act)
                self._strike(act, victims[:1], signal.SIGKILL)
            case How.FREEZE:
                victims = await self._found(act)
                self._strike(act, victims, signal.SIGSTOP)
                thawing = asyncio.create_task(self._thaw(victims))
                self._thawing.add(thawing)
                thawing.add_done_callback(self._thawing.discard)

    async def _found(self, act: Act) -> list[psutil.Process]:
        """Find the victims; a process that is just being restarted is waited for."""
        for _ in range(50):
            if victims := await asyncio.to_thread(self._victims, act):
                return victims
            await asyncio.sleep(0.2)
        self.missed.append(str(act))
        return []

    def _victims(self, act: Act) -> list[psutil.Process]:
        stand = self._stand
        several = {
            "compute": lambda: [one for name in WORKERS for one in stand.compute(name)],
            "fork server": lambda: [one for name in WORKERS for one in stand.forkservers(name)],
            "backend": stand.backends,
        }
        if act.target in several:
            found = several[act.target]()
            return self._dice.sample(found, len(found))
        return stand.main(act.target) if act.how is How.KILL else stand.whole(act.target)

    def _strike(self, act: Act, victims: Iterable[psutil.Process], number: signal.Signals) -> None:
        struck = False
        for victim in victims:
            try:
                victim.send_signal(number)
                struck = True
            except psutil.Error:
                continue
        if struck:
            self._count(act)

    def _count(self, act: Act) -> None:
        self.done[str(act)] = self.done.get(str(act), 0) + 1

    async def _thaw(self, victims: Iterable[psutil.Process]) -> None:
        await asyncio.sleep(FROZEN)
        for victim in victims:
            try:
                victim.send_signal(signal.SIGCONT)
            except psutil.Error:
                continue
