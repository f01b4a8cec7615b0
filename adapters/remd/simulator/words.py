"""What the checker of the house found, told as РЭМД tells it: its order, its codes, its texts with their values."""

import functools
import re
from collections.abc import Sequence
from typing import Final

from lxml import etree

from adapters.remd.simulator import texts
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.soap import safe_parser
from broker.document.finding import Finding, Layer, Severity

_ORDER: Final = (
    Layer.XML,
    Layer.SIGNATURE,
    Layer.KIND,
    Layer.METADATA,
    Layer.BUSINESS,
    Layer.NSI,
    Layer.XSD,
    Layer.SCHEMATRON,
    Layer.POLICY,
    Layer.REGISTRY,
)
_CODES: Final[dict[Layer, str]] = {
    Layer.XML: "INVALID_CONTENT",
    Layer.KIND: "NO_DOCUMENT_KIND_ON_DATE",
    Layer.NSI: "INVALID_ELEMENT_VALUE_CODE",
    Layer.SIGNATURE: "SIGNATURE_VERIFICATION_ERROR",
}
_STRICT: Final = frozenset({"nsi.version_not_allowed"})
"""What is a warning to the house and was seen refused by РЭМД."""
_STEP: Final = re.compile(r"(?:\w+:)?([\w.-]+)\[(\d+)\]")


class WordsOf:
    """The words about one file: texts about coded values name them as they stand in it, as the real ones do."""

    def __init__(self, content: bytes, kind: str) -> None:
        self._content = content
        self._kind = kind

    def refusals(self, findings: Sequence[Finding]) -> list[Refusal]:
        """Put findings into the words of РЭМД, in its order; warnings do not refuse."""
        told = [one for one in findings if one.severity is Severity.ERROR or one.code in _STRICT]
        told.sort(key=lambda one: _ORDER.index(one.layer))
        return [self._refusal(one) for one in told]

    def _refusal(self, finding: Finding) -> Refusal:
        code = finding.remd_code or _CODES.get(finding.layer, "VALIDATION_ERROR")
        path = finding.location.xpath if finding.location else ""
        match finding.layer:
            case Layer.SCHEMATRON:
                rule = f"{finding.rule}. " if finding.rule else ""
                text = f"Ошибка валидации Schematron: {rule}{finding.message} Путь: {path}"
                return Refusal("VALIDATION_ERROR", text)
            case Layer.XSD:
                return Refusal("VALIDATION_ERROR", f"Ошибка валидации СЭМД: {finding.message}")
            case Layer.XML:
                return texts.not_xml()
            case Layer.KIND if code == "NO_DOCUMENT_KIND_ON_DATE":
                return texts.kind_closed(self._kind)
            case Layer.NSI:
                return self._of_dictionary(code, finding, path)
            case _:
                return Refusal(code, finding.message)

    def _of_dictionary(self, code: str, finding: Finding, path: str) -> Refusal:
        """Word a finding about a coded value; without its element the finding speaks for itself."""
        element = self._element(path)
        if element is None:
            return Refusal(code, finding.message)
        oid, version = element.get("codeSystem", ""), element.get("codeSystemVersion", "")
        match finding.code:
            case "nsi.version_not_allowed":
                said = (
                    f". Версия [{version}] недопустима для документа вида [{self._kind}]."
                    f" Требуется: [{finding.expected}]"
                )
            case "nsi.unknown_version" | "nsi.version_malformed":
                said = f". Версия [{version}] отсутствует для данного справочника"
            case "nsi.oid_malformed":
                said = ". Справочник с указанным кодом отсутствует"
            case "nsi.unknown_code":
                said = f", версия [{version}]. Элемент с кодом [{element.get('code', '')}] отсутствует"
            case "nsi.name_mismatch":
                said = (
                    f", версия [{version}]. Наименование элемента [{element.get('displayName', '')}]"
                    f" не соответствует наименованию элемента в НСИ [{finding.expected or ''}]"
                )
            case _:
                return Refusal(code, finding.message)
        return texts.dictionary(code, oid, said)

    @functools.cached_property
    def _root(self) -> etree._Element | None:
        try:
            return etree.fromstring(self._content, safe_parser(huge=True))
        except etree.XMLSyntaxError:
            return None

    def _element(self, path: str) -> etree._Element | None:
        """Walk a positional path; prefixes are those of people, so names are compared without them."""
        node = self._root
        for name, number in _STEP.findall(path)[1:]:
            if node is None:
                return None
            same = [
                one
                for one in node.iterchildren()
                if isinstance(one.tag, str) and etree.QName(one).localname == name
            ]
            node = same[int(number) - 1] if int(number) <= len(same) else None
        return node
