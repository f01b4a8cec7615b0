"""What the steps are told of the version before: the latest of the same set that came earlier and was not refused."""

from typing import Any
from uuid import UUID

import pytest
from builders import an_arrival
from rows import Shelf

from broker.document.column import set_key
from broker.document.facts import PreviousVersion
from broker.document.submission import Mode

SET = set_key("1.2.643.5.1.13.13.12.2.77.9001.100.1.1.50", "set-1")


async def accepted(shelf: Shelf, status: str, *, version: int, local_uid: str, **changes: Any) -> UUID:
    given = {"set_key": SET, "version": version, "local_uid": local_uid} | changes
    ticket = await shelf.accept(an_arrival(**given))
    await shelf.database.execute("update document set status = $2 where id = $1", ticket.id, status)
    return ticket.id


async def test_the_latest_version_of_the_set_is_told(shelf: Shelf):
    await accepted(shelf, "completed", version=1, local_uid="a")
    await accepted(shelf, "routed", version=2, local_uid="b")
    third = await accepted(shelf, "accepted", version=3, local_uid="c")
    assert await shelf.documents.previous([third]) == {
        third: PreviousVersion(local_uid="b", version=2, kind="306")
    }


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        ("rejected", {}),
        ("accepted", {}),
        ("completed", {"set_key": SET + "-other"}),
        ("completed", {"mode": Mode.TEST}),
        ("completed", {"clinic": "1.2.643.5.1.13.13.12.2.77.9002"}),
    ],
    ids=["refused", "unjudged", "other-set", "other-mode", "other-clinic"],
)
async def test_what_is_no_version_before_is_not_told(shelf: Shelf, status: str, changes: dict[str, Any]):
    await accepted(shelf, status, version=1, local_uid="a", **changes)
    second = await accepted(shelf, "accepted", version=2, local_uid="b")
    assert await shelf.documents.previous([second]) == {}


async def test_a_version_that_came_later_is_not_before(shelf: Shelf):
    first = await accepted(shelf, "accepted", version=1, local_uid="a")
    await accepted(shelf, "completed", version=2, local_uid="b")
    assert await shelf.documents.previous([first]) == {}
