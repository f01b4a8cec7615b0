"""In which order partners are told, what a callback means, and how a refusal over AMQP is worded."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from broker.adapter_kit import CallbackVerdict, InDoubt, Unavailable
from broker.document.submission import Mode
from broker.receipts.feed import FeedItem, chains, read_head, told_up_to
from broker.receipts.refused import refusal_event
from broker.receipts.verdict import outcome_for


def an_item(document: str | None, number: int = 0) -> FeedItem:
    body = {"documentId": document, "messageId": f"m-{number}", "mode": "test"}
    return FeedItem("7", UUID(int=number), "document.accepted", msgspec.json.encode(body).decode())


def test_a_head_is_read_from_the_words_of_the_contract():
    head = read_head(an_item("d", 5))
    assert (head.document_id, head.message_id, head.mode) == ("d", "m-5", Mode.TEST)


@given(st.lists(st.sampled_from(["a", "b", None])))
def test_every_document_is_told_in_its_own_order_and_nothing_is_left_out(documents):
    items = [an_item(document, number) for number, document in enumerate(documents)]
    split = chains(items)
    assert sorted(one.item.id for chain in split for one in chain) == [item.id for item in items]
    for chain in split:
        assert len({one.head.document_id for one in chain}) == 1
        assert chain == sorted(chain, key=lambda one: one.item.id)


@given(st.integers(0, 6), st.sets(st.integers(0, 5)))
def test_only_what_was_told_without_a_gap_counts(count, told):
    items = [an_item("d", number) for number in range(count)]
    reached = told_up_to(items, {UUID(int=number) for number in told})
    assert all(number in told for number in range(reached))
    assert reached == count or reached not in told


def test_a_cursor_continues_behind_its_event():
    item = an_item("d", 9)
    assert item.cursor == f"7.{item.id}"


def test_registered_before_is_our_own_success_only_after_an_earlier_attempt():
    verdict = CallbackVerdict("c", InDoubt("later"), if_first=Unavailable("first"))
    assert outcome_for(verdict, repeated=False) == Unavailable("first")
    assert outcome_for(verdict, repeated=True) == InDoubt("later")
    assert outcome_for(CallbackVerdict("c", InDoubt("only")), repeated=False) == InDoubt("only")


def test_a_refusal_without_a_listener_becomes_a_rejected_event_without_a_document():
    at = datetime(2026, 3, 1, tzinfo=UTC)
    key = str(uuid4())
    body = refusal_event(
        "partner.kind_missing", "Не указан вид.", "", message_id=key, clinic="1.2", mode=Mode.TEST, at=at
    )
    assert body["event"] == "document.rejected"
    assert (body["documentId"], body["messageId"], body["status"]) == (None, key, "rejected")
    assert body["findings"][0].code == "partner.kind_missing"
    assert body["findings"][0].fix is None
