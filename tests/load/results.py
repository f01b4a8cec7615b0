"""What the bench found, as values: they are printed as tables and kept as JSON."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from tests.load.driver import Load, quantile
from tests.load.engine_results import EngineResults
from tests.load.giant_results import Giants
from tests.load.goal import Goal
from tests.load.meter import Memory
from tests.load.signature_results import SignatureResults


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One load on one receiver.

    ``finished_per_second`` is from the first submission to the last final status (with workers paused: to the last row
    of a document, which only AMQP can be behind with). CPU is in milliseconds per document by part of the house.
    """

    receiver: str
    door: str
    workers: str
    connections: int
    documents: int
    rounds: int
    accepted_per_second: float
    p50_ms: float
    p99_ms: float
    finished_per_second: float | None
    cpu_ms: dict[str, float]
    memory: dict[str, Memory]
    loop_ns: float | None = None
    """What the yardstick's loop took meanwhile."""

    @property
    def cpu_total_ms(self) -> float:
        """All of it but the driver's and the recipient's."""
        return sum(ms for part, ms in self.cpu_ms.items() if part not in {"driver", "sink"})

    def calm_cpu_ms(self, best_loop_ns: float) -> float:
        """The same at the speed the machine had at its best moment."""
        return self.cpu_total_ms * best_loop_ns / (self.loop_ns or best_loop_ns)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a load: ``finished`` is when the last document was done with, None where nobody waited for it."""

    load: Load
    finished: float | None
    cpu: dict[str, float]
    memory: dict[str, Memory]
    loop_ns: float | None = None


def measured(names: tuple[str, str, str], rounds: Sequence[Round]) -> Measured:
    """Compose a result of all its rounds together; ``names`` are receiver, door and what the workers did."""
    receiver, door, workers = names
    shots = [shot.seconds for one in rounds for shot in one.load.shots]
    accepting = sum(one.load.ended - one.load.started for one in rounds)
    ends = [one.finished - one.load.started for one in rounds if one.finished is not None]
    cpu: dict[str, float] = defaultdict(float)
    for one in rounds:
        for part, seconds in one.cpu.items():
            cpu[part] += seconds
    return Measured(
        receiver=receiver,
        door=door,
        workers=workers,
        connections=rounds[0].load.connections,
        documents=len(shots),
        rounds=len(rounds),
        accepted_per_second=len(shots) / accepting,
        p50_ms=quantile(shots, 0.5) * 1000,
        p99_ms=quantile(shots, 0.99) * 1000,
        finished_per_second=len(shots) / sum(ends) if ends else None,
        cpu_ms={part: seconds / len(shots) * 1000 for part, seconds in cpu.items() if seconds > 0},
        memory=rounds[-1].memory,
        loop_ns=_mean([one.loop_ns for one in rounds if one.loop_ns]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


class Part(msgspec.Struct, frozen=True):
    """What a part of the house can do alone."""

    name: str
    per_second: float


class DeadDestination(msgspec.Struct, frozen=True, kw_only=True):
    """95th percentile from arrival to final status at a live destination, seconds: before, beside a dead one, after."""

    kind: str
    waiting: int
    rate: float
    before: float
    beside: float
    after: float

    @property
    def ratio(self) -> float:
        """How much the dead one costs the living."""
        return self.beside / ((self.before + self.after) / 2)


class Results(msgspec.Struct, kw_only=True):
    """A whole run; ``skipped`` names what was not measured and why."""

    began: str
    quick: bool
    machine: dict[str, str]
    parts: list[Part] = []
    measured: list[Measured] = []
    dead: list[DeadDestination] = []
    engine: EngineResults | None = None
    signatures: SignatureResults | None = None
    giants: Giants | None = None
    best_loop_ns: float | None = None
    goals: list[Goal] = []
    skipped: list[str] = []

    def find(self, receiver: str, door: str, workers: str, connections: int) -> Measured | None:
        """Return one load of the run."""
        wanted = (receiver, door, workers, connections)
        return next(
            (m for m in self.measured if (m.receiver, m.door, m.workers, m.connections) == wanted), None
        )
