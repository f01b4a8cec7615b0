"""Finds the file a state system asks for: in our archive, among what its clinic handed back, at the clinic's own endpoint."""

from typing import Final

from broker.adapter_kit import Clock, FileAway, StoredFile
from broker.archive.retention import Depth
from broker.files.endpoint import ClinicFiles, NotHanded, question_of
from broker.store.database import naming_outages
from broker.store.destinations import BY_LOCAL_UID, BY_RECEIPT, DAMAGED, StoredFiles, stored_file
from broker.store.examination import LoadedDocument
from broker.store.files import FileStore
from broker.telemetry.log import log

WITH_CLINIC: Final = "file.with_clinic"
"""The clinic keeps the file and has no endpoint: it is told ``file.requested``."""
OVER: Final = "file.over"
"""The time for which the file had to be kept is over, and so is the file."""


class FoundFiles:
    """The ``Files`` port of one destination while one call of its system is answered."""

    def __init__(self, archived: StoredFiles, store: FileStore, clinics: ClinicFiles, clock: Clock) -> None:
        self._archived = archived
        self._store = store
        self._clinics = clinics
        self._clock = clock

    async def by_local_uid(self, local_uid: str) -> StoredFile | FileAway | None:
        """Find the newest document with this localUid routed to the destination."""
        with naming_outages():
            return await self._file(await self._archived.document(BY_LOCAL_UID, local_uid))

    async def by_receipt(self, number: str) -> StoredFile | FileAway | None:
        """Find a document by the number its registration carries."""
        with naming_outages():
            return await self._file(await self._archived.document(BY_RECEIPT, number))

    async def _file(self, document: LoadedDocument | None) -> StoredFile | FileAway | None:
        if document is None:
            return None
        ours = await stored_file(document, document.stored.content)
        if ours is not None:
            return ours
        now = self._clock.now()
        returned = await self._store.returned(document.id, now)
        found = await stored_file(document, returned, "returned") if returned is not None else None
        if found is not None:
            await self._store.served(document.id, now)
            return found
        fate = await self._store.fate(document.id)
        if fate is not None and fate.depth == Depth.ALL:
            return FileAway(document_id=document.id, reason=OVER, over=True)
        if fate is None:
            log().error("content.digest_mismatch", document=str(document.id))
        return await self._from_clinic(document, DAMAGED if fate is None else WITH_CLINIC)

    async def _from_clinic(self, document: LoadedDocument, reason: str) -> StoredFile | FileAway:
        endpoint = await self._store.endpoint(document.clinic)
        holding = await self._store.holding(document.id)
        if endpoint is None or holding is None:
            return FileAway(document_id=document.id, reason=reason)
        now = self._clock.now()
        handed = await self._clinics.ask(
            endpoint, question_of(document.local_uid, holding, now), holding.size
        )
        if isinstance(handed, NotHanded):
            return FileAway(document_id=document.id, reason=handed.why)
        found = await stored_file(document, handed, "clinic")
        assert found is not None, "the digest was checked when it was read"
        await self._store.served(document.id, now)
        return found
