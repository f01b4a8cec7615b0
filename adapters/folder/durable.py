"""How do files reach the disk so that a crash leaves all of a document or nothing of it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from broker.adapter_kit import Parcel
from broker.document.receipt import Receipt

JOURNAL: Final = "deliveries.jsonl"


class Line(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of the journal: a delivery that ended well. ``repeated``: the folder was there already."""

    local_uid: str
    clinic: str
    sha256: str
    folder: str
    message_id: str
    repeated: bool


def place(root: Path, files: Mapping[str, bytes], parcel: Parcel, receipt: Receipt) -> Receipt:
    """Put the files under ``root`` in the folder the receipt names, once; return the receipt that lies there.

    They are written into a draft beside it, forced to disk and renamed. Then one line is added to the journal, so that
    double deliveries can be counted. Raise ``OSError`` when the directory does not let us.
    """
    name = receipt.gis_id or ""
    target, draft = root / name, root / f".{name}.{parcel.message_id}"
    repeated = target.is_dir() or not _first(files, draft, target)
    _sync(root)
    line = Line(
        local_uid=parcel.local_uid,
        clinic=parcel.clinic.oid,
        sha256=parcel.digest,
        folder=name,
        message_id=str(parcel.message_id),
        repeated=repeated,
    )
    _keep(root / JOURNAL, msgspec.json.encode(line) + b"\n", "ab")
    return msgspec.json.decode((target / "receipt.json").read_bytes(), type=Receipt)


def _first(files: Mapping[str, bytes], draft: Path, target: Path) -> bool:
    """Write the folder; False when another attempt of the same document was quicker."""
    try:
        draft.mkdir(exist_ok=True)
        for file, data in files.items():
            _keep(draft / file, data, "wb")
        _sync(draft)
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        return False
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def _keep(path: Path, data: bytes, mode: str) -> None:
    """Write or append in one piece and force it to disk."""
    with path.open(mode) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Force the names in a directory to disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
