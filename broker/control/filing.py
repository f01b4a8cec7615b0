"""Files for years, as partners and operators act on them: handed back, asked for, let go, and where clinics are asked."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec

from broker.adapter_kit.clock import Clock
from broker.archive.retention import Go, Keep
from broker.files.endpoint import SHORTEST_KEY, is_allowed_url
from broker.files.keeping import Keeper
from broker.intake.refusal import Refusal
from broker.store.examination import ExaminationStore
from broker.store.files import START, Fate, FileStore, Request
from broker.store.room import Share

RECENT: Final = timedelta(days=30)
"""For so long back people are shown what was let go."""


class AtHand(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file is at hand: in our ``archive``, or ``returned`` by its clinic and kept until an instant."""

    document_id: UUID
    digest: str
    where: str
    kept_until: datetime | None = None


class FileStory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a document's file: who let it go (None: it is with us), and what was asked in vain."""

    fate: Fate | None
    requests: list[Request]
    rule: Keep | Go | None


class Walked(msgspec.Struct, frozen=True):
    """What a walk over all documents saw: how many are kept and how many went (or would go), by reason."""

    kept: Counter[str]
    gone: Counter[str]


class Filing:
    """The acts; authorisation is the caller's door."""

    def __init__(
        self, store: FileStore, documents: ExaminationStore, keeper: Keeper, clock: Clock, returned: timedelta
    ) -> None:
        """Keep ``returned``: for how long what a clinic handed back stays with us."""
        self.store = store
        self._documents = documents
        self._keeper = keeper
        self._clock = clock
        self._returned = returned

    async def give_back(self, document: UUID, content: bytes, *, partner: str) -> AtHand | Refusal:
        """Take the bytes of a document we have no more, or whose copy is damaged; raise ``NoRoom``."""
        holding = await self.store.holding(document)
        if holding is None or holding.over:
            return Refusal(
                "partner.file_over",
                410,
                "Срок хранения файла истёк: он больше никому не понадобится.",
                "Ничего передавать не нужно.",
            )
        if (await asyncio.to_thread(sha256, content)).digest() != holding.digest:
            return Refusal(
                "partner.file_differs",
                422,
                f"Это не байты документа: получено {len(content)}, ожидалось {holding.size}, отпечаток SHA-256 "
                f"должен быть {holding.digest.hex()}.",
                "Передайте в теле запроса файл, каким он был подписан и сдан: без base64, multipart и перекодировки.",
            )
        now = self._clock.now()
        if not holding.gone and await self._is_whole(document, holding.digest):
            return AtHand(document_id=document, digest=holding.digest.hex(), where="archive")
        until = now + self._returned if holding.gone else None
        await self.store.give_back(document, content, now, until, partner=partner)
        return AtHand(document_id=document, digest=holding.digest.hex(), where="returned", kept_until=until)

    async def _is_whole(self, document: UUID, digest: bytes) -> bool:
        with Share(self._documents.room) as share:
            loaded = await self._documents.load_one(document, share)
            content = loaded.stored.content if loaded else b""
            return (await asyncio.to_thread(sha256, content)).digest() == digest

    async def set_endpoint(self, clinic: str, url: str, key: str, *, actor: str) -> Refusal | None:
        """Set where a clinic hands out its files and the key our questions are signed with; empty: forget it."""
        if url and not is_allowed_url(url):
            return Refusal(
                "operator.file_url_invalid",
                422,
                "По такому адресу файлы не запрашиваются.",
                "Нужен адрес https:// без имени пользователя, параметров и якоря, не длиннее 500 знаков.",
            )
        if url and len(key) < SHORTEST_KEY:
            return Refusal(
                "operator.file_key_short",
                422,
                f"Ключ подписи запросов короче {SHORTEST_KEY} знаков.",
                "Возьмите случайный ключ: openssl rand -hex 32; тот же ключ нужен клинике.",
            )
        sealed = key.encode() if url else None
        if not await self.store.set_endpoint(clinic, url, sealed, self._clock.now(), actor=actor):
            return Refusal("operator.clinic_not_found", 404, "Нет такой клиники.", "Проверьте OID.")
        return None

    async def story(self, document: UUID) -> FileStory:
        """Tell what became of a document's file, and what the rule says of it now."""
        return FileStory(
            fate=await self.store.fate(document),
            requests=await self.store.requests_of(document),
            rule=await self._keeper.one(document, dry=True, by=""),
        )

    async def purge(self, *, dry: bool, actor: str) -> Walked:
        """Weigh every document and let go what the rule allows; ``dry``: only count."""
        kept: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        faults: Counter[str] = Counter()
        after: UUID | None = START
        while after is not None:
            tally = await self._keeper.round(after, faults, dry=dry, by=actor)
            kept += tally.kept
            gone += tally.gone
            after = tally.after
        return Walked(kept, gone)

    async def purge_one(self, document: UUID, *, dry: bool, actor: str) -> Keep | Go | None:
        """Let one document's bytes go if the rule allows it; else say why they stay."""
        return await self._keeper.one(document, dry=dry, by=actor)

    async def summary(self) -> dict[str, Any]:
        """Return what was let go lately and what is waited for."""
        return {
            "purged": await self.store.purged(self._clock.now() - RECENT),
            "waiting": await self.store.waiting(),
            "requests": await self.store.requests(),
        }
