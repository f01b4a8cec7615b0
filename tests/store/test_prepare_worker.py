"""The steps' worker where nothing can be computed, or no rule can be read: documents wait, uncounted."""

import datetime as dt
from typing import Any

import msgspec
from builders import NOW
from rows import Shelf, StillClock

from broker.compute.pool import PoolUnusable
from broker.console.headlines import headlines
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.pipeline import Examination, InForce, Router
from broker.routing.table import Table
from broker.store.journal import Journal
from broker.store.overview import OverviewStore
from broker.store.partners import PartnerStore
from broker.store.tasks import OVERRIDE
from broker.validation.check import RULES_UNREADABLE
from broker.work.prepare import RULES_PAUSE, PrepareStores, PrepareWorker


class NoPool:
    """Processes of a broken installation."""

    processes = 1

    async def run(self, function: Any, given: Any, *, units: int = 1) -> Any:
        raise PoolUnusable


class NoRules(NoPool):
    """Processes whose rule set of the kind is damaged."""

    async def run(self, function: Any, given: Any, *, units: int = 1) -> Any:
        finding = Finding(
            layer=Layer.SCHEMATRON,
            severity=Severity.ERROR,
            code=RULES_UNREADABLE,
            message="",
            responsible=Responsible.OPERATOR,
            source=Source.OWN,
        )
        return msgspec.msgpack.encode(
            [
                Examination(document_id=one.document_id, findings=(finding,), layers={}, seconds=0)
                for one in given.inputs
            ]
        )


def a_worker(shelf: Shelf, pool: NoPool) -> PrepareWorker:
    stores = PrepareStores(
        shelf.tasks, shelf.documents, PartnerStore(shelf.database), Journal(shelf.database)
    )
    return PrepareWorker(
        stores,
        pool,  # type: ignore[arg-type]  # the way a pool behaves
        lambda: Router(Table(), {}, {}),
        InForce,
        StillClock(),
        lambda _due: None,
        8,
        dt.timedelta(minutes=1),
    )


async def test_a_broken_installation_sets_no_document_aside_and_gives_back_what_it_took(shelf: Shelf):
    ticket = await shelf.accept()
    worker = a_worker(shelf, NoPool())
    for _ in range(3):
        assert await worker._work() == 0
    assert await shelf.status(ticket.id) == "accepted"
    row = await shelf.database.fetchrow("select attempts, leased_until from task")
    assert tuple(row) == (0, None)
    assert await shelf.database.fetchval("select crashes from document") == 0


async def test_what_no_rule_could_judge_waits_and_the_operator_reads_why(shelf: Shelf):
    ticket = await shelf.accept()
    await a_worker(shelf, NoRules())._work()
    assert await shelf.status(ticket.id) == "accepted"
    row = await shelf.database.fetchrow("select attempts, leased_until, why, due_at from task")
    assert tuple(row) == (1, None, RULES_UNREADABLE, NOW + RULES_PAUSE)
    overview = await OverviewStore(shelf.database).overview(NOW, {}, {})
    lines = headlines(overview.routes, overview.held, overview.queues, overview.attention, NOW)
    assert "Набор правил не читается, без проверки ждёт 1 документ" in lines[0].text


async def test_an_operator_may_send_what_no_rule_could_judge(shelf: Shelf):
    ticket = await shelf.accept()
    await shelf.database.execute("update task set why = $1", OVERRIDE)
    await a_worker(shelf, NoRules())._work()
    assert await shelf.status(ticket.id) == "unroutable"
