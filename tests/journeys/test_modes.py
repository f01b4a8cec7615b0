"""Test documents reach test destinations only, real ones production only, also when a destination changes its mode."""

from collections.abc import AsyncIterator

import pytest
from builders import a_submission
from in_process import House, a_house, everything_to, folder_destination
from servers import Databases

from broker.adapter_kit import Destination
from broker.dev.world import Signers, World

PRODUCTION, TEST = 0, 1
"""Where in ``House.partners`` the first vendor's keys are."""


@pytest.fixture(scope="module")
async def two_contours(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[House]:
    """A house with one test and one production destination, and a table that sends everything to both."""
    room = tmp_path_factory.mktemp("contours")
    places: list[Destination] = [
        folder_destination(room, "trial", mode="test"),
        folder_destination(room, "real", mode="production"),
    ]
    async with (
        databases.fresh() as url,
        a_house(room, url, world, destinations=places, table=everything_to("trial", "real")) as house,
    ):
        yield house


@pytest.mark.parametrize(
    ("key", "mode", "reached", "spared"),
    [(TEST, "test", "trial", "real"), (PRODUCTION, "production", "real", "trial")],
)
async def test_a_document_reaches_only_the_destination_of_its_mode(
    two_contours: House, world: World, signers: Signers, key: int, mode: str, reached: str, spared: str
):
    partner = two_contours.partners[key]
    submission = a_submission(world, signers)
    answer = await partner.submit(submission, wait=20, until="final")
    card = answer.body["document"]
    assert (card["mode"], card["status"]) == (mode, "completed")
    assert [one["destination"] for one in card["deliveries"]] == [reached]
    uid = submission.metadata.local_uid
    assert [path for path in (two_contours.room / reached).rglob("*") if uid in str(path)]
    assert not [path for path in (two_contours.room / spared).rglob("*") if uid in str(path)]
    (routed,) = [e for e in await partner.events(card["id"]) if e["event"] == "document.routed"]
    assert any(
        f"направление {spared} не настроено для режима {mode}" in line for line in routed["explanation"]
    )
