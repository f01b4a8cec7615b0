"""A process that held large things is soon as small as before, though small things it made meanwhile stay."""

import subprocess
import sys

import pytest

MIB = 1024 * 1024
PROGRAM = """
import asyncio, sys
import psutil
from broker.compute.returning import keep_returning, return_large_blocks

if sys.argv[1] == "on":
    return_large_blocks()

def resident():
    return psutil.Process().memory_info().rss

async def live():
    tidying = asyncio.create_task(keep_returning(0.1)) if sys.argv[1] == "on" else None
    await asyncio.sleep(0)
    before, kept = resident(), []
    for _ in range(5):
        body = b"".join([bytes(64 * 1024) for _ in range(320)])
        pieces = []
        for number in range(640):
            pieces.append(bytes(48 * 1024))
            if number % 32 == 0:
                kept.append(bytes(2000))
        del body, pieces
    await asyncio.sleep(0.25)
    pieces = [bytes(48 * 1024) for _ in range(640)]
    await asyncio.sleep(0.25)
    kept.append(bytes(2000))
    del pieces
    await asyncio.sleep(0.5)
    print(resident() - before)

asyncio.run(live())
"""


def grown(way: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="settings of glibc")
def test_what_large_bodies_took_goes_back_to_the_system():
    assert grown("on") < 12 * MIB
