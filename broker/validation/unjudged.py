"""What leaves a document neither good nor bad: rules or trust that cannot be read. It waits; nobody passes unchecked."""

from collections.abc import Iterable
from typing import Final

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.validation.check import RULES_UNREADABLE

TRUST_UNREADABLE: Final = "operator.trust_unreadable"
"""Code of the finding of a document whose signatures nobody could judge."""
UNREADABLE: Final = (RULES_UNREADABLE, TRUST_UNREADABLE)
"""Codes of what a document waits for."""

_SAID: Final = {
    RULES_UNREADABLE: (
        Layer.KIND,
        "Документ не проверен: действующая редакция правил не читается.",
        "Оператор исправит правила; менять и отправлять документ заново не нужно.",
    ),
    TRUST_UNREADABLE: (
        Layer.SIGNATURE,
        "Документ не проверен: каталог доверия (корневые сертификаты и списки отзыва) не читается.",
        "Оператор исправит каталог доверия; менять и отправлять документ заново не нужно.",
    ),
}


def unjudged(code: str) -> Finding:
    """Return the finding of a document that could not be judged at all."""
    layer, message, fix = _SAID[code]
    return Finding(
        layer=layer,
        severity=Severity.ERROR,
        code=code,
        message=message,
        fix=fix,
        responsible=Responsible.OPERATOR,
        source=Source.OWN,
    )


def waits_for(findings: Iterable[Finding]) -> str:
    """Return the code of what a document waits for, empty where it was judged."""
    said = {one.code for one in findings}
    return next((code for code in UNREADABLE if code in said), "")
