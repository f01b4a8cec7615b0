"""How a finding about signatures is put together: whose signature it is, the code, the shape all of them share."""

from typing import Final

from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.submission import SignatureKind, SignaturePart

_LONGEST: Final = 200


def name_of(number: int, part: SignaturePart) -> str:
    """Name a signature as people find it in the submission: its number from 1, whose it is, the role."""
    if part.kind is SignatureKind.ORGANIZATION:
        return f"Подпись № {number} (организации)"
    role = f", роль {part.role}" if part.role else ""
    return f"Подпись № {number} (медработника{role})"


def masked(digits: str) -> str:
    """Show the last two digits of a personal number."""
    return "*" * max(len(digits) - 2, 0) + digits[-2:]


def finding(
    code: str,
    message: str,
    fix: str,
    *,
    remd_code: str | None = None,
    responsible: Responsible = Responsible.CLINIC,
    severity: Severity = Severity.ERROR,
    source: Source = Source.SEEN,
    value: str | None = None,
    expected: str | None = None,
) -> Finding:
    """Return a finding of the signature layer; ``code`` is what stands after ``signature.``."""
    return Finding(
        layer=Layer.SIGNATURE,
        severity=severity,
        code=f"signature.{code}",
        message=message,
        fix=fix,
        responsible=responsible,
        source=source,
        remd_code=remd_code,
        value=None if value is None else _printable(value),
        expected=None if expected is None else _printable(expected),
    )


def _printable(text: str) -> str:
    """Leave out what cannot be shown or stored: a certificate's fields may hold any character."""
    return "".join(sign for sign in text if sign.isprintable())[:_LONGEST]
