"""Hostile and odd bytes, each with the code it must be refused by; run as a script it measures them in a process of its own.

An empty code means: readable, and only the cost matters.
"""

import gc
import json
import re
import sys
import time
from pathlib import Path

MIB = 1024 * 1024
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "'
    + b"x" * 1000
    + b'">'
    + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(9))
    + b"]><b>&a8;</b>"
)


def utf16(text: str) -> bytes:
    return text.encode("utf-16")


CORPUS: dict[str, tuple[str, bytes]] = {
    "empty": ("xml.empty", b""),
    "only blanks": ("xml.empty", b" \n\t" * 1000),
    "only a byte order mark": ("xml.empty", b"\xef\xbb\xbf"),
    "plain text": ("xml.not_xml", b"hello"),
    "a PDF": ("xml.not_xml", b"%PDF-1.7\n" + b"0" * 1000),
    "a ZIP": ("xml.not_xml", b"PK\x03\x04" + b"\x00" * 1000),
    "JSON": ("xml.not_xml", b'{"resourceType": "Bundle"}'),
    "base64 encoded twice": ("xml.not_xml", b"PD94bWwgdmVyc2lvbj0iMS4wIj8+"),
    "a signature instead of the document": ("xml.not_xml", b"MIIGXAYJKoZIhvcNAQcCoIIGTTCC"),
    "21 MiB": ("xml.too_large", b"<a>" + b"x" * (21 * MIB) + b"</a>"),
    "a DOCTYPE": ("xml.doctype_forbidden", b"<!DOCTYPE a><a/>"),
    "a DOCTYPE behind a comment that hides one": (
        "xml.doctype_forbidden",
        b"<?xml version='1.0'?>\n<!-- <a> --><!DOCTYPE a SYSTEM 'x.dtd'><a/>",
    ),
    "a DOCTYPE in UTF-16": ("xml.doctype_forbidden", utf16("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>")),
    "an external entity that reads a file": (
        "xml.doctype_forbidden",
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    ),
    "an external entity on the network": (
        "xml.doctype_forbidden",
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:1/">]><a>&e;</a>',
    ),
    "a parameter entity": (
        "xml.doctype_forbidden",
        b'<!DOCTYPE a [<!ENTITY % e SYSTEM "file:///dev/zero"> %e;]><a/>',
    ),
    "a billion laughs": ("xml.doctype_forbidden", BOMB),
    "a bomb in an attribute": (
        "xml.doctype_forbidden",
        b'<!DOCTYPE a [<!ENTITY b "' + b"y" * 65536 + b'">]><a c="' + b"&b;" * 10000 + b'"/>',
    ),
    "an undeclared entity": ("xml.malformed", b"<a>&nbsp;</a>"),
    "300 nested elements": ("xml.too_deep", b"<a>" * 300 + b"</a>" * 300),
    "a million nested elements": ("xml.too_many_nodes", b"<a>" * 1_000_000),
    "100 000 nested elements": ("xml.too_deep", b"<a>" * 100_000 + b"</a>" * 100_000),
    "300 nested elements in a large document": (
        "xml.too_deep",
        b"<a>" * 300 + b"x" * (11 * MIB) + b"</a>" * 300,
    ),
    "3000 nested elements in a large document": (
        "xml.too_deep",
        b"<a>" * 3000 + b"x" * (11 * MIB) + b"</a>" * 3000,
    ),
    "five million empty elements": ("xml.too_many_nodes", b"<a>" + b"<b/>" * 5_000_000 + b"</a>"),
    "two million attributes": (
        "xml.too_many_nodes",
        b"<a>"
        + b"".join(b'<b a="" b="" c="" d="" e="" f="" g="" h="" i="" j=""/>' for _ in range(200_000))
        + b"</a>",
    ),
    "a thousand attributes of one element": (
        "",
        b"<a " + b" ".join(b'a%d=""' % n for n in range(1000)) + b"/>",
    ),
    "100 000 attributes of one element": (
        "xml.too_many_nodes",
        b"<a " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>",
    ),
    "100 000 namespaces": (
        "",
        b"<a " + b" ".join(b'xmlns:a%d="u:%d"' % (n, n) for n in range(100_000)) + b"/>",
    ),
    "as many elements and attributes as are allowed": (
        "",
        b"<a>" + (b"<d>" + b'<b c="1" d="2" e="3"/>x' * 9_000 + b"</d>") * 18 + b"</a>",
    ),
    "as many elements as are allowed": ("", b"<a>" + (b"<c>" + b"<b/>x" * 9_000 + b"</c>") * 27 + b"</a>"),
    "20 000 children of one element": ("xml.too_many_nodes", b"<a>" + b"<b/>" * 20_000 + b"</a>"),
    "a name of 11 million letters": ("xml.malformed", b"<" + b"a" * (11 * MIB) + b"/>"),
    "a text of 11 MiB": ("", b"<a>" + b"x" * (11 * MIB) + b"</a>"),
    "a text of 20 MiB": ("", b"<a>" + b"x" * (20 * MIB - 7) + b"</a>"),
    "an attribute of 11 MiB": ("xml.attribute_too_long", b'<a b="' + b"x" * (11 * MIB) + b'"/>'),
    "an attribute of 60 KB": ("", b'<a b="' + b"x" * 60_000 + b'"/>'),
    "an unfinished comment of 19 MiB": ("xml.malformed", b"<!-- " + b"x" * (19 * MIB)),
    "a prolog of blanks of 19 MiB": ("xml.not_xml", b"<?xml version='1.0'?>" + b" " * (19 * MIB)),
    "a million comments": ("xml.too_many_nodes", b"<!---->" * 1_000_000 + b"<a/>"),
    "200 000 adjacent comments in a text": ("", b"<a>" + b"x<!---->" * 200_000 + b"</a>"),
    "a NUL": ("xml.bad_character", b"<a>\x00</a>"),
    "a control character": ("xml.bad_character", b"<a>\x01</a>"),
    "a reference to NUL": ("xml.bad_character", b"<a>&#0;</a>"),
    "a lone surrogate": ("xml.encoding", b"<a>\xed\xa0\x80</a>"),
    "an overlong slash": ("xml.encoding", b"<a>\xc0\xaf</a>"),
    "windows-1251 without saying so": ("xml.encoding", "<a>Привет</a>".encode("cp1251")),
    "UTF-8 that says windows-1251": (
        "xml.encoding_conflict",
        "<?xml version='1.0' encoding='windows-1251'?><a>Привет</a>".encode(),
    ),
    "UTF-7": ("xml.encoding", b"<?xml version='1.0' encoding='utf-7'?><a>+ADw-b/+AD4-</a>"),
    "EBCDIC": ("xml.encoding", b"<?xml version='1.0' encoding='cp037'?><a/>"),
    "an encoding nobody knows": ("xml.encoding", b"<?xml version='1.0' encoding='x-none'?><a/>"),
    "UTF-32": ("xml.encoding", "<a/>".encode("utf-32")),
    "half of a document": ("xml.malformed", b"<a><b attr='"),
    "two roots": ("xml.malformed", b"<a/><b/>"),
    "text after the root": ("xml.malformed", b"<a/>tail"),
    "a prefix from nowhere": ("xml.namespace", b"<x:a/>"),
    "an attribute twice": ("xml.malformed", b"<a b='1' b='2'/>"),
    "a declaration that is not first": ("xml.malformed", b" <?xml version='1.0'?><a/>"),
    "a bare ampersand": ("xml.malformed", b"<a>x & y</a>"),
    "a bare less-than": ("xml.malformed", b"<a>1 < 2</a>"),
    "random bytes": ("xml.encoding", bytes(range(128, 256)) * 64),
}


def peak_mib(*, restart: bool = False) -> float:
    """Return the most memory this process held since the last restart of the count (Linux counts it for us)."""
    if restart:
        Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def measure() -> dict[str, dict[str, object]]:
    """Read every document and return its code, seconds and the memory it took beyond what was there, in MiB."""
    from broker.document.markup import Markup, parse

    parse(b"<warm/>")
    told: dict[str, dict[str, object]] = {}
    for name, (_, content) in CORPUS.items():
        gc.collect()
        before = peak_mib(restart=True)
        started = time.process_time()
        outcome = parse(content)
        seconds = time.process_time() - started
        code = "" if isinstance(outcome, Markup) else outcome[0].code
        told[name] = {"code": code, "seconds": seconds, "mib": peak_mib() - before}
        del outcome
    return told


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
