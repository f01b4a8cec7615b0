"""Documents made and signed before anything is measured; kept in the state directory for the next run."""

import multiprocessing
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from broker.dev.world import Signers, World
from broker.samples.people import Clinic, Doctor
from broker.samples.sample import make_sample
from broker.samples.submission import encode, make_submission
from broker.trust import Signer, Suite, sign_detached

KIND: Final = "306"
"""A signed medical report of 20.7 KB: the size the rivals were measured with."""
LARGE: Final = 1024 * 1024
EXAMINATION: Final = "103"
"""A medical examination of 16.8 KB; its official schema and Schematron contradict each other, ours restate both."""
CONSULTATION: Final = "290"
"""A consultation of 28 KB, which passes the official rules of its kind."""
_CHUNK: Final = 50


class Document(msgspec.Struct, frozen=True, array_like=True):
    """One submission of the public contract, ready to be sent over either door."""

    vendor: str
    clinic: str
    message_id: str
    body: bytes


class _Order(msgspec.Struct, frozen=True):
    numbers: tuple[int, ...]
    padding: int
    kind: str
    suite: Suite


def corpus(
    state: Path,
    pki: Path,
    count: int,
    *,
    large: bool = False,
    kind: str = KIND,
    suite: Suite = Suite.RSA_SHA256,
) -> list[Document]:
    """Return ``count`` documents, all different, over all clinics of the invented world."""
    kept = state / f"corpus-{kind}-{suite}-{'large' if large else 'small'}.msgpack"
    if kept.exists():
        found = msgspec.msgpack.decode(kept.read_bytes(), type=list[Document])
        if len(found) >= count:
            return found[:count]
    padding = LARGE if large else 0
    orders = [
        _Order(tuple(range(start, min(start + _CHUNK, count))), padding, kind, suite)
        for start in range(0, count, _CHUNK)
    ]
    with multiprocessing.get_context("spawn").Pool() as pool:
        made = [one for part in pool.imap(partial(_make, str(pki)), orders) for one in part]
    kept.write_bytes(msgspec.msgpack.encode(made))
    return made


class _Pens:
    """Everybody's key, read once: reading a key takes longer than signing with it."""

    def __init__(self, pki: Path, world: World, suite: Suite) -> None:
        self._signers = Signers.open(pki, world, suite)
        self._read: dict[str, Signer] = {}
        self._now = datetime.now(UTC)

    def sign(self, data: bytes, who: Doctor | Clinic) -> bytes:
        """Sign as a МИС would."""
        name = who.ogrn if isinstance(who, Clinic) else who.snils
        if name not in self._read:
            self._read[name] = self._signers.of(who).signer
        return sign_detached(data, self._read[name], signing_time=self._now)


_ready: dict[Suite, tuple[World, _Pens]] = {}


def _make(pki: str, order: _Order) -> Sequence[Document]:
    if order.suite not in _ready:
        world = World()
        _ready[order.suite] = world, _Pens(Path(pki), world, order.suite)
    world, pens = _ready[order.suite]
    vendors = {clinic.oid: vendor.id for vendor in world.vendors for clinic in vendor.clinics}
    created = datetime.now(UTC) - timedelta(hours=1)
    made = []
    for number in order.numbers:
        clinic = world.clinics[number % len(world.clinics)]
        sample = make_sample(
            world.population,
            number,
            kind=order.kind,
            clinic=clinic,
            created_at=created,
            padding=order.padding,
        )
        sample = msgspec.structs.replace(
            sample, local_uid=str(uuid.uuid4()), set_id=str(uuid.uuid4()), message_id=str(uuid.uuid4())
        )
        body = encode(make_submission(sample, pens.sign))
        made.append(Document(vendors[clinic.oid], clinic.oid, sample.message_id, body))
    return made
