"""SaxonC as an operator's override: the same port, the same failures, in a process that may be killed at any moment.

SaxonC is never loaded where documents are examined: it takes hundreds of megabytes, reserves more address space than a
compute process has, and changes the process's locale. One child per process, started when a document first needs it;
one that is late, grows or dies is ended, and the next document gets a fresh one. There is no way back to the native
engine: an operator who chose this one distrusts that one, so a document Saxon cannot be asked about waits.
"""

import contextlib
import importlib.util
import os
import select
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree
from lxml.etree import _Element as Element

from broker.validation.schematron import saxon_child
from broker.validation.schematron.engine import MAX_FAILURES, Failure, Run
from broker.validation.schematron.load import Assertion, SchematronFile
from broker.validation.schematron.port import EngineUnavailable
from broker.validation.schematron.saxon_child import Answer, Request
from broker.validation.schematron.xslt import stylesheet

ANSWER_SECONDS: Final = 12.0
"""For one document, the compilation of a stylesheet included; a compute process has 20 s for a document."""
MAX_MEGABYTES: Final = 1024
"""Resident memory of the child above which it is ended after an answer: eight large kinds take half of it."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
NOTE: Final = "проверено процессором SaxonC, как указал оператор (engine = saxon)"
MISSING: Final = "набор правил требует SaxonC, а он не установлен (pip install 'inaya[saxon]')"
LATE: Final = f"SaxonC не ответил за {ANSWER_SECONDS:.0f} с и остановлен"
DIED: Final = "процесс SaxonC завершился, не ответив"
REFUSED: Final = "SaxonC не принимает Schematron этого набора правил"


class SaxonProcess:
    """The child of this process: started when first asked, ended when it misbehaves or nobody asks."""

    def __init__(self, seconds: float = ANSWER_SECONDS, megabytes: int = MAX_MEGABYTES) -> None:
        self._seconds = seconds
        self._megabytes = megabytes
        self._child: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[[subprocess.Popen[bytes]], SaxonProcess] | None = None

    @property
    def pid(self) -> int | None:
        """Return the child's process number, None when there is none."""
        return self._child.pid if self._child is not None else None

    def ask(self, request: Request) -> Answer:
        """Return the child's answer; raise EngineUnavailable. A child that had left meanwhile is replaced once."""
        until = time.monotonic() + self._seconds
        was_there = self._child is not None
        answer = self._exchanged(request, until)
        if answer is None and was_there:
            answer = self._exchanged(request, until)
        if answer is None:
            raise EngineUnavailable(DIED)
        if self._grown():
            self.close()
        return answer

    def close(self) -> None:
        """End the child."""
        if self._end is not None:
            self._end()
        self._child = self._end = None

    def _exchanged(self, request: Request, until: float) -> Answer | None:
        """Send and receive; None when the child died. One that is late is ended."""
        child = self._child or self._start()
        try:
            body = msgspec.msgpack.encode(request)
            _send(child, struct.pack(">I", len(body)) + body, until)
            (length,) = struct.unpack(">I", _received(child, 4, until))
            return msgspec.msgpack.decode(_received(child, length, until), type=Answer)
        except TimeoutError as error:
            self.close()
            raise EngineUnavailable(LATE) from error
        except (OSError, EOFError):
            self.close()
            return None

    def _start(self) -> subprocess.Popen[bytes]:
        if importlib.util.find_spec("saxonche") is None:
            raise EngineUnavailable(MISSING)
        child = subprocess.Popen(  # noqa: S603  our own file, by this interpreter
            [sys.executable, "-P", saxon_child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"LANG": "C.UTF-8"},
            bufsize=0,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        for pipe in (child.stdin, child.stdout):
            os.set_blocking(pipe.fileno(), False)
        self._child = child
        self._end = weakref.finalize(self, _end, child)
        return child

    def _grown(self) -> bool:
        if self._child is None:
            return False
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{self._child.pid}/statm").read_text(encoding="ascii").split()[1])
            return pages * _PAGE > self._megabytes * 2**20
        return False


def _end(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    child.kill()
    child.wait()


def _send(child: subprocess.Popen[bytes], data: bytes, until: float) -> None:
    assert child.stdin is not None
    rest = memoryview(data)
    while rest:
        _await(until, writing=child.stdin.fileno())
        rest = rest[os.write(child.stdin.fileno(), rest[:65536]) :]


def _received(child: subprocess.Popen[bytes], length: int, until: float) -> bytes:
    assert child.stdout is not None
    found = bytearray()
    while len(found) < length:
        _await(until, reading=child.stdout.fileno())
        part = os.read(child.stdout.fileno(), length - len(found))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def _await(until: float, *, reading: int | None = None, writing: int | None = None) -> None:
    left = max(until - time.monotonic(), 0)
    ready = select.select(
        [reading] if reading is not None else [], [writing] if writing is not None else [], [], left
    )
    if not any(ready):
        raise TimeoutError


class SaxonEngine:
    """A Schematron file judged by SaxonC; its stylesheets are compiled in the child."""

    note = NOTE

    def __init__(self, file: SchematronFile, process: SaxonProcess) -> None:
        self._process = process
        self._file = file
        self._rules = [
            (turn, item)
            for turn, rule in enumerate(rule for pattern in file.patterns for rule in pattern.rules)
            for item in rule.assertions
        ]
        self._plain = _Sheet(stylesheet(file))
        self._careful: _Sheet | None = None
        self.assertions = len(self._rules)
        self.rules = sum(len(pattern.rules) for pattern in file.patterns)
        self.untranslated = 0

    def run(self, root: Element, at: datetime) -> Run:  # noqa: ARG002  Saxon asks its own clock
        """Judge a document; EngineUnavailable where Saxon cannot be asked."""
        document = etree.tostring(root, encoding="UTF-8")
        answer = self._asked(self._plain, document)
        if answer.word == "aborted":
            self._careful = self._careful or _Sheet(stylesheet(self._file, careful=True))
            answer = self._asked(self._careful, document)
        if answer.word == "aborted":
            nameless = Assertion(test="", message="Процессор остановился на документе.", number="")
            failures: tuple[Failure, ...] = (Failure(nameless, None, "the document cannot be judged"),)
        else:
            failures = tuple(self._failures(answer.text, root))
        kept = failures[:MAX_FAILURES]
        return Run(kept, 0, self.assertions, 0, len(failures) >= MAX_FAILURES)

    def _asked(self, sheet: "_Sheet", document: bytes) -> Answer:
        answer = self._process.ask(Request(sheet.name, "", document))
        if answer.word == "unknown":
            answer = self._process.ask(Request(sheet.name, sheet.text, document))
        if answer.word == "refused":
            raise EngineUnavailable(REFUSED)
        return answer

    def _failures(self, text: str, root: Element) -> Iterator[Failure]:
        """Read what the stylesheet printed, in the order in which our own engine would say it."""
        lines = [line.split(" ") for line in text.splitlines() if line]
        said = {(int(number), _place(place), bool(mark)) for number, place, *mark in lines}
        for number, place, unanswered in sorted(
            said, key=lambda one: (self._rules[one[0]][0], one[1], one[0])
        ):
            element = _at(root, place[1:]) if place else None
            error = "the expression cannot be evaluated" if unanswered else ""
            yield Failure(self._rules[number][1], element, error)


class _Sheet:
    """A stylesheet and its name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.name = sha256(text.encode()).hexdigest()


def _place(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split("/"))) if text else ()


def _at(root: Element, place: tuple[int, ...]) -> Element:
    """Return the element at a place below the root."""
    for turn in place:
        root = next(one for here, one in enumerate(root.iterchildren(etree.Element)) if here == turn)
    return root
