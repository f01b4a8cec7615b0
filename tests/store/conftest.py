"""The repositories over a database of the test's own."""

import pytest
from rows import Shelf

from broker.archive import Codec
from broker.store.database import Database


@pytest.fixture
def shelf(database: Database, codec: Codec) -> Shelf:
    return Shelf(database, codec)
