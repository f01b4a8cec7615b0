"""Puts documents and deliveries into a database the way the house does: through the doors of the store."""

import datetime as dt
import uuid
from collections.abc import Sequence
from uuid import UUID

from builders import NOW, an_arrival

from broker.archive import Codec
from broker.control.commands import Commands
from broker.delivery.preflight import Go, Predecessor
from broker.delivery.state import DeliveryState
from broker.document.event import Draft, EventName
from broker.document.lifecycle import DocumentStatus
from broker.intake.read import Arrival
from broker.store.channels import ChannelStore
from broker.store.database import Database
from broker.store.deliveries import DeliveryStore, Start
from broker.store.destinations import DestinationStore
from broker.store.examination import ExaminationStore, Examined, Opening
from broker.store.files import FileStore
from broker.store.intake import IntakeStore, Ticket
from broker.store.journal import Journal
from broker.store.tasks import LEASE, PREPARE, NewTask, Task, TaskStore, insert_tasks, route_queue
from broker.store.views import Views
from broker.validation.report import Report

PATIENCE = dt.timedelta(days=15)


async def put_tasks(database: Database, *tasks: NewTask) -> list[int]:
    async with database.transaction() as connection:
        return [task for task, _ in await insert_tasks(connection, tasks)]


def a_task(lane: str = "", *, queue: str = "q", due_at: dt.datetime = NOW, priority: int = 0) -> NewTask:
    return NewTask(queue=queue, subject=uuid.uuid4(), due_at=due_at, lane=lane, priority=priority)


class Shelf:
    """The repositories over one database, and short ways to a state a test begins with."""

    def __init__(self, database: Database, codec: Codec) -> None:
        self.database = database
        self.intake = IntakeStore(database, codec)
        self.documents = ExaminationStore(database, codec)
        self.deliveries = DeliveryStore(database)
        self.tasks = TaskStore(database)
        self.files = FileStore(database, codec, {"103": 25}.get)

    async def accept(self, arrival: Arrival | None = None) -> Ticket:
        verdicts, _ = await self.intake.commit([arrival or an_arrival()])
        assert isinstance(verdicts[0], Ticket), verdicts
        return verdicts[0]

    async def examined(self, document: UUID, destinations: Sequence[str], at: dt.datetime = NOW) -> Examined:
        """Claim the document's task and say what the steps made of it."""
        (task,) = [t for t in await self.tasks.claim(PREPARE, 100, at) if t.subject == document]
        loaded = (await self.documents.load([document]))[document]
        return Examined(
            document=loaded,
            task=task,
            at=at,
            status=DocumentStatus.ROUTED,
            drafts=(Draft(event=EventName.DOCUMENT_ROUTED, at=at, status=DocumentStatus.ROUTED),),
            report=Report(),
            set_key=loaded.set_key,
            version=loaded.version,
            openings=tuple(
                Opening(destination=name, required=True, rule="проба", deadline_at=at + PATIENCE)
                for name in destinations
            ),
        )

    async def routed(
        self, arrival: Arrival | None = None, destinations: Sequence[str] = ("there",), at: dt.datetime = NOW
    ) -> list[DeliveryState]:
        """Accept and route a document; return its deliveries in the order of the destinations."""
        ticket = await self.accept(arrival)
        await self.documents.commit([await self.examined(ticket.id, destinations, at)])
        return await self.of_document(ticket.id)

    async def of_document(self, document: UUID) -> list[DeliveryState]:
        rows = await self.database.fetch(
            "select id from delivery where document_id = $1 order by destination", document
        )
        states = await self.deliveries.states([row["id"] for row in rows])
        return [states[row["id"]] for row in rows]

    async def state(self, delivery: DeliveryState) -> DeliveryState:
        return (await self.deliveries.states([delivery.id]))[delivery.id]

    async def status(self, document: UUID) -> str:
        return await self.database.fetchval("select status from document where id = $1", document)

    async def claim(
        self,
        delivery: DeliveryState,
        at: dt.datetime = NOW,
        lease: dt.timedelta = dt.timedelta(minutes=1),
    ) -> Task:
        tasks = await self.tasks.claim(route_queue(delivery.destination), 100, at, lease)
        await self.tasks.release([t for t in tasks if t.subject != delivery.id])
        (task,) = [t for t in tasks if t.subject == delivery.id]
        return task

    async def begin(self, delivery: DeliveryState, task: Task, at: dt.datetime = NOW) -> UUID | None:
        """Begin an attempt; return its message id, or None when the store refuses."""
        message_id = uuid.uuid4()
        digest = await self.database.fetchval(
            "select digest from document where id = $1", delivery.document_id
        )
        start = Start(delivery=delivery, task=task, message_id=message_id, digest=digest)
        answer = await self.deliveries.begin([start], at, always, LEASE)
        return message_id if isinstance(answer.get(delivery.id), int) else None

    async def sending(self, delivery: DeliveryState, at: dt.datetime = NOW) -> tuple[Task, UUID]:
        task = await self.claim(delivery, at)
        message_id = await self.begin(delivery, task, at)
        assert message_id is not None
        return task, message_id

    async def tasks_of(self, subject: UUID) -> int:
        return await self.database.fetchval("select count(*) from task where subject = $1", subject)


class StillClock:
    """A clock that stands where the test puts it."""

    def __init__(self, instant: dt.datetime = NOW) -> None:
        self.instant = instant

    def now(self) -> dt.datetime:
        return self.instant


class Acting:
    """The operator's commands with the clock they go by; what they would announce is forgotten."""

    def __init__(self, shelf: Shelf) -> None:
        self.clock = StillClock()
        database = shelf.database
        self.it = Commands(
            shelf.deliveries,
            shelf.documents,
            DestinationStore(database),
            Journal(database),
            Views(database),
            self.clock,
            lambda _due: None,
            ChannelStore(database),
            shelf.files,
        )


def always(_delivery: DeliveryState, _before: list[Predecessor]) -> Go:
    return Go()
