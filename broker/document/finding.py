"""A finding: what is wrong with a document, where, how to mend it and who must.

One shape for every layer and every answer of an outside system, so that a МИС programmer learns it once.
"""

from enum import StrEnum

import msgspec

from broker.document.written import always


class Layer(StrEnum):
    """Which check speaks."""

    XML = "xml"
    """The bytes: encoding, well-formedness, forbidden constructs, size."""
    KIND = "kind"
    """The kind of document: known, open on the creation date, matching the template."""
    XSD = "xsd"
    """The XML schema of the kind's rule set."""
    SCHEMATRON = "schematron"
    """The Schematron of the kind's rule set."""
    NSI = "nsi"
    """Dictionaries of НСИ."""
    BUSINESS = "business"
    """Check digits, dates, phones: rules no schema can state."""
    METADATA = "metadata"
    """The submission against the document."""
    SIGNATURE = "signature"
    """Detached CMS containers."""
    POLICY = "policy"
    """What the operator or the clinic demands beyond the state's rules."""
    REGISTRY = "registry"
    """The answer of a state system."""


class Severity(StrEnum):
    """Whether the document may go on."""

    ERROR = "error"
    """Blocks the document."""
    WARNING = "warning"
    """Told, not blocking."""


class Responsible(StrEnum):
    """Who must act."""

    CLINIC = "clinic"
    """The registrar or doctor mends the data."""
    MIS = "mis"
    """The vendor of the МИС mends the program."""
    OPERATOR = "operator"
    """We mend a setting, a link, a channel."""
    DESTINATION = "destination"
    """The state system; trying again may help."""


class Source(StrEnum):
    """Where the rule comes from: only official and seen rules block by default."""

    OFFICIAL = "official"
    """A pack or dictionary of Minzdrav, ФФОМС, or the answer of the system itself."""
    SEEN = "seen"
    """Seen in a public source."""
    OWN = "own"
    """Our own guess."""


class Location(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where in the document: XPath from the root, line from 1 (0 = unknown), column from 1."""

    xpath: str = always("")
    line: int = always(0)
    column: int | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that is wrong; ``message`` and ``fix`` are Russian, personal data is masked in ``value``.

    ``code`` is stable (``schematron.assert_failed``); ``rule`` is the number inside the pack (``У1-12.1.5.1``);
    ``remd_code`` is the НСИ 1.2.643.5.1.13.13.99.2.305 mnemonic РЭМД would answer with.
    The last four fields speak of a case inside a registry for ТФОМС.
    """

    layer: Layer
    severity: Severity
    code: str
    message: str
    responsible: Responsible
    source: Source
    rule: str | None = None
    location: Location | None = always(None)
    value: str | None = None
    expected: str | None = None
    fix: str | None = None
    remd_code: str | None = None
    n_zap: str | None = None
    id_case: str | None = None
    sl_id: str | None = None


def blocks(findings: "list[Finding] | tuple[Finding, ...]") -> bool:
    """Tell whether any of the findings stops the document."""
    return any(finding.severity is Severity.ERROR for finding in findings)
