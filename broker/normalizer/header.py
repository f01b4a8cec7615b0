"""A glance at the header while a document is taken in: its id, its set and its version, and nothing else.

Reads the first part of the bytes only and never complains: whatever is odd yields empty values, the checks come later.
"""

import codecs
import contextlib
import re
from typing import Final
from xml.parsers import expat

import msgspec

from broker.document.canonical import InstanceId
from broker.document.markup import CDA

HEADS: Final = (2 * 1024, 64 * 1024)
"""Bytes looked at: the identity stands within the first two kilobytes, or of a document with long comments somewhat later."""
_SEPARATOR: Final = " "
_ROOT: Final = f"{CDA} ClinicalDocument"
_ID: Final = f"{CDA} id"
_SET: Final = f"{CDA} setId"
_VERSION: Final = f"{CDA} versionNumber"
_END: Final = f"{CDA} recordTarget"
_WANTED: Final = frozenset({_ID, _SET, _VERSION})
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION: Final = re.compile(r"\A\s*<\?xml.{0,200}?\?>", re.DOTALL)


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says of the document's identity; ``version`` is 0 when it says nothing usable."""

    document_id: InstanceId = InstanceId()
    set_id: InstanceId = InstanceId()
    version: int = 0


def peek(content: bytes) -> Peek:
    """Return id, setId and versionNumber from the first part of the bytes; empty values on anything odd."""
    header = _Header()
    for size in HEADS:
        head = _narrow(content[:size])
        if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
            return Peek()
        header = _read(head)
        if header.ended:
            break
    ids: list[InstanceId] = []
    set_id, version = InstanceId(), 0
    for name, root, extension, value in header.found:
        if name == _ID:
            ids.append(InstanceId(root=root, extension=extension))
        elif name == _SET:
            set_id = InstanceId(root=root, extension=extension)
        else:
            version = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    return Peek(document_id=document_id(ids), set_id=set_id, version=version)


def document_id(ids: list[InstanceId]) -> InstanceId:
    """Choose the document's id: the one whose root ends in ``.51``, else the first (semd.md, appendix A)."""
    return next((i for i in ids if i.root.endswith(".51")), ids[0] if ids else InstanceId())


def _narrow(head: bytes) -> bytes:
    if not head.startswith(_WIDE):
        return head
    return _DECLARATION.sub("", head.decode("utf-16", "ignore")).encode("utf-8", "ignore")


class _Enough(Exception):  # noqa: N818  ends the parse, not an error
    """The header's identity is behind us."""


class _Header:
    """Collects the direct children of the root up to recordTarget: (name, @root, @extension, @value)."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str, str]] = []
        self.ended = False
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note a child of the root; a foreign root or recordTarget is the end."""
        self._depth += 1
        if name == _END or (self._depth == 1 and name != _ROOT):
            self.ended = True
            raise _Enough
        if self._depth == 2 and name in _WANTED:
            get = attributes.get
            self.found.append((name, get("root", ""), get("extension", ""), get("value", "")))

    def end(self, _name: str) -> None:
        """Leave an element."""
        self._depth -= 1


def _read(head: bytes) -> _Header:
    """Pull the header's elements: no tree is built, entities are never declared (the caller saw to it)."""
    header = _Header()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartElementHandler = header.start
    parser.EndElementHandler = header.end
    with contextlib.suppress(expat.ExpatError, ValueError, LookupError, _Enough):
        parser.Parse(head)
    return header
