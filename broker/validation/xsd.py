"""The XML schema of a rule set: libxml2 first, xmlschema where libxml2 refuses the schema, and the report says which.

Schemas are read from the rule set's directory only: an include that leaves it, a DTD or an address on the network is
refused. All faults are reported, not the first, up to a bound.
"""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from urllib.parse import unquote, urlsplit

import xmlschema
from lxml import etree
from lxml.etree import _Element as Element
from lxml.etree import _LogEntry as LogEntry

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.markup import XSI, Markup, name_of
from broker.validation.advice import Advice, exact_advice, headed
from broker.validation.report import shown
from broker.validation.xsd_messages import MISSING, UNEXPECTED, Wording, misfitting, worded
from broker.validation.xsd_trial import Misfit, Trial

MAX_FAULTS: Final = 100
"""Faults of one document after which the layer stops looking."""

COMPLETE: Final = frozenset(
    {"xsd.fixed_value", "xsd.bad_value", "xsd.type_forbidden", "xsd.text_forbidden", "xsd.elements_forbidden"}
)
"""Codes whose own cure says all."""
VAGUE: Final = frozenset({"xsd.pattern", "xsd.too_short"})
"""Codes whose own cure gives way to that of the element."""
MAX_TRIED: Final = 30
"""Faults beyond which nobody tries out which of them is which: the document is not of this kind at all."""


class SchemaRefused(Exception):  # noqa: N818 - a verdict about a schema, named as one
    """Neither engine can compile the schema; the text says why."""


class Fault(NamedTuple):
    """One fault as an engine states it, in the engine's own words, which quote the document and stay in here."""

    element: Element
    message: str


class Schema:
    """A compiled schema; ``note`` says so when the slower engine stands in, and why."""

    def __init__(self, path: Path, home: Path) -> None:
        self.note = ""
        try:
            self._native: etree.XMLSchema | None = _libxml2_schema(path, home)
            self._lax: xmlschema.XMLSchema | None = None
        except etree.XMLSchemaParseError as refusal:
            self._native = None
            self._lax = _xmlschema_schema(path, home, refusal)
            self.note = "схему проверил xmlschema: libxml2 не принимает схему этого набора"

    def faults(self, root: Element) -> Iterator[Fault]:
        """Yield what is wrong with a document, each element's content model once."""
        if self._native is not None:
            yield from _libxml2_faults(self._native, root)
        elif self._lax is not None:
            for error in self._lax.iter_errors(root):
                element = root if error.elem is None else cast("Element", error.elem)
                yield Fault(element, error.reason or "")

    def unfit(self, root: Element) -> Iterator[tuple[Element, Element | None]]:
        """Yield the elements whose children do not fit, and the child that does not, as libxml2 tells it."""
        for fault in itertools.islice(self.faults(root), MAX_FAULTS):
            parent = fault.element.getparent()
            if "This element is not expected" in fault.message and parent is not None:
                yield parent, fault.element
            elif "Missing child element" in fault.message:
                yield fault.element, None


def findings(schema: Schema, markup: Markup, verdict: tuple[Severity, Source]) -> tuple[Finding, ...]:
    """Check a document and word every fault for people; ``verdict`` is how much the schema's word counts."""
    found = list(itertools.islice(schema.faults(markup.root), MAX_FAULTS))
    trial = Trial(markup.root, schema.unfit, allowed=len(found) <= MAX_TRIED)
    return tuple(_finding(fault, markup, trial, *verdict) for fault in found)


def _finding(fault: Fault, markup: Markup, trial: Trial, severity: Severity, source: Source) -> Finding:
    element = name_of(str(fault.element.tag))
    wording = worded(fault.message, element)
    place, extra = fault.element, False
    if wording.code == UNEXPECTED and fault.message.startswith("Element '"):
        verdict = trial.judge(fault.element, wording.expected)
        extra = verdict.misfit in {Misfit.EXTRA, Misfit.MISPLACED}
        wording, place = misfitting(wording, verdict, fault.element)
    location = markup.locate(place)
    advice = _advice(place, location.xpath, wording)
    value = fault.element.get(wording.attribute) if wording.attribute else None
    return Finding(
        layer=Layer.XSD,
        severity=severity,
        code=wording.code,
        message=headed(wording.message, place, advice),
        location=location,
        value=None if value is None else shown(element, name_of(wording.attribute), value),
        expected=wording.expected,
        fix=_fix(wording, None if extra else advice),
        responsible=_responsible(wording, advice),
        source=source,
        remd_code="VALIDATION_ERROR",
    )


def _fix(wording: Wording, advice: Advice | None) -> str:
    """Join our two cures where the schema's word alone does not say what to write."""
    unsaid = wording.code == "xsd.bad_value" and wording.expected is None
    if advice is None or (wording.code in COMPLETE and not unsaid):
        return wording.fix
    return advice.fix if unsaid or wording.code in VAGUE else f"{wording.fix} {advice.fix}"


def _responsible(wording: Wording, advice: Advice | None) -> Responsible:
    """Return who mends it: data that are not there are the registrar's, everything else is the program's."""
    lacking = wording.code == "xsd.too_short" or wording.attribute == "nullFlavor"
    return advice.who if advice is not None and lacking else Responsible.MIS


def _advice(place: Element, xpath: str, wording: Wording) -> Advice | None:
    """Return the advice for what is missing, where something is, else for the place."""
    missing = (wording.expected or "").split(",")[0].strip() if wording.code == MISSING else ""
    found = exact_advice(f"{xpath}/{missing}") if missing else None
    return found or (exact_advice(xpath) if place.getparent() is not None else None)


def _libxml2_faults(schema: etree.XMLSchema, root: Element) -> Iterator[Fault]:
    if schema.validate(root):
        return
    tree = root.getroottree()
    typeless: set[Element] = set()
    prefixes = _namespaces(root)
    for entry in cast("Iterable[LogEntry]", schema.error_log):
        nodes = cast("list[Element]", tree.xpath(entry.path, namespaces=prefixes)) if entry.path else []
        element = nodes[0] if nodes else root
        if "does not resolve to a type definition" in entry.message:
            typeless.add(element)
        elif "type definition is abstract" in entry.message and element in typeless:
            continue
        yield Fault(element, entry.message)


def _namespaces(root: Element) -> dict[str, str]:
    """Collect the prefixes libxml2 writes into its paths: all a document declares, wherever it does."""
    found: dict[str, str] = {"xsi": XSI}
    for element in root.iter():
        for prefix, uri in element.nsmap.items():
            if prefix is not None:
                found.setdefault(prefix, uri)
    return found


def _libxml2_schema(path: Path, home: Path) -> etree.XMLSchema:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    confined = _Confined(home.resolve())
    parser.resolvers.add(confined)
    try:
        tree = etree.parse(path, parser)
    except (OSError, etree.XMLSyntaxError) as error:
        raise SchemaRefused(f"{path.name}: {type(error).__name__}") from error
    try:
        compiled = etree.XMLSchema(tree)
    finally:
        if confined.refused:
            raise SchemaRefused(f"{path.name}: includes what lies outside its rule set")
    return compiled


def _xmlschema_schema(path: Path, home: Path, refusal: etree.XMLSchemaParseError) -> xmlschema.XMLSchema:
    try:
        return xmlschema.XMLSchema(
            str(path), validation="lax", allow="sandbox", defuse="always", base_url=str(home)
        )
    except (xmlschema.XMLSchemaException, OSError) as error:
        raise SchemaRefused(f"{path.name}: libxml2: {refusal}; xmlschema: {type(error).__name__}") from error


class _Confined(etree.Resolver):
    """Lets a schema include only files of its own rule set."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.refused = False

    def resolve(self, system_url: str, public_id: str, *rest: Any) -> Any:
        """Leave a file of the set to libxml2, and answer anything outside with nothing; ``rest`` is lxml's context."""
        del public_id
        address = urlsplit(system_url)
        target = Path(unquote(address.path)).resolve()
        if address.scheme not in {"", "file"} or address.netloc or not target.is_relative_to(self._home):
            self.refused = True
            return self.resolve_string("<refused/>", *rest, base_url=None)
        return None
