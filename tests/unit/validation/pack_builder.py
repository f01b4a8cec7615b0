"""Rule packs made up for tests: our own rules in the layouts and archives in which official packs are found."""

import io
import struct
import zipfile
import zlib

GUIDE = "1.2.643.5.1.13.13.15.13.7"
PROJECT = "1.2.643.5.1.13.13.15.13"
README = (
    '# Документация СЭМД "Протокол консультации" Редакция 7\n\n'
    "Дата первичного опубликования в Едином репозитории: 11.03.2025\n\nДата начала регистрации: 10.09.2025\n"
)
SIGN = (
    "ClinicalDocument/author/time",
    "@value!=''",
    "У1-13. Элемент time должен иметь значение атрибута @value.",
)


def sch(template=GUIDE, *rules, head="", inside=""):
    """A Schematron that demands a templateId and whatever (context, test, message) is given."""
    said = [("ClinicalDocument", "count(templateId)=1", "У1-3. templateId"), *rules]
    if template:
        said.append(("ClinicalDocument/templateId", f"@root='{template}'", "У1-3. Значение templateId"))
    body = "".join(
        f'<pattern><rule context="{context}"><assert test="{test}">{message}</assert></rule></pattern>'
        for context, test, message in said
    )
    return (
        f'{head}<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">{inside}{body}</schema>'
    ).encode()


def xsd(include="", time='<xs:attribute name="value" type="xs:string"/>', head=""):
    """A root schema of a document with a code, a templateId and an author with a time."""
    return (
        f'{head}<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3" '
        f'xmlns="urn:hl7-org:v3" elementFormDefault="qualified">{include}'
        '<xs:complexType name="II"><xs:attribute name="root" type="xs:string"/></xs:complexType>'
        '<xs:complexType name="CD"><xs:attribute name="code" type="xs:string"/>'
        '<xs:attribute name="codeSystem" type="xs:string"/></xs:complexType>'
        '<xs:complexType name="ANY"><xs:attribute name="nullFlavor" type="xs:string"/></xs:complexType>'
        '<xs:complexType name="TS"><xs:complexContent><xs:extension base="ANY">'
        f"{time}</xs:extension></xs:complexContent></xs:complexType>"
        '<xs:complexType name="Author"><xs:sequence><xs:element name="time" type="TS"/></xs:sequence></xs:complexType>'
        '<xs:element name="ClinicalDocument"><xs:complexType><xs:sequence><xs:element name="templateId" type="II"/>'
        '<xs:element name="code" type="CD"/><xs:element name="author" type="Author" minOccurs="0"/></xs:sequence>'
        "</xs:complexType></xs:element></xs:schema>"
    ).encode()


def sample(template=GUIDE, code="290", author="", system="1.2.643.5.1.13.13.11.1520"):
    """A document those rules judge."""
    return (
        f'<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="{template}"/>'
        f'<code code="{code}" codeSystem="{system}"/>{author}</ClinicalDocument>'
    ).encode()


def repository_files(root=""):
    """A pack as the repository keeps it: a common schema, the kind's own, a Schematron with a version, a sample."""
    files = {
        "README.md": README.encode(),
        "guide/CDA_ПРОБА_Р7.pdf": b"%PDF-1.7 " + b"\x00" * 100,
        "Список изменений.docx": b"PK\x03\x04 not looked into",
        "html/.gitkeep": b"",
        "schematron/290 Schematron v.1.7.sch": sch(),
        "xsd/XSD CDA/CDA.xsd": xsd(),
        "xsd/XSD CDA/coreschemas/voc.xsd": xsd(),
        "xsd/XSD_ПРОБА_Р7/CDA.xsd": xsd('<xs:include schemaLocation="coreschemas\\типы.xsd"/>'),
        "xsd/XSD_ПРОБА_Р7/coreschemas/типы.xsd": (
            b'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3"/>'
        ),
        "xml/Протокол консультации.xml": sample(),
    }
    return {f"{root}/{name}" if root else name: content for name, content in files.items()}


def vendor_files():
    """A pack as 1C takes it: ``<kind>.sch`` beside a directory named by the kind."""
    return {"290.sch": sch(), "290/CDA.xsd": xsd()}


def put(directory, files):
    """Write files under a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def zipped(files, method=zipfile.ZIP_DEFLATED, *, folders=False):
    """An archive of the files; names that are not ASCII get the flag of UTF-8."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for folder in sorted({name.rpartition("/")[0] for name in files if "/" in name} if folders else ()):
            archive.writestr(f"{folder}/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


class Record:
    """One entry written by hand: what its headers say may be a lie."""

    def __init__(
        self, name, content=b"", *, raw=None, flags=0, method=0, extra=b"", mode=0o100644, said=None, at=None
    ):
        self.name, self.content, self.flags, self.method, self.extra = name, content, flags, method, extra
        self.raw = content if raw is None else raw
        self.mode, self.at = mode, at
        self.said = len(content) if said is None else said


def handmade(records):
    """An archive of records as they are."""
    body, listing = bytearray(), bytearray()
    for record in records:
        at = len(body) if record.at is None else record.at
        checksum = zlib.crc32(record.content)
        sizes = struct.pack("<III", checksum, len(record.raw), record.said)
        head = struct.pack("<HHHHH", 20, record.flags, record.method, 0, 0x21)
        names = struct.pack("<HH", len(record.name), len(record.extra))
        if record.at is None:
            body += b"PK\x03\x04" + head + sizes + names + record.name + record.extra + record.raw
        listing += (
            b"PK\x01\x02" + struct.pack("<H", 0x0314) + head + sizes + names + struct.pack("<HHH", 0, 0, 0)
        )
        listing += struct.pack("<II", record.mode << 16, at) + record.name + record.extra
    end = struct.pack("<HHHHIIH", 0, 0, len(records), len(records), len(listing), len(body), 0)
    return bytes(body + listing) + b"PK\x05\x06" + end


def unicode_path(name, text):
    """Info-ZIP's extra field that gives an entry its name in UTF-8."""
    data = struct.pack("<BI", 1, zlib.crc32(name)) + text.encode()
    return struct.pack("<HH", 0x7075, len(data)) + data
