"""A Schematron file as an XSLT 3.0 processor runs it: one walk over the document, a template per rule, XPath 3.1 as written.

A node meets its rules in the order of the file, each handing it on to the next; of a pattern only the first speaks.
It prints a line ``number place`` for each failed assertion: its number in the file, and the place of its element among
its siblings from the root down. In the careful form an assertion without an answer is a line of its own (``number place !``)
instead of the end of the document; that form is slower and asked for only then. Unprefixed names mean
``urn:hl7-org:v3``.
"""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import quoteattr

from broker.document.markup import CDA
from broker.validation.schematron.load import Assertion, Pattern, Rule, SchematronFile, Variable

_HEAD: Final = (
    '<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
    f'xmlns:xs="http://www.w3.org/2001/XMLSchema" xpath-default-namespace="{CDA}" exclude-result-prefixes="xs"'
)
_DONE: Final = '<xsl:param name="done" as="xs:integer*" select="()"/>'
"""The patterns, by their places, that have spoken of the node."""
_DEEPER: Final = (
    '<xsl:template match="/|*" mode="walk" priority="-1"><xsl:apply-templates select="@*|node()" mode="walk"/>'
    '</xsl:template><xsl:template match="@*|text()|comment()|processing-instruction()" mode="walk" priority="-1"/>'
)
_PLACE: Final = "string-join(ancestor-or-self::*/string(count(preceding-sibling::*)), '/')"
_SAY: Final = (
    "<xsl:text>{number} </xsl:text>"
    f"<xsl:value-of select={quoteattr(_PLACE)}/><xsl:text>{{mark}}&#10;</xsl:text>"
)


def stylesheet(file: SchematronFile, *, careful: bool = False) -> str:
    """Write the stylesheet; assertions are numbered in the order of the file."""
    return _Writer(file, careful=careful).text()


class _Writer:
    def __init__(self, file: SchematronFile, *, careful: bool) -> None:
        self._file = file
        self._careful = careful
        self._numbers: Iterator[int] = iter(range(10**6))
        self._left = 0

    def text(self) -> str:
        namespaces = "".join(
            f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in self._file.namespaces.items() if prefix
        )
        patterns = self._file.patterns
        self._left = sum(len(pattern.rules) for pattern in patterns)
        parts = [self._pattern(place, pattern) for place, pattern in enumerate(patterns)]
        return (
            f'{_HEAD}{namespaces}><xsl:output method="text" encoding="UTF-8"/>'
            '<xsl:template match="/"><xsl:apply-templates select="." mode="walk"/></xsl:template>'
            f"{_DEEPER}{''.join(parts)}</xsl:stylesheet>"
        )

    def _pattern(self, place: int, pattern: Pattern) -> str:
        outer = (*self._file.variables, *pattern.variables)
        return "".join(self._rule(rule, place, outer) for rule in pattern.rules)

    def _rule(self, rule: Rule, place: int, outer: tuple[Variable, ...]) -> str:
        lets = "".join(
            f'<xsl:variable name="{one.name}" select={quoteattr(f"(root())/({one.value})")}/>'
            for one in outer
        )
        lets += "".join(
            f'<xsl:variable name="{one.name}" select={quoteattr(one.value)}/>' for one in rule.variables
        )
        tests = "".join(self._test(item) for item in rule.assertions)
        self._left -= 1
        return (
            f'<xsl:template match={quoteattr(rule.context)} mode="walk" priority="{self._left}">{_DONE}'
            f'<xsl:if test="not($done = {place})">{lets}{tests}</xsl:if>'
            f'<xsl:next-match><xsl:with-param name="done" select="$done, {place}"/></xsl:next-match></xsl:template>'
        )

    def _test(self, item: Assertion) -> str:
        number = next(self._numbers)
        fails = item.test if item.report else f"not({item.test})"
        said = f"<xsl:if test={quoteattr(fails)}>{_SAY.format(number=number, mark='')}</xsl:if>"
        if not self._careful:
            return said
        caught = f"<xsl:catch>{_SAY.format(number=number, mark=' !')}</xsl:catch>"
        return f"<xsl:try>{said}{caught}</xsl:try>"
