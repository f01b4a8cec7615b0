"""Bad input bounds memory: a door that was fed bombs and giants is hardly larger than before."""

import asyncio
import io
import zlib
from typing import Self

import aiohttp
import psutil
from builders import a_submission, as_json, text_of

from broker.dev import guardian

MIB = 1024 * 1024
GIANT = b'{"clinic": "1.2.643.5.1.13.13.12.2.77.9001", "content": {"data": "' + b"A" * (38 * MIB) + b'"}}'
GROWTH = 420 * MIB
"""256 MiB of bodies, one decoded copy under way, and what the allocator keeps."""


def door_of(a_stand) -> psutil.Process:
    pids = guardian.marked(str(a_stand.state_dir), "serve")
    return min((psutil.Process(pid) for pid in pids), key=lambda process: process.create_time())


class Watch:
    """Remembers the largest resident size while the context lasts."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before = process.memory_info().rss
        self.peak = self.before
        self._running: asyncio.Task[None] | None = None

    async def _look(self) -> None:
        while True:
            self.peak = max(self.peak, self._process.memory_info().rss)
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()


async def test_twelve_giants_at_once_leave_a_door_of_bounded_size(a_stand, world, stand_signers):
    alpha = a_stand.partners[0]
    process = door_of(a_stand)
    big = as_json(a_submission(world, stand_signers)) | {"content": {"data": text_of(b"x" * (21 * MIB))}}
    await alpha.submit(big)
    headers = {"Content-Type": "application/json"}
    async with Watch(process) as watch:
        answers = await asyncio.gather(
            *(alpha.post("/documents", data=io.BytesIO(GIANT), headers=headers) for _ in range(12))
        )
    assert {answer.status for answer in answers} <= {413, 422, 503}, [a.status for a in answers]
    assert watch.peak - watch.before < GROWTH, f"{(watch.peak - watch.before) // MIB} MiB more"
    assert (await alpha.submit(a_submission(world, stand_signers))).status == 202, "the door goes on"


async def test_a_compressed_bomb_is_cut_off(a_stand):
    alpha = a_stand.partners[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * MIB) for _ in range(96)) + packer.flush()
    assert len(bomb) < MIB
    process = door_of(a_stand)
    async with Watch(process) as watch:
        answers = await asyncio.gather(*(send(alpha, bomb) for _ in range(4)))
    assert set(answers) <= {400, 413, 503}
    assert watch.peak - watch.before < GROWTH, f"{(watch.peak - watch.before) // MIB} MiB more"


async def send(alpha, bomb: bytes) -> int:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    try:
        return (await alpha.post("/documents", data=io.BytesIO(bomb), headers=headers)).status
    except aiohttp.ClientError:  # cut off while it was still sending
        return 413
