"""Houses of the journeys beyond those everybody has."""

from collections.abc import AsyncIterator

import pytest
from in_process import House, a_house, everything_to, scripted_destination
from scripted import Scripted, installed
from servers import Databases

from broker.dev.world import World


@pytest.fixture(scope="module")
async def scripted_house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[tuple[House, Scripted]]:
    """A house whose only destination does what the test says; one for each module that asks."""
    room = tmp_path_factory.mktemp("scripted")
    async with databases.fresh() as url:
        with installed(room / "site") as there:
            async with a_house(
                room,
                url,
                world,
                destinations=[scripted_destination()],
                table=everything_to("scripted"),
                INAYA_SWEEP_SECONDS="0.1",
            ) as house:
                yield house, there
