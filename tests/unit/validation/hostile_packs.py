"""Packs made to hurt, each with the code it must be refused by; an empty code means: read, and only the cost matters."""

import zipfile
import zlib
from collections.abc import Callable
from random import Random

from pack_builder import Record, handmade, repository_files, sch, vendor_files, xsd, zipped

MIB = 1024 * 1024
SCH, XSD = "290.sch", "290/CDA.xsd"


def rules(content: bytes) -> bytes:
    return zipped({**vendor_files(), SCH: content}, zipfile.ZIP_STORED)


def schema(content: bytes) -> bytes:
    return zipped({**vendor_files(), XSD: content})


def example(content: bytes) -> bytes:
    return zipped({**vendor_files(), "xml/пример.xml": content})


def including(location: str, how: str = "include") -> bytes:
    return schema(xsd(f'<xs:{how} schemaLocation="{location}"/>'))


def asking(test: str) -> bytes:
    return rules(sch("1.2.643.5.1.13.13.15.13.7", ("ClinicalDocument/code", test, "У1-5")))


def named(name: bytes, content: bytes = b"x", **more: int) -> bytes:
    """A good pack and an entry of this very name."""
    good = [Record(one.encode(), data, flags=0x800) for one, data in vendor_files().items()]
    return handmade([*good, Record(name, content, **{"flags": 0x800, **more})])


def deflated(content: bytes) -> bytes:
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(content) + engine.flush()


def bomb() -> bytes:
    return named(b"big.xsd", b"\x00", raw=deflated(b" " * 300 * MIB), method=8, said=1)


def lying(said: int) -> bytes:
    content = xsd()
    return named(b"lie.xsd", content, raw=deflated(content), method=8, said=said)


def overlapping() -> bytes:
    """A hundred entries made of one kernel (the bomb of Fifield)."""
    kernel = Record(b"x000.xsd", b" " * 1000)
    return handmade([kernel, *(Record(b"x%03d.xsd" % n, b" " * 1000, at=0) for n in range(1, 100))])


def texts(seed: int) -> bytes:
    """A megabyte of text that does not compress well."""
    return b"<a>" + Random(seed).randbytes(MIB // 2).hex().encode() + b"</a>"


def many(count: int) -> bytes:
    return handmade([Record(b"%d" % n) for n in range(count)])


def laughs(root: str) -> bytes:
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x"}">' for n in range(10))
    return f"<!DOCTYPE {root} [{lines}]><{root}>&a9;</{root}>".encode()


def around() -> bytes:
    """Two schemas that include each other, and themselves."""
    first = xsd('<xs:include schemaLocation="two.xsd"/><xs:include schemaLocation="CDA.xsd"/>')
    second = (
        b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3">'
        b'<xs:include schemaLocation="CDA.xsd"/></xs:schema>'
    )
    return zipped({**vendor_files(), XSD: first, "290/two.xsd": second})


Case = tuple[str, Callable[[], bytes]]
ARCHIVES: dict[str, Case] = {
    "nothing": ("pack.zip_not_zip", lambda: b""),
    "no ZIP": ("pack.zip_not_zip", lambda: b"Rar!\x1a\x07\x00" + b"\x00" * 1000),
    "a truncated archive": ("pack.zip_not_zip", lambda: zipped(repository_files())[:-60]),
    "an archive with junk before it": (
        "pack.zip_not_zip",
        lambda: b"MZ" + b"\x00" * 500 + zipped(repository_files()),
    ),
    "an archive of nothing": ("pack.zip_empty", lambda: zipped({})),
    "an archive of a README alone": ("pack.no_rules", lambda: zipped({"README.md": b"# x"})),
    "an archive of 65 MiB": ("pack.zip_too_large", lambda: b"PK\x03\x04" + b"\x00" * 65 * MIB),
    "a path upwards": ("pack.zip_unsafe_name", lambda: named(b"../../etc/cron.d/x.sch")),
    "a path upwards in the middle": ("pack.zip_unsafe_name", lambda: named(b"a/../../x.sch")),
    "an absolute path": ("pack.zip_unsafe_name", lambda: named(b"/etc/x.sch")),
    "a drive": ("pack.zip_unsafe_name", lambda: named(b"C:x.sch")),
    "backslashes": ("pack.zip_unsafe_name", lambda: named(b"..\\..\\x.sch")),
    "a share": ("pack.zip_unsafe_name", lambda: named(b"\\\\host\\share\\x.sch")),
    "a NUL in a name": ("pack.zip_unsafe_name", lambda: named(b"x.sch\x00.txt")),
    "a line break in a name": ("pack.zip_unsafe_name", lambda: named(b"x\n.sch")),
    "a name written backwards": ("pack.zip_unsafe_name", lambda: named("x\u202ehcs.exe".encode())),
    "a device": ("pack.zip_unsafe_name", lambda: named(b"xsd/NUL.xsd")),
    "an empty part of a path": ("pack.zip_unsafe_name", lambda: named(b"a//x.sch")),
    "a name of 300 bytes": ("pack.zip_unsafe_name", lambda: named(b"x" * 300 + b".sch")),
    "a path of 100 directories": ("pack.zip_unsafe_name", lambda: named(b"a/" * 100 + b"x.sch")),
    "a link": ("pack.zip_unsafe_name", lambda: named(b"x.sch", b"/etc/passwd", mode=0o120777)),
    "a device node": ("pack.zip_unsafe_name", lambda: named(b"x.sch", b"", mode=0o020666)),
    "one name twice": ("pack.zip_duplicate", lambda: named(SCH.encode())),
    "one name twice in other letters": ("pack.zip_duplicate", lambda: named(b"290.SCH")),
    "one name twice in another form": (
        "pack.zip_duplicate",
        lambda: handmade(
            [Record(name.encode(), sch(), flags=0x800) for name in ("\u0419.sch", "\u0418\u0306.sch")]
        ),
    ),
    "a file that is a directory": ("pack.zip_duplicate", lambda: named(b"290.sch/x.xsd")),
    "an encrypted entry": ("pack.zip_encrypted", lambda: named(b"x.sch", flags=0x801)),
    "an unknown compression": ("pack.zip_method", lambda: named(b"x.sch", method=99)),
    "bzip2": ("pack.zip_method", lambda: zipped(vendor_files(), zipfile.ZIP_BZIP2)),
    "an archive in the archive": ("pack.zip_nested", lambda: named(b"290.zip", zipped(vendor_files()))),
    "an archive called a schema": ("pack.zip_nested", lambda: named(b"x.xsd", zipped(vendor_files()))),
    "a bomb of 300 MiB that says it is one byte": ("pack.zip_damaged", bomb),
    "a bomb of 300 MiB": (
        "pack.zip_too_large",
        lambda: named(b"big.xsd", b" ", raw=deflated(b" " * 300 * MIB), method=8, said=300 * MIB),
    ),
    "a bomb of 20 MiB": (
        "pack.zip_bomb",
        lambda: named(b"big.xsd", b" ", raw=deflated(b" " * 20 * MIB), method=8, said=20 * MIB),
    ),
    "forty megabytes of rules": (
        "pack.zip_too_large",
        lambda: zipped({f"{n}.xsd": b" " * MIB for n in range(40)}),
    ),
    "thirty megabytes of samples": (
        "",
        lambda: zipped({**vendor_files(), **{f"{n}.xml": texts(n) for n in range(30)}}),
    ),
    "thirty megabytes of markup": (
        "pack.too_much_markup",
        lambda: zipped(
            {**vendor_files(), **{f"{n}.xml": b"<a>" + b"<b/>" * 240_000 + b"</a>" for n in range(30)}},
            zipfile.ZIP_STORED,
        ),
    ),
    "entries that overlap": ("pack.zip_overlap", overlapping),
    "3 000 entries": ("pack.zip_too_many", lambda: many(3000)),
    "60 000 entries": ("pack.zip_too_many", lambda: many(60_000)),
    "a size that says too little": ("pack.zip_damaged", lambda: lying(10)),
    "a size that says too much": ("pack.zip_damaged", lambda: lying(10 * MIB)),
    "a wrong checksum": (
        "pack.zip_damaged",
        lambda: named(b"x.xsd", b"abc", raw=b"abd"),
    ),
}
CONTENTS: dict[str, Case] = {
    "a DOCTYPE in a Schematron": ("pack.xml_doctype", lambda: rules(b"<!DOCTYPE schema>" + sch())),
    "a DOCTYPE in a schema": ("pack.xml_doctype", lambda: schema(b"<!DOCTYPE x SYSTEM 'x.dtd'>" + xsd())),
    "a DOCTYPE in a sample": ("pack.xml_doctype", lambda: example(b"<!DOCTYPE a><a/>")),
    "a DOCTYPE in a sample in UTF-16": (
        "pack.xml_doctype",
        lambda: example("<!DOCTYPE a><a/>".encode("utf-16")),
    ),
    "a billion laughs in a Schematron": ("pack.xml_doctype", lambda: rules(laughs("schema"))),
    "a billion laughs in a schema": ("pack.xml_doctype", lambda: schema(laughs("schema"))),
    "an external entity in a schema": (
        "pack.xml_doctype",
        lambda: schema(b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>"),
    ),
    "an XInclude in a schema": (
        "pack.xml_include",
        lambda: schema(
            xsd('<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>')
        ),
    ),
    "an XInclude in a sample": (
        "pack.xml_include",
        lambda: example(
            b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></a>'
        ),
    ),
    "a schema from the network": ("pack.schema_outside", lambda: including("http://127.0.0.1:9/x.xsd")),
    "a schema from another host": ("pack.schema_outside", lambda: including("//127.0.0.1/x.xsd")),
    "a schema from the disk": ("pack.schema_outside", lambda: including("file:///etc/x.xsd")),
    "a schema by an absolute path": ("pack.schema_outside", lambda: including("/etc/x.xsd")),
    "a schema by a drive": ("pack.schema_outside", lambda: including("C:\\x.xsd")),
    "a schema above the pack": ("pack.schema_outside", lambda: including("../../x.xsd")),
    "a schema above the pack in disguise": (
        "pack.schema_outside",
        lambda: including("a/%2e%2e/%2e%2e/%2e%2e/x.xsd"),
    ),
    "a schema above the pack by backslashes": ("pack.schema_outside", lambda: including("..\\..\\x.xsd")),
    "an import from the network": (
        "pack.schema_outside",
        lambda: including('https://127.0.0.1/x.xsd" namespace="urn:x', "import"),
    ),
    "a redefinition from the network": (
        "pack.schema_outside",
        lambda: including("ftp://127.0.0.1/x.xsd", "redefine"),
    ),
    "schemas that include each other": ("", around),
    "a Schematron that includes": (
        "pack.schematron_include",
        lambda: rules(sch(inside='<include href="file:///etc/passwd"/>')),
    ),
    "a Schematron that extends": (
        "pack.schematron_include",
        lambda: rules(
            sch(inside='<pattern><rule context="x"><extends href="http://127.0.0.1/"/></rule></pattern>')
        ),
    ),
    "abstract patterns": (
        "pack.rules_unreadable",
        lambda: rules(sch(inside='<pattern abstract="true" id="p"><rule context="$x"/></pattern>')),
    ),
    "rules that read a file": (
        "pack.schematron_outside",
        lambda: asking("unparsed-text('file:///etc/passwd')!=''"),
    ),
    "rules that read a document": (
        "pack.schematron_outside",
        lambda: asking("fn:doc (: x :) ('/etc/x.xml')"),
    ),
    "rules that read the environment": (
        "pack.schematron_outside",
        lambda: asking("environment-variable('PATH')"),
    ),
    "rules that reach out by a reference": (
        "pack.schematron_outside",
        lambda: asking("unparsed-text#1('x')"),
    ),
    "125 000 assertions": (
        "pack.too_much_markup",
        lambda: rules(
            sch(inside="<pattern><rule context='a'>" + "<assert test='b'/>" * 125_000 + "</rule></pattern>")
        ),
    ),
    "a million assertions": (
        "pack.too_much_markup",
        lambda: rules(
            sch(inside="<pattern><rule context='a'>" + "<assert test='b'/>" * 600_000 + "</rule></pattern>")
        ),
    ),
    "a Schematron of nested rules": (
        "pack.too_much_markup",
        lambda: rules(b'<schema xmlns="http://purl.oclc.org/dsdl/schematron">' + b"<p>" * 100_000),
    ),
    "a schema of nested groups": (
        "pack.too_much_markup",
        lambda: schema(xsd("<xs:sequence>" * 300 + "</xs:sequence>" * 300)),
    ),
    "an expression of nested brackets": (
        "pack.too_much_markup",
        lambda: asking("(" * 5000 + "1" + ")" * 5000),
    ),
    "an expression of 60 000 characters": (
        "pack.too_much_markup",
        lambda: asking(" or ".join(["a=1"] * 9000)),
    ),
    "a rule file of 9 MiB": (
        "pack.too_much_markup",
        lambda: rules(sch() + b"<!--" + bytes(range(65, 91)) * 370_000 + b"-->"),
    ),
    "a regular expression that never ends": ("", lambda: asking("matches(@code, '^(a+)+$')")),
    "a schema that is no schema": ("pack.rules_unreadable", lambda: schema(b"<a/>")),
    "a Schematron that is no Schematron": ("pack.rules_unreadable", lambda: rules(b"<a/>")),
    "a Schematron cut short": ("pack.rules_unreadable", lambda: rules(sch()[:-20])),
    "a Schematron in UTF-7": (
        "pack.rules_unreadable",
        lambda: rules(b"<?xml version='1.0' encoding='utf-7'?>" + sch().decode().encode("utf-7")),
    ),
    "an empty schema": ("pack.rules_unreadable", lambda: schema(b"")),
}
PACKS: dict[str, Case] = {**ARCHIVES, **CONTENTS}
