"""A glance at the header while a document is taken in: its id, its set and its version, and nothing else.

Reads the first part of the bytes only and never complains: whatever is odd yields empty values, the checks come later.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Final, cast

import msgspec
from lxml import etree
from lxml.etree import _Element as Element

from broker.document.canonical import InstanceId
from broker.document.markup import CDA

HEAD: Final = 64 * 1024
"""Bytes looked at; versionNumber of a document with long comments lies within the first 8 KB."""
_CHUNK: Final = 4096
_ROOT: Final = f"{{{CDA}}}ClinicalDocument"
_ID: Final = f"{{{CDA}}}id"
_SET: Final = f"{{{CDA}}}setId"
_VERSION: Final = f"{{{CDA}}}versionNumber"
_END: Final = f"{{{CDA}}}recordTarget"
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_DECLARATION: Final = re.compile(r"\A\s*<\?xml.{0,200}?\?>", re.DOTALL)


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """What the header says of the document's identity; ``version`` is 0 when it says nothing usable."""

    document_id: InstanceId = InstanceId()
    set_id: InstanceId = InstanceId()
    version: int = 0


def peek(content: bytes) -> Peek:
    """Return id, setId and versionNumber from the first part of the bytes; empty values on anything odd."""
    head = _narrow(content[:HEAD])
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        return Peek()
    ids: list[InstanceId] = []
    set_id, version = InstanceId(), 0
    for name, root, extension, value in _header_elements(head):
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


def _header_elements(head: bytes) -> list[tuple[str, str, str, str]]:
    """Pull the header elements up to recordTarget: (name, @root, @extension, @value)."""
    parser = etree.XMLPullParser(
        ("start",),
        tag=(_ROOT, _ID, _SET, _VERSION, _END),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    found: list[tuple[str, str, str, str]] = []
    for start in range(0, len(head), _CHUNK):
        try:
            parser.feed(head[start : start + _CHUNK])
        except etree.XMLSyntaxError:
            return found
        for _, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
            parent = element.getparent()
            if element.tag == _END:
                return found
            if parent is not None and parent.tag == _ROOT and parent.getparent() is None:
                found.append(
                    (
                        str(element.tag),
                        element.get("root", ""),
                        element.get("extension", ""),
                        element.get("value", ""),
                    )
                )
    return found
