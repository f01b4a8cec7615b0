"""The process SaxonC lives in: reads documents from a pipe, answers what fails, and ends when nobody asks any more.

It is started by ``saxon.py`` as a file and imports nothing of the house. A request and an answer are msgpack behind four
bytes of length. What Saxon itself prints may quote documents and goes nowhere.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import select
import signal
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import msgspec

KEPT = 8
"""Compiled stylesheets: the largest official ones take about 40 MB each."""
IDLE_SECONDS = 600.0
"""Without a document for so long, the process gives its memory back."""
_DIE_WITH_PARENT = 1


class Request(msgspec.Struct, array_like=True):
    """A document to judge by the stylesheet named; ``stylesheet`` is empty when it may be known already."""

    name: str
    stylesheet: str
    document: bytes


class Answer(msgspec.Struct, array_like=True):
    """``ok`` with what the stylesheet printed; ``unknown`` stylesheet; ``refused`` stylesheet; ``aborted`` document."""

    word: str
    text: str = ""


class Judge:
    """Saxon with the stylesheets last used."""

    def __init__(self, processor: Any, refusal: type[Exception]) -> None:
        """Judge with a processor whose refusals are of that class."""
        self._processor = processor
        self._refusal = refusal
        self._known: OrderedDict[str, Any] = OrderedDict()

    def answer(self, request: Request) -> Answer:
        """Judge a document."""
        if request.name not in self._known:
            if not request.stylesheet:
                return Answer("unknown")
            try:
                made = self._processor.new_xslt30_processor().compile_stylesheet(
                    stylesheet_text=request.stylesheet
                )
            except self._refusal:
                return Answer("refused")
            self._known[request.name] = made
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(request.name)
        try:
            node = self._processor.parse_xml(xml_text=request.document.decode())
            return Answer("ok", self._known[request.name].transform_to_string(xdm_node=node) or "")
        except self._refusal:
            return Answer("aborted")


def _read(source: int, length: int) -> bytes:
    """Read so many bytes; fewer at the end of the pipe."""
    found = bytearray()
    while len(found) < length:
        part = os.read(source, length - len(found))
        if not part:
            break
        found += part
    return bytes(found)


def _serve(judge: Judge, source: int, sink: int) -> None:
    decoder = msgspec.msgpack.Decoder(Request)
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        head = _read(source, 4)
        if len(head) < 4:
            return
        answer = msgspec.msgpack.encode(
            judge.answer(decoder.decode(_read(source, *struct.unpack(">I", head))))
        )
        whole = memoryview(struct.pack(">I", len(answer)) + answer)
        while whole:
            whole = whole[os.write(sink, whole) :]


def main() -> None:
    """Serve until the pipe closes, or nobody asks."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))  # Saxon's runtime reserves far more than it uses
    source, sink = os.dup(0), os.dup(1)
    with Path(os.devnull).open("r+b", buffering=0) as nowhere:
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)
    try:
        saxonche = importlib.import_module("saxonche")  # nothing but this process may load it
    except ImportError:
        sys.exit(3)
    with saxonche.PySaxonProcessor(license=False) as processor:
        processor.set_configuration_property("http://saxon.sf.net/feature/allowedProtocols", "")
        with contextlib.suppress(BrokenPipeError):
            _serve(Judge(processor, saxonche.PySaxonApiError), source, sink)


if __name__ == "__main__":
    main()
