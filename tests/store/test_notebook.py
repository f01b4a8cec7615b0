"""Events nobody waits for are written a moment later, many at once, and outlive a store that is away for a while."""

import asyncio
from collections.abc import Sequence

from builders import NOW
from rows import Shelf

from broker.document.event import EventName
from broker.store.journal import Journal, Note
from broker.store.notebook import Notebook

COUNT = "select count(*) as rows, count(distinct tx) as commits from journal where event = 'file.served'"


def a_note(place: str = "remd") -> Note:
    return Note(event=EventName.FILE_SERVED, at=NOW, body={"destination": place})


async def test_what_is_noted_together_is_committed_together_and_on_leaving_at_once(shelf: Shelf):
    notebook = Notebook(Journal(shelf.database))
    async with notebook.running():
        for _ in range(50):
            notebook.add(a_note())
        await asyncio.sleep(0)
        assert (await shelf.database.fetchrow(COUNT))["rows"] == 0, "nobody waited for it"
    assert tuple(await shelf.database.fetchrow(COUNT)) == (50, 1)


class Away(Journal):
    """A journal whose store is away for the first write."""

    tries = 0

    async def note_all(self, notes: Sequence[Note]) -> None:
        self.tries += 1
        if self.tries == 1:
            raise ConnectionResetError
        await super().note_all(notes)


async def test_a_store_that_is_away_is_written_to_once_it_is_back(shelf: Shelf):
    journal = Away(shelf.database)
    notebook = Notebook(journal)
    async with notebook.running():
        notebook.add(a_note())
        for _ in range(60):
            if journal.tries >= 2:
                break
            await asyncio.sleep(0.05)
    assert tuple(await shelf.database.fetchrow(COUNT)) == (1, 1)
