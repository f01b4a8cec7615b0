"""Are the elements known, in their places and in order: our own schemas, told in Russian without a single value.

A known element in a wrong place blocks (the order is seen in public code); a name we do not know only warns: regions add
fields of their own.
"""

import re
from pathlib import Path
from typing import Final

from lxml import etree

from broker.adapter_kit.soap import safe_parser
from broker.document.finding import Finding, Layer, Location, Severity, Source
from broker.validation.registry.package import finding
from broker.validation.registry.shape import Shape

_UNEXPECTED: Final = "SCHEMAV_ELEMENT_CONTENT"
_NAME: Final = re.compile(r"Element '([^']+)'")


class Structure:
    """Both schemas, compiled once."""

    def __init__(self, main: etree.XMLSchema, person: etree.XMLSchema, shape: Shape) -> None:
        self._schemas = (main, person)
        self._known = shape.names

    @classmethod
    def load(cls, main: Path, person: Path, shape: Shape) -> "Structure":
        """Compile the schemas."""
        return cls(_schema(main), _schema(person), shape)

    def check(self, main: etree._Element, person: etree._Element, limit: int) -> list[Finding]:
        """Return what stands where it should not, at most ``limit`` findings per file."""
        findings: list[Finding] = []
        for schema, root in zip(self._schemas, (main, person), strict=True):
            if not schema.validate(root):
                findings.extend(self._finding(entry) for entry in list(schema.error_log)[:limit])  # type: ignore[call-overload]  # the stubs forget __iter__
        return findings

    def _finding(self, entry: etree._LogEntry) -> Finding:
        match = _NAME.match(entry.message)
        name = match[1] if match else ""
        location = Location(xpath=entry.path or "", line=entry.line)
        if entry.type_name != _UNEXPECTED:
            return finding(
                "value_too_long",
                f"Значение элемента {name} недопустимо по длине.",
                "Сократите значение.",
                layer=Layer.XSD,
                location=location,
            )
        if name in self._known:
            return finding(
                "misplaced_element",
                f"Элемент {name} стоит не на своём месте, повторён или нарушает порядок элементов.",
                "Расположите элементы в порядке, установленном для реестра.",
                layer=Layer.XSD,
                location=location,
            )
        return finding(
            "unknown_element",
            f"Элемент {name[:40]} нам неизвестен: возможно, это региональное поле или другая версия формата.",
            "Проверьте имя элемента; региональные поля передаются как есть.",
            layer=Layer.XSD,
            severity=Severity.WARNING,
            source=Source.OWN,
            location=location,
        )


def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path, safe_parser()))
