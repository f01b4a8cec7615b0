"""The folder adapter: files appear whole, once, and trouble with the directory is told in words."""

import errno
import hashlib
import json
from pathlib import Path

import msgspec
import pytest

from adapters.folder import ADAPTER
from adapters.folder.adapter import folder_name, trouble
from adapters.folder.durable import JOURNAL, Line
from broker.adapter_kit import Delivered, Held, Unavailable
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import Stage, a_parcel, context_for, next_attempt
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.port import Adapter
from broker.adapter_kit.simulation import SimDocument


def a_folder(directory: Path | None) -> Destination:
    params = {"directory": str(directory)} if directory else {}
    return Destination(id="folder", adapter="folder", params=params)


def lines(directory: Path) -> list[Line]:
    text = (directory / JOURNAL).read_bytes()
    return [msgspec.json.decode(line, type=Line) for line in text.splitlines()]


def folders(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if path.is_dir()]


class TestFolder(AdapterConformance):
    networked = False

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path):
        self.directory = tmp_path

    def adapter(self) -> Adapter:
        return ADAPTER

    def destination(self, url: str) -> Destination:
        return a_folder(self.directory)

    async def received(self, stage: Stage, parcel: Parcel) -> SimDocument | None:
        folders = list(self.directory.glob(f"{parcel.local_uid}.*"))
        if not folders:
            return None
        content = (folders[0] / "content.xml").read_bytes()
        return SimDocument(
            local_uid=parcel.local_uid,
            sha256=hashlib.sha256(content).hexdigest(),
            calls=sum(line.local_uid == parcel.local_uid for line in lines(self.directory)),
            registrations=len(folders),
        )


async def test_a_document_becomes_files_of_its_very_bytes(tmp_path: Path):
    parcel = a_parcel(1)
    async with context_for(a_folder(tmp_path)) as context:
        outcome = await ADAPTER.deliver(parcel, context)
    assert isinstance(outcome, Delivered)
    folder = tmp_path / (outcome.receipt.gis_id or "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "content.xml",
        "receipt.json",
        "signature-01-personal.p7s",
        "signature-02-organization.p7s",
    ]
    assert (folder / "content.xml").read_bytes() == parcel.content
    assert (folder / "signature-01-personal.p7s").read_bytes() == parcel.signatures[0].data
    assert json.loads((folder / "receipt.json").read_bytes())["gisId"] == folder.name


async def test_a_repeat_keeps_the_first_receipt_and_adds_a_line(tmp_path: Path):
    parcel = a_parcel(1)
    async with context_for(a_folder(tmp_path)) as context:
        first = await ADAPTER.deliver(parcel, context)
        second = await ADAPTER.deliver(next_attempt(parcel), context)
    assert first == second
    assert [line.repeated for line in lines(tmp_path)] == [False, True]
    assert len({line.message_id for line in lines(tmp_path)}) == 2
    assert folders(tmp_path) == [folder_name(parcel)]


async def test_a_draft_left_by_a_killed_process_does_not_stand_in_the_way(tmp_path: Path):
    parcel = a_parcel(1)
    draft = tmp_path / f".{folder_name(parcel)}.{parcel.message_id}"
    draft.mkdir()
    (draft / "content.xml").write_bytes(b"half")
    async with context_for(a_folder(tmp_path)) as context:
        outcome = await ADAPTER.deliver(parcel, context)
    assert isinstance(outcome, Delivered)
    assert (tmp_path / folder_name(parcel) / "content.xml").read_bytes() == parcel.content
    assert not draft.exists()


async def test_a_hostile_local_uid_stays_inside_the_directory(tmp_path: Path):
    parcel = msgspec.structs.replace(a_parcel(1), local_uid="../../etc/x")
    async with context_for(a_folder(tmp_path)) as context:
        outcome = await ADAPTER.deliver(parcel, context)
    assert isinstance(outcome, Delivered)
    assert (tmp_path / (outcome.receipt.gis_id or "") / "content.xml").is_file()
    assert "/" not in folder_name(parcel)


async def test_without_a_directory_the_destination_is_held():
    async with context_for(a_folder(None)) as context:
        outcome = await ADAPTER.deliver(a_parcel(1), context)
    assert isinstance(outcome, Held)
    assert outcome.scope == "destination"


async def test_a_directory_that_is_not_there_is_never_made(tmp_path: Path):
    gone = tmp_path / "unmounted"
    async with context_for(a_folder(gone)) as context:
        outcome = await ADAPTER.deliver(a_parcel(1), context)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "folder.missing"
    assert not gone.exists()


async def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    async with context_for(a_folder(file)) as context:
        outcome = await ADAPTER.deliver(a_parcel(1), context)
    assert isinstance(outcome, Unavailable)
    assert outcome.reason == "folder.missing"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "folder.full"),
        (errno.EDQUOT, "folder.full"),
        (errno.EROFS, "folder.read_only"),
        (errno.EACCES, "folder.read_only"),
        (errno.EIO, "folder.failed"),
    ],
)
def test_every_trouble_of_a_disk_has_a_reason_and_russian_words(number: int, reason: str):
    told = trouble(OSError(number, "x"))
    assert told.reason == reason
    assert any("а" <= letter <= "я" for letter in told.text)
