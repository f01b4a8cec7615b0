"""The kind layer: is the stated kind known, open on the day of creation, and is this document of that kind?"""

from datetime import date, datetime

from broker.document.canonical import CanonicalDocument
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.document.kind import KindCard, KindCatalogue
from broker.document.markup import CDA, Markup

_H = f"{{{CDA}}}"


def check(
    document: CanonicalDocument, markup: Markup, catalogue: KindCatalogue, at: datetime
) -> tuple[Finding, ...]:
    """Judge the kind; without a creation date the day of receipt decides."""
    if not document.kind:
        return ()
    card = catalogue.get(document.kind)
    if card is None:
        return (unknown(document.kind),)
    day = created_day(document, at)
    found = [
        _closed(card, catalogue, day, markup),
        _template(card, document, catalogue, markup),
        _code(card, document, markup),
        _format(card),
    ]
    return tuple(finding for finding in found if finding is not None)


def created_day(document: CanonicalDocument, at: datetime) -> date:
    """Return the day the kind and its rules are judged by: the creation date in the document's own offset."""
    return (document.created_at or at).date()


def unknown(kind: str) -> Finding:
    """Say that nobody here knows the kind."""
    return _finding(
        "kind.unknown",
        f"Вид документа {kind[:40]} неизвестен.",
        "Передайте в kind код вида по справочнику 1.2.643.5.1.13.13.11.1520; если код верный, вид добавляет оператор.",
        remd_code="NO_DOCUMENT_KIND_ON_DATE",
    )


def _closed(card: KindCard, catalogue: KindCatalogue, day: date, markup: Markup) -> Finding | None:
    if card.is_open(day):
        return None
    until = f" по {card.ends:%d.%m.%Y}" if card.ends else ""
    others = catalogue.open_instead(card, day)
    instead = f" На эту дату действуют виды: {', '.join(others)}." if others else ""
    return _finding(
        "kind.closed_on_date",
        f"Вид документа {card.code} не действует на дату создания {day:%d.%m.%Y}: "
        f"он принимается с {card.starts:%d.%m.%Y}{until}.{instead}",
        "Сформируйте документ по виду и редакции, действующим на дату создания; дату создания не меняйте.",
        location=_place(markup, "effectiveTime"),
        source=Source.OFFICIAL,
        remd_code="NO_DOCUMENT_KIND_ON_DATE",
    )


def _template(
    card: KindCard, document: CanonicalDocument, catalogue: KindCatalogue, markup: Markup
) -> Finding | None:
    """Compare templateId: a blocking fault only where it was seen, or where it belongs to another kind."""
    if not document.template or card.accepts_template(document.template):
        return None
    others = [
        other.code for other in catalogue if other.templates_seen and document.template in other.templates
    ]
    certain = card.templates_seen or bool(others)
    belongs = f" Такой templateId у вида {', '.join(others[:3])}." if others else ""
    return _finding(
        "kind.template_mismatch",
        f"templateId документа не соответствует виду {card.code}.{belongs}",
        "Укажите в kind вид этого документа или запишите templateId его руководства.",
        expected=", ".join(card.templates or (card.guide,)),
        value=document.template[:120],
        location=_place(markup, "templateId"),
        severity=Severity.ERROR if certain else Severity.WARNING,
        source=Source.SEEN if certain else Source.OWN,
        remd_code="VALIDATION_ERROR",
    )


def _code(card: KindCard, document: CanonicalDocument, markup: Markup) -> Finding | None:
    if not document.code.code or card.accepts_code(document.code):
        return None
    return _finding(
        "kind.code_mismatch",
        f"Код документа (ClinicalDocument/code) не соответствует виду {card.code}.",
        "Укажите в kind вид этого документа или исправьте ClinicalDocument/code.",
        expected=f"{card.code} (1520), {card.type} (1522) или {card.semd_number} (1079)",
        value=document.code.code[:40],
        location=_place(markup, "code"),
        remd_code="VALIDATION_ERROR",
    )


def _format(card: KindCard) -> Finding | None:
    if card.format == 2:
        return None
    return _finding(
        "kind.not_structured",
        f"Документ вида {card.code} передаётся в PDF/A-1, а не в XML.",
        "Укажите вид структурированного документа (CDA).",
        source=Source.OFFICIAL,
        remd_code="INVALID_DOC_CONTENT_TYPE",
    )


def _place(markup: Markup, name: str) -> Location | None:
    element = markup.root.find(f"{_H}{name}")
    return None if element is None else markup.locate(element)


def _finding(
    code: str,
    message: str,
    fix: str,
    *,
    expected: str | None = None,
    value: str | None = None,
    location: Location | None = None,
    severity: Severity = Severity.ERROR,
    source: Source = Source.SEEN,
    remd_code: str,
) -> Finding:
    return Finding(
        layer=Layer.KIND,
        severity=severity,
        code=code,
        message=message,
        fix=fix,
        expected=expected,
        value=value,
        location=location,
        responsible=Responsible.MIS,
        source=source,
        remd_code=remd_code,
    )
