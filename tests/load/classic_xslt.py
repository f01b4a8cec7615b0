"""How the ISO skeleton hands a Schematron file to an XSLT processor: a mode and a walk over the document for every pattern.

What most validators run today, and so what the engine is measured beside; the product itself lets SaxonC walk once.
"""

from xml.sax.saxutils import quoteattr

from broker.document.markup import CDA
from broker.validation.schematron.load import Pattern, SchematronFile


def classic_stylesheet(file: SchematronFile) -> str:
    """Write the stylesheet; it prints the message of each failed assertion."""
    spaces = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in file.namespaces.items() if prefix)
    modes = range(len(file.patterns))
    calls = "".join(f'<xsl:apply-templates select="." mode="m{mode}"/>' for mode in modes)
    patterns = "".join(_pattern(file, pattern, f"m{mode}") for mode, pattern in enumerate(file.patterns))
    return (
        '<xsl:stylesheet version="3.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" '
        f'xpath-default-namespace="{CDA}"{spaces}><xsl:output method="text" encoding="UTF-8"/>'
        f'<xsl:template match="/">{calls}</xsl:template>{patterns}</xsl:stylesheet>'
    )


def _pattern(file: SchematronFile, pattern: Pattern, mode: str) -> str:
    walk = f'<xsl:apply-templates select="@*|node()" mode="{mode}"/>'
    outer = "".join(
        f'<xsl:variable name="{one.name}" select={quoteattr(f"(root())/({one.value})")}/>'
        for one in (*file.variables, *pattern.variables)
    )
    rules = []
    for turn, rule in enumerate(pattern.rules):
        own = "".join(
            f'<xsl:variable name="{one.name}" select={quoteattr(one.value)}/>' for one in rule.variables
        )
        tests = "".join(
            f"<xsl:if test={quoteattr(item.test if item.report else f'not({item.test})')}>"
            f"<xsl:value-of select={quoteattr(_literal(item.message))}/></xsl:if>"
            for item in rule.assertions
        )
        rules.append(
            f'<xsl:template match={quoteattr(rule.context)} mode="{mode}" priority="{1000 - turn}">'
            f"{outer}{own}{tests}{walk}</xsl:template>"
        )
    return (
        f'{"".join(rules)}<xsl:template match="/|*" mode="{mode}" priority="-1">{walk}</xsl:template>'
        f'<xsl:template match="@*|text()|comment()|processing-instruction()" mode="{mode}" priority="-1"/>'
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
