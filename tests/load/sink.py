"""The instant recipient: answers 200 to every POST as soon as its last byte is there. ``python -m tests.load.sink``.

A second port never answers: a destination that is reachable and dead.
"""

import argparse
import asyncio
from typing import Final, cast

import uvloop

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Sink(asyncio.Protocol):
    """Reads requests with a Content-Length, keeps nothing of them, gives every one the same answer."""

    answer = _ANSWER

    def __init__(self) -> None:
        self._head = b""
        self._missing = -1
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self._head[:end].split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line[:15].lower() == b"content-length:"), 0)
            self._missing = length - (len(self._head) - end - 4)
            self._head = b""
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = -1
            assert self._transport is not None
            self._transport.write(self.answer)


class Mute(asyncio.Protocol):
    """Accepts connections and never answers."""


async def _serve(port: int, mute: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Sink, "127.0.0.1", port, backlog=1024)
    await loop.create_server(Mute, "127.0.0.1", mute, backlog=1024)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mute", type=int, required=True)
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(arguments.port, arguments.mute))


if __name__ == "__main__":
    main()
