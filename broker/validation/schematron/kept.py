"""Compiled rule files kept on disk: translating the largest takes half a second, reading what was kept a few milliseconds.

A kept file is named by the bytes of the rules and of the engine's own sources, so that none is ever read by an engine
that would have written it differently; one that is damaged is made anew. libxml2's own objects cannot be kept.
"""

import contextlib
import os
from functools import cache
from hashlib import sha256
from pathlib import Path

import elementpath
import msgspec
from lxml import etree

from broker.validation.schematron.load import load
from broker.validation.schematron.native import NativeEngine
from broker.validation.schematron.port import EngineChoice, SchematronEngine
from broker.validation.schematron.program import Program, translate
from broker.validation.schematron.saxon import SaxonEngine, SaxonProcess


@cache
def _edition() -> str:
    """Name this engine: its sources and the libraries whose trees and texts it keeps."""
    total = sha256(f"{elementpath.__version__} {etree.LXML_VERSION}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


class EngineShop:
    """Makes engines; ``directory`` is where what was translated is kept (None: nowhere)."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._saxon = SaxonProcess()

    def chosen(self, content: bytes, choice: EngineChoice) -> SchematronEngine:
        """Return the engine chosen for a Schematron file; SchematronRefused says why there is none."""
        if choice is EngineChoice.SAXON:
            return SaxonEngine(load(content), self._saxon)
        return self.engine(content)

    def engine(self, content: bytes) -> NativeEngine:
        """Return the native engine of a Schematron file; SchematronRefused says why there is none."""
        if self._directory is None:
            return NativeEngine(translate(load(content)))
        path = self._directory / f"{sha256(content).hexdigest()}-{_edition()}.msgpack"
        kept = _read(path)
        if kept is not None:
            return NativeEngine(kept)
        program = translate(load(content))
        _write(path, program)
        return NativeEngine(program)


def _read(path: Path) -> Program | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Program)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(path: Path, kept: Program) -> None:
    """Keep it in one step, whoever else writes the same; a directory nobody may write to is done without."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(msgspec.msgpack.encode(kept))
        fresh.replace(path)
