"""The repositories over a database of the test's own."""

import pytest
from rows import Acting, Shelf

from broker.archive import Codec
from broker.store.database import Database


@pytest.fixture
def shelf(database: Database, codec: Codec) -> Shelf:
    return Shelf(database, codec)


@pytest.fixture
def commands(shelf: Shelf) -> Acting:
    return Acting(shelf)
