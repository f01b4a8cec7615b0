"""Dictionaries for the tests of the НСИ layer: small invented ones, and the very editions a document names."""

import csv
import io
import zipfile
from pathlib import Path

from lxml import etree
from validation_stand import ROOT

from broker.document.markup import Markup, parse
from broker.validation.nsi import Dictionaries, Dictionary, NsiRules

RULES = NsiRules.load(ROOT / "schemas" / "nsi" / "dictionaries.toml")
OID = "1.2.643.5.1.13.13.99.2.77777"
COLOURS = {
    "ID": ["1", "2", "3"],
    "NAME": ["Красный", "Синий", "Ночной; тёмный"],
    "NOTE": ["", "а", 'в "кавычках"'],
}


def a_table(**columns: list[str]) -> dict[str, list[str]]:
    return {**COLOURS, **columns}


def as_csv(table: dict[str, list[str]] = COLOURS, *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue().encode(encoding)


def as_zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def a_dictionary(
    oid: str = OID, version: str = "1.2", *, full_name: str = "Цвета", **columns: list[str]
) -> Dictionary:
    """A dictionary by columns; the first is the code, the second the name."""
    table = columns or COLOURS
    key, name, *_ = table
    return Dictionary.of(oid, version, table).described(full_name=full_name, key=key, name=name)


def editions_of(content: bytes, *, filler: int = 0) -> list[Dictionary]:
    """Every edition a document names, holding what the document says of it and ``filler`` rows more."""
    markup = parse(content)
    assert isinstance(markup, Markup)
    stated: dict[tuple[str, str], dict[str, str]] = {}
    titles: dict[tuple[str, str], str] = {}
    for element in markup.root.iter(etree.Element):
        oid, version = element.get("codeSystem", ""), element.get("codeSystemVersion", "")
        if oid.startswith("1.2.643.") and version:
            stated.setdefault((oid, version), {})[element.get("code", "")] = element.get("displayName", "")
            titles[oid, version] = element.get("codeSystemName", "")
    made = []
    for (oid, version), names in stated.items():
        card = RULES.card_of(oid)
        key, name = (card and card.key) or "ID", (card and card.name) or "NAME"
        codes = [*names, *(f"x{n}" for n in range(filler))]
        texts = [*names.values(), *(f"Значение {n}" for n in range(filler))]
        table = {key: codes, name: texts}
        made.append(
            Dictionary.of(oid, version, table).described(full_name=titles[oid, version], key=key, name=name)
        )
    return made


def shelf_of(*dictionaries: Dictionary, **options: object) -> Dictionaries:
    return Dictionaries.of(dictionaries, RULES, **options)


def on_disk(directory: Path, *dictionaries: Dictionary) -> Path:
    for one in dictionaries:
        (directory / one.file_name).write_bytes(one.to_bytes())
    return directory
