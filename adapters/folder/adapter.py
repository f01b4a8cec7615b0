"""The smallest whole adapter: its outside system is a directory.

Read it from top to bottom, then write yours: a class with a ``passport`` and one coroutine ``deliver`` that answers
with an ``Outcome`` for everything the outside world can do. It knows nothing of the broker but ``broker.adapter_kit``
and ``broker.document``. How files reach the disk safely is another matter and stands in ``durable.py``.
"""

import asyncio
import errno
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from adapters.folder.durable import place
from broker.adapter_kit import Context, Delivered, Held, Outcome, Parcel, Unavailable
from broker.adapter_kit.passport import load_passport
from broker.document.receipt import Receipt

_EXTENSIONS: Final = {"application/xml": "xml", "text/xml": "xml", "application/zip": "zip"}
_REASONS: Final = {
    errno.ENOENT: ("folder.missing", "Папки назначения нет: создайте её или подключите диск."),
    errno.ENOTDIR: ("folder.missing", "Путь назначения — не папка: исправьте параметр directory."),
    errno.ENOSPC: ("folder.full", "На диске папки назначения нет места: освободите его."),
    errno.EDQUOT: ("folder.full", "Квота папки назначения исчерпана: увеличьте её."),
    errno.EROFS: ("folder.read_only", "Диск папки назначения доступен только для чтения."),
    errno.EACCES: ("folder.read_only", "Нет права писать в папку назначения: дайте его службе."),
}


class Folder:
    """Stateless, like every adapter: one instance serves all deliveries of a process at once."""

    passport = load_passport(Path(__file__).with_name("passport.toml"))

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Write the parcel: a missing setting holds, trouble with the disk means later, the rest is delivered."""
        directory = context.destination.params.get("directory")
        if not directory:
            return Held("destination.parameter_missing", "Не задан параметр directory.", scope="destination")
        receipt = Receipt(
            provider="folder",
            registered_at=context.clock.now(),
            gis_id=folder_name(parcel),
            document_version=parcel.document.version if parcel.document else None,
        )
        try:  # files block, so they are written in a thread
            kept = await asyncio.to_thread(place, Path(directory), files_of(parcel, receipt), parcel, receipt)
        except OSError as error:
            return trouble(error)
        return Delivered(kept)


def folder_name(parcel: Parcel) -> str:
    """Name the document's folder: the same document always gets the same name, so a repeat finds it there."""
    plain = re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}", parcel.local_uid)
    uid = parcel.local_uid if plain else sha256(parcel.local_uid.encode()).hexdigest()[:32]
    return f"{uid}.v{parcel.document.version if parcel.document else 1}.{parcel.digest[:16]}"


def files_of(parcel: Parcel, receipt: Receipt) -> dict[str, bytes]:
    """List what the folder will hold: the very bytes, every signature container, the receipt."""
    files = {
        f"content.{_EXTENSIONS.get(parcel.media_type, 'bin')}": parcel.content,
        "receipt.json": msgspec.json.encode(receipt),
    }
    for number, signature in enumerate(parcel.signatures, 1):
        files[f"signature-{number:02d}-{signature.kind}.p7s"] = signature.data
    return files


def trouble(error: OSError) -> Unavailable:
    """Say what is wrong with the directory: nothing was kept, trying again later is right."""
    reason, text = _REASONS.get(error.errno or 0, ("folder.failed", "Запись в папку назначения не удалась."))
    return Unavailable(reason, text=text)
