"""What the demo submits and what must come of it: the plan is made before anything is sent, from the fault catalogue."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from broker.dev.world import NOT_INSURED, World
from broker.document.submission import Submission
from broker.samples.documents import KINDS
from broker.samples.fault import Fault, Outcome
from broker.samples.faults import BY_ID, FREQUENT
from broker.samples.people import Clinic
from broker.samples.registry import make_bills, make_registry, registry_name
from broker.samples.sample import Sample
from broker.samples.submission import Sign, make_registry_submission, make_submission

GOOD: Final = 150
"""Good documents, over all linked clinics and kinds."""
EACH: Final = 3
"""Documents with each of the other faults."""
REFUSED: Final = (
    "remd-patient-unlike-gip",
    "remd-post-unlike-frmr",
    "remd-doctor-unknown",
    "remd-kind-not-open",
)
"""Faults only РЭМД can know."""
BEYOND: Final = (
    "signature-other-bytes",
    "signature-not-base64",
    "kind-closed",
    "metadata-patient",
    "xml-truncated",
)
"""Faults of the other layers, one of each kind of cause."""


class Group(StrEnum):
    """Why a document is in the plan; the values head the table of outcomes."""

    GOOD = "исправные"
    """Must be registered."""
    FAULTY = "с ошибкой, ловим мы"
    """Must be refused by us with the finding the catalogue names."""
    REFUSED = "с ошибкой, знает только РЭМД"
    """Must pass us and be refused by РЭМД with the code the catalogue names."""
    UNLINKED = "клиника не привязана"
    """Must wait for the link, delivered to the region meanwhile."""
    LATE = "ответ опоздал"
    """Must be registered after an hour of silence."""
    TWICE = "ответ пришёл дважды"
    """Must be registered once."""
    REGISTRY = "реестр в ТФОМС"
    """Must be accepted in part, with the refused cases named."""


HOLDERS: Final[dict[Group, tuple[str, ...]]] = {
    Group.GOOD: ("remd", "gis-soap"),
    Group.FAULTY: (),
    Group.REFUSED: ("gis-soap",),
    Group.UNLINKED: ("gis-soap",),
    Group.LATE: ("remd", "gis-soap"),
    Group.TWICE: ("remd", "gis-soap"),
    Group.REGISTRY: ("tfoms",),
}
"""The simulators that must have registered the documents of a group; a ГИС takes what only РЭМД can refuse."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One submission with its expectation; ``status`` is the document's, ``remd`` the delivery's to РЭМД.

    ``holders``: the simulators that must have registered it, once, under ``held_as``; no other may have.
    """

    group: Group
    vendor: str
    door: str
    submission: Submission
    status: str
    fault: Fault | None = None
    remd: str = ""
    cases: frozenset[str] = frozenset()
    holders: tuple[str, ...] = ()
    held_as: str

    @property
    def local_uid(self) -> str:
        """The localUid of the document."""
        return self.submission.metadata.local_uid or ""


class Planner:
    """Makes the plan of one run; ``taken``: names of registries the fund has from earlier ones."""

    def __init__(
        self,
        world: World,
        sign: Sign,
        now: datetime,
        run: str,
        *,
        amqp: bool,
        taken: Iterable[str] = (),
    ) -> None:
        self._world = world
        self._sign = sign
        self._now = now
        self._amqp = amqp
        self._taken = frozenset(taken)
        self._dice = random.Random(run)  # noqa: S311  ids of a demo, not secrets
        self._number = 0

    def plan(self) -> list[Planned]:
        """Return every submission of the run, good and bad mixed."""
        made = [*self._ordinary(GOOD, EACH), *self._special(), self._registry()]
        self._dice.shuffle(made)
        return made

    def documents(self, *, good: int, each: int) -> list[Planned]:
        """Return so many good documents of linked clinics and ``each`` with every fault, mixed."""
        made = list(self._ordinary(good, each))
        self._dice.shuffle(made)
        return made

    def _ordinary(self, good: int, each: int) -> Iterator[Planned]:
        yield from self._good(good)
        yield from self._faulty(each)
        yield from self._refused(each)

    def _sample(self, kind: str, clinic: Clinic) -> Sample:
        self._number += 1
        patients = self._world.patients(clinic)
        return Sample(
            kind=kind,
            clinic=clinic,
            patient=patients[self._number % len(patients)],
            doctors=self._world.population.doctors(clinic),
            local_uid=self._uuid(),
            document_number=f"{self._now:%Y}-{self._number:06d}",
            set_id=self._uuid(),
            created_at=self._now - timedelta(hours=1, minutes=self._number % 50),
            message_id=self._uuid(),
        )

    def _uuid(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    def _door(self) -> str:
        return "amqp" if self._amqp and self._number % 2 else "http"

    def _planned(
        self, group: Group, clinic: Clinic, kind: str, status: str, remd: str, fault: Fault | None = None
    ) -> Planned:
        submission = make_submission(self._sample(kind, clinic), self._sign, fault)
        vendor = next(v for v in self._world.vendors if clinic in v.clinics)
        return Planned(
            group=group,
            vendor=vendor.id,
            door=self._door(),
            submission=submission,
            status=status,
            remd=remd,
            fault=fault,
            holders=HOLDERS[group],
            held_as=submission.metadata.local_uid or "",
        )

    def _linked(self, number: int) -> Clinic:
        return self._world.clinics[number % (len(self._world.clinics) - 1)]

    def _good(self, count: int) -> Iterator[Planned]:
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            yield self._planned(Group.GOOD, self._linked(number), kind, "completed", "registered")

    def _faulty(self, each: int) -> Iterator[Planned]:
        for place, name in enumerate((*FREQUENT, *BEYOND)):
            fault = BY_ID[name]
            assert fault.expected.outcome is Outcome.REJECTED
            for number in range(each):
                kind = fault.kinds[(place + number) % len(fault.kinds)]
                yield self._planned(Group.FAULTY, self._linked(number), kind, "rejected", "", fault)

    def _refused(self, each: int) -> Iterator[Planned]:
        for name in REFUSED:
            fault = BY_ID[name]
            for number in range(each):
                kind = fault.kinds[number % len(fault.kinds)]
                yield self._planned(Group.REFUSED, self._linked(number), kind, "failed", "rejected", fault)

    def _special(self) -> Iterator[Planned]:
        yield self._planned(Group.LATE, self._linked(0), "306", "completed", "registered")
        yield self._planned(Group.TWICE, self._linked(2), "306", "completed", "registered")
        for kind in KINDS:
            yield self._planned(Group.UNLINKED, self._world.unlinked, kind, "routed", "held")

    def _registry(self) -> Planned:
        clinic = next(c for c in self._world.clinics if c.in_oms)
        period = f"{(self._now.replace(day=1) - timedelta(days=1)):%Y-%m}"
        bills = make_bills(self._world.population, clinic, period=period, count=10)
        names = {packet: registry_name(clinic, period=period, packet=packet) for packet in range(1, 10**4)}
        packet = self._dice.choice([one for one, name in names.items() if name.lower() not in self._taken])
        package = make_registry(clinic, bills, period=period, packet=packet)
        submission = make_registry_submission(
            package, self._sign, clinic=clinic, message_id=self._uuid(), period=period
        )
        vendor = next(v for v in self._world.vendors if clinic in v.clinics)
        return Planned(
            group=Group.REGISTRY,
            vendor=vendor.id,
            door="http",
            submission=submission,
            status="completed",
            cases=frozenset(str(number + 1) for number in NOT_INSURED),
            holders=HOLDERS[Group.REGISTRY],
            held_as=names[packet],
        )
