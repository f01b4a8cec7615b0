"""What the common translator, SchXslt 1.9, makes of a Schematron file: the work SaxonC has in most validators of today.

Its shape was read in the project's sources (github.com/schxslt/schxslt, ``xslt/2.0/compile``) and is written here anew: one
walk with a template per rule; each hands the node on together with the patterns that have spoken of it; whatever fires,
fires in vain or fails becomes an element of SVRL in a tree, which is sorted by patterns at the end and written as text.

Up to 1.9.3 a stylesheet for ``queryBinding="xslt2"``, which all official files ask for, also reads itself by
``document('')`` at every run, to name the processor in its metadata; 1.9.4 took that out (issues 192 and 293 there).
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from broker.document.markup import CDA
from broker.validation.schematron.load import Assertion, Rule, SchematronFile, Variable

_OUR_OWN = "urn:inaya:bench"
_SVRL = "http://purl.oclc.org/dsdl/svrl"


_XSL = "http://www.w3.org/1999/XSL/Transform"
_PREFIX = (
    f"if (doc-available('')) then in-scope-prefixes(document('')/*[1])"
    f"[namespace-uri-for-prefix(., document('')/*[1]) eq '{_XSL}'][1] else ()"
)
_METADATA = (
    f'<svrl:metadata><xsl:variable name="prefix" select={quoteattr(_PREFIX)}/>'
    "<xsl:value-of select=\"system-property(concat($prefix, ':product-name'))\"/></svrl:metadata>"
)


def schxslt_form(file: SchematronFile, *, reads_itself: bool) -> str:
    """Write the stylesheet; it prints SVRL with a ``failed-assert`` or ``successful-report`` for each failed assertion.

    One that ``reads_itself`` is what 1.9.3 and earlier write, and must be compiled from a file; without, since 1.9.4.
    """
    spaces = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in file.namespaces.items() if prefix)
    left = sum(len(pattern.rules) for pattern in file.patterns)
    templates = []
    for place, pattern in enumerate(file.patterns):
        for rule in pattern.rules:
            left -= 1
            templates.append(_rule(rule, f"p{place}", left))
    patterns = "".join(
        f'<own:pattern id="p{place}"><svrl:active-pattern/></own:pattern>'
        for place, _ in enumerate(file.patterns)
    )
    globals_ = _variables((*file.variables, *(one for pattern in file.patterns for one in pattern.variables)))
    return (
        f'<xsl:stylesheet version="3.0" xmlns:xsl="{_XSL}" '
        f'xpath-default-namespace="{CDA}" xmlns:own="{_OUR_OWN}" xmlns:svrl="{_SVRL}"{spaces}>'
        f'<xsl:output indent="yes"/>{globals_}'
        '<xsl:mode name="all" use-accumulators="#all"/>'
        '<xsl:template match="/"><xsl:variable name="report" as="element(own:report)"><own:report>'
        f'<own:document>{patterns}<xsl:apply-templates mode="all" select="/"/></own:document>'
        "</own:report></xsl:variable>"
        f'<svrl:schematron-output>{_METADATA if reads_itself else ""}<xsl:for-each select="$report/own:document"><xsl:for-each select="own:pattern">'
        '<xsl:sequence select="node()"/><xsl:sequence select="../own:rule[@pattern = current()/@id]/node()"/>'
        "</xsl:for-each></xsl:for-each></svrl:schematron-output></xsl:template>"
        '<xsl:template match="text()|@*" mode="#all" priority="-10"/>'
        '<xsl:template match="/" mode="#all" priority="-10">'
        '<xsl:apply-templates mode="#current" select="node()"/></xsl:template>'
        '<xsl:template match="*" mode="#all" priority="-10"><xsl:apply-templates mode="#current" select="@*"/>'
        '<xsl:apply-templates mode="#current" select="node()"/></xsl:template>'
        f"{''.join(templates)}</xsl:stylesheet>"
    )


def _rule(rule: Rule, pattern: str, priority: int) -> str:
    context = quoteattr(rule.context)
    said = "".join(_assertion(one) for one in rule.assertions)
    return (
        f'<xsl:template match={context} mode="all" priority="{priority}">'
        f'<xsl:param name="own:spoken" as="xs:string*" xmlns:xs="http://www.w3.org/2001/XMLSchema"/>'
        f"{_variables(rule.variables)}<xsl:choose><xsl:when test=\"$own:spoken[. = '{pattern}']\">"
        f'<own:rule pattern="{pattern}"><xsl:comment>shadowed by a rule before it</xsl:comment>'
        f'<svrl:suppressed-rule><xsl:attribute name="context">{escape(rule.context)}</xsl:attribute>'
        "</svrl:suppressed-rule></own:rule>"
        '<xsl:next-match><xsl:with-param name="own:spoken" select="$own:spoken"/></xsl:next-match></xsl:when>'
        f'<xsl:otherwise><own:rule pattern="{pattern}"><svrl:fired-rule><xsl:attribute name="context">'
        f"{escape(rule.context)}</xsl:attribute></svrl:fired-rule>{said}</own:rule>"
        f'<xsl:next-match><xsl:with-param name="own:spoken" select="($own:spoken, \'{pattern}\')"/></xsl:next-match>'
        "</xsl:otherwise></xsl:choose></xsl:template>"
    )


def _assertion(item: Assertion) -> str:
    name = "successful-report" if item.report else "failed-assert"
    return (
        f"<xsl:if test={quoteattr(item.test if item.report else f'not({item.test})')}>"
        f'<svrl:{name} location="{{path(.)}}"><xsl:attribute name="test">{escape(item.test)}</xsl:attribute>'
        f"<svrl:text>{escape(item.message)}</svrl:text></svrl:{name}></xsl:if>"
    )


def _variables(variables: Iterable[Variable]) -> str:
    return "".join(f'<xsl:variable name="{one.name}" select={quoteattr(one.value)}/>' for one in variables)
