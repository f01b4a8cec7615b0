"""Houses of the journeys beyond those everybody has."""

from collections.abc import AsyncIterator

import pytest
from in_process import House, a_house, everything_to, scripted_destination
from partner import Partner
from scripted import Scripted, installed
from servers import Databases

from broker.dev.world import World


@pytest.fixture(scope="session")
async def scripted_house(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, world: World
) -> AsyncIterator[tuple[House, Scripted]]:
    """A house whose only destination does what the test says; its clock only ever goes forward."""
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


@pytest.fixture
async def house(scripted_house: tuple[House, Scripted]) -> AsyncIterator[House]:
    """The house, left quiet: what a test left waiting is closed, so that the next one is alone."""
    house, there = scripted_house
    yield house
    await house.database.execute("delete from task")
    there.forget()


@pytest.fixture
def there(scripted_house: tuple[House, Scripted]) -> Scripted:
    """The outside system of the house."""
    return scripted_house[1]


@pytest.fixture
def alpha(house: House) -> Partner:
    """The first vendor with its production key."""
    return house.partners[0]
