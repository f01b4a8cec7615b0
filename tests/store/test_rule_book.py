"""The rule book in the store: nothing is overwritten, one change at a time, one or two operators decide, any state comes back."""

import asyncio
import datetime as dt
import hashlib
from typing import Any

import pytest
from rows import StillClock

from broker.control.rules import RuleDesk
from broker.document.finding import Layer
from broker.intake.refusal import Refusal
from broker.store.database import Database
from broker.store.rules import Artefact, Form, Revision, RuleStore
from broker.validation.rulebook import BookStatus, DictionaryEntry, PackEntry, Switch
from broker.validation.ruleset import Weight

NOW = StillClock().now()
AUTUMN = dt.date(2026, 10, 1)


def a_pack(name: str = "290-1", kind: str = "290", **summary: Any) -> Artefact:
    edition = {"kind": kind, "schematronVersion": "1.7", "faults": []}
    return Artefact(
        digest=hashlib.sha256(name.encode()).hexdigest(),
        form=Form.PACK,
        name="1.2.643.5.1.13.13.15.13.7",
        version="1.7",
        title=name,
        source=f"{name}.zip",
        summary={"editions": [edition], "findings": [], **summary},
        body=name.encode(),
    )


@pytest.fixture
def store(database: Database) -> RuleStore:
    return RuleStore(database)


@pytest.fixture
def desk(store: RuleStore) -> RuleDesk:
    return RuleDesk(store, StillClock(), four_eyes=False)


async def activated(desk: RuleDesk, pack: Artefact, kind: str = "290", **how: Any) -> Revision:
    await desk.store.keep([pack], "ann", NOW)
    given = {"starts": AUTUMN, "reason": "вышла новая редакция", "actor": "ann"} | how
    made = await desk.activate(kind, pack.digest, **given)
    assert isinstance(made, Revision), made
    return made


def code(outcome: Revision | Refusal) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


async def test_what_is_imported_is_kept_once_and_never_overwritten(store: RuleStore):
    assert await store.keep([a_pack()], "ann", NOW) == [a_pack().digest]
    assert await store.keep([a_pack(title="another")], "bob", NOW) == []
    (card,) = await store.imported(Form.PACK)
    assert (card.title, card.imported_by, card.size) == ("290-1", "ann", 5)


async def test_a_pack_put_into_force_stands_in_the_book_with_its_day(desk: RuleDesk):
    made = await activated(desk, a_pack())
    current = await desk.store.book()
    assert current.revision == made.revision
    assert current.book.packs == (PackEntry(kind="290", digest=a_pack().digest, starts=AUTUMN),)
    assert made.status is BookStatus.ACTIVE
    assert "вид 290" in made.what
    assert "с 01.10.2026" in made.what


async def test_a_later_pack_leaves_the_earlier_days_to_the_earlier_one(desk: RuleDesk):
    await activated(desk, a_pack("first"))
    await activated(desk, a_pack("second"), starts=dt.date(2026, 11, 1))
    packs = (await desk.store.book()).book.packs
    assert [entry.starts for entry in packs] == [AUTUMN, dt.date(2026, 11, 1)]


async def test_going_back_brings_the_earlier_state_and_keeps_the_later_one(desk: RuleDesk):
    first = await activated(desk, a_pack("first"))
    second = await activated(desk, a_pack("second"))
    back = await desk.rollback(first.revision, reason="отвергает годные документы", actor="bob")
    assert isinstance(back, Revision)
    assert (await desk.store.book()).book == first.body
    again = await desk.rollback(second.revision, reason="исправлено", actor="bob")
    assert isinstance(again, Revision)
    assert (await desk.store.book()).book == second.body
    assert [r.revision for r in await desk.store.revisions(10)] == sorted(
        [first.revision, second.revision, back.revision, again.revision], reverse=True
    )


async def test_going_back_to_before_the_first_change_leaves_what_was_shipped(desk: RuleDesk):
    await activated(desk, a_pack())
    assert isinstance(await desk.rollback(0, reason="пробовали", actor="ann"), Revision)
    assert (await desk.store.book()).book.packs == ()


async def test_with_four_eyes_a_change_waits_for_another_operator(store: RuleStore):
    desk = RuleDesk(store, StillClock(), four_eyes=True)
    proposal = await activated(desk, a_pack())
    assert proposal.status is BookStatus.PROPOSED
    assert (await store.book()).book.packs == ()
    assert code(await desk.approve(proposal.revision, actor="ann")) == "operator.second_person"
    decided = await desk.approve(proposal.revision, actor="bob")
    assert isinstance(decided, Revision)
    assert (decided.status, decided.proposed_by, decided.decided_by) == (BookStatus.ACTIVE, "ann", "bob")
    assert (await store.book()).revision == proposal.revision
    assert code(await desk.approve(proposal.revision, actor="cid")) == "operator.no_proposal"


async def test_a_proposal_made_from_an_older_book_is_not_put_over_a_newer_one(store: RuleStore):
    desk = RuleDesk(store, StillClock(), four_eyes=True)
    first = await activated(desk, a_pack("first"))
    second = await activated(desk, a_pack("second"))
    assert isinstance(await desk.approve(first.revision, actor="bob"), Revision)
    assert code(await desk.approve(second.revision, actor="bob")) == "operator.rules_changed"
    assert isinstance(await desk.withdraw(second.revision, actor="ann"), Revision)
    assert (await store.book()).revision == first.revision


async def test_of_two_changes_at_once_one_is_told_to_look_again(desk: RuleDesk):
    await desk.store.keep([a_pack("one"), a_pack("two", kind="194")], "ann", NOW)
    for turn in range(5):
        day = AUTUMN + dt.timedelta(days=turn)
        done = await asyncio.gather(
            desk.activate("290", a_pack("one").digest, starts=day, reason="раз", actor="ann"),
            desk.activate("194", a_pack("two").digest, starts=day, reason="два", actor="bob"),
        )
        assert {code(one) for one in done if isinstance(one, Refusal)} <= {"operator.rules_changed"}
        made = [one for one in done if isinstance(one, Revision)]
        assert made
        assert (await desk.store.book()).revision == max(one.revision for one in made)


async def test_every_change_is_journalled_with_who_and_why(desk: RuleDesk, database: Database):
    await activated(desk, a_pack())
    rows = await database.fetch(
        "select body->>'act' as act, body->>'reason' as reason, actor from journal order by id"
    )
    assert [(row["act"], row["actor"]) for row in rows] == [("import_pack", "ann"), ("rules_activate", "ann")]
    assert rows[1]["reason"] == "вышла новая редакция"


@pytest.mark.parametrize(
    ("pack", "how", "said"),
    [
        (a_pack(), {"kind": "194"}, "operator.pack_without_kind"),
        (a_pack(), {"digest": "ffff"}, "operator.pack_unknown"),
        (a_pack(), {"ends": dt.date(2026, 9, 1)}, "operator.term_wrong"),
        (a_pack(), {"reason": "  "}, "operator.reason_missing"),
        (a_pack(editions=[{"kind": "290", "faults": ["схема не читается"]}]), {}, "operator.pack_broken"),
        (
            a_pack(findings=[{"severity": "error", "message": "правила вида 142"}]),
            {},
            "operator.pack_doubtful",
        ),
    ],
    ids=["other-kind", "unknown", "term", "no-reason", "broken", "doubtful"],
)
async def test_what_must_not_come_into_force_is_refused(
    desk: RuleDesk, pack: Artefact, how: dict[str, Any], said: str
):
    await desk.store.keep([pack], "ann", NOW)
    given = {"kind": "290", "digest": pack.digest, "starts": AUTUMN, "reason": "надо", "actor": "ann"} | how
    assert code(await desk.activate(given.pop("kind"), given.pop("digest"), **given)) == said
    assert await desk.store.number() == 0


async def test_a_doubtful_pack_comes_into_force_in_spite_with_a_reason(desk: RuleDesk):
    doubtful = a_pack(findings=[{"severity": "error", "message": "правила вида 142"}])
    await activated(desk, doubtful, in_spite=True, reason="сверено с порталом")


async def test_the_same_change_twice_is_no_change(desk: RuleDesk):
    await activated(desk, a_pack())
    again = await desk.activate("290", a_pack().digest, starts=AUTUMN, reason="ещё раз", actor="ann")
    assert code(again) == "operator.nothing_changed"


async def test_weights_are_switched_and_given_back(desk: RuleDesk):
    switch = Switch(
        layer=Layer.SCHEMATRON, severity=Weight.WARNING, rule="У1-12.1", reason="ошибка в правиле", kind="290"
    )
    assert isinstance(await desk.switch(switch, actor="ann"), Revision)
    harder = Switch(
        layer=Layer.SCHEMATRON, severity=Weight.OFF, rule="У1-12.1", reason="никогда не сходится", kind="290"
    )
    assert isinstance(await desk.switch(harder, actor="ann"), Revision)
    assert (await desk.store.book()).book.switches == (harder,)
    assert isinstance(await desk.unswitch(harder.target, reason="исправили", actor="ann"), Revision)
    assert (await desk.store.book()).book.switches == ()
    assert code(await desk.unswitch(harder.target, reason="снова", actor="ann")) == "operator.switch_unknown"


async def test_editions_of_a_dictionary_stand_beside_each_other(desk: RuleDesk):
    def entry(version: str, digest: str) -> DictionaryEntry:
        return DictionaryEntry(oid="1.2.643.5.1.13.13.11.1005", version=version, digest=digest)

    both = [entry("2.25", "a"), entry("2.26", "b")]
    assert isinstance(await desk.dictionaries(both, reason="загрузка", actor="ann"), Revision)
    assert isinstance(
        await desk.dictionaries([entry("2.26", "c")], reason="перечитано", actor="ann"), Revision
    )
    assert [e.digest for e in (await desk.store.book()).book.dictionaries] == ["a", "c"]
    dropped = await desk.drop_dictionary("1.2.643.5.1.13.13.11.1005", "2.25", reason="лишняя", actor="ann")
    assert isinstance(dropped, Revision)
    assert [e.digest for e in (await desk.store.book()).book.dictionaries] == ["c"]


@pytest.mark.parametrize(
    ("layer", "rule"),
    [(Layer.SIGNATURE, None), (Layer.XML, None), (Layer.BUSINESS, "business.snils_cheksum")],
)
async def test_a_switch_that_could_do_nothing_is_refused(desk: RuleDesk, layer: Layer, rule: str | None):
    switch = Switch(layer=layer, severity=Weight.OFF, rule=rule, reason="мешает")
    assert code(await desk.switch(switch, actor="ann")) == "operator.switch_wrong"
