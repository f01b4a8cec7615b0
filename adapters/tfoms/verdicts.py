"""From a fund's words to ours: rows of a protocol become findings per case, refusals in words become outcomes."""

from typing import Final

from adapters.tfoms.privacy import Censor
from adapters.tfoms.protocol import Row, Stage
from broker.adapter_kit import AnswerTable, Held, Outcome, Rejected, Unavailable, Verdict
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source

SHOWN: Final = frozenset(
    [
        "CODE_MO",
        "YEAR",
        "MONTH",
        "DSCHET",
        "PLAT",
        "SUMMAV",
        "SUMMAP",
        "N_ZAP",
        "PR_NOV",
        "VPOLIS",
        "SMO",
        "USL_OK",
        "VIDPOM",
        "FOR_POM",
        "NPR_MO",
        "LPU",
        "DATE_Z_1",
        "DATE_Z_2",
        "IDSP",
        "SUMV",
        "DET",
        "P_CEL",
        "P_PER",
        "DATE_1",
        "DATE_2",
        "KD",
        "KD_Z",
        "SUM_M",
        "TARIF",
        "ED_COL",
        "VERSION",
        "SD_Z",
        "FILENAME",
        "FILENAME1",
    ]
)
"""Elements whose values may be repeated: neither persons, nor policies, nor diagnoses."""
_STAGE_CODES: Final = {
    Stage.FLK_FAILED: "tfoms.flk_failed",
    Stage.MEK_FAILED: "tfoms.mek_failed",
    Stage.MEK_PASSED: "tfoms.mek_refused_case",
}
_RULE_LENGTH: Final = 15


def row_findings(found: list[Row], stage: Stage, censor: Censor, table: AnswerTable) -> tuple[Finding, ...]:
    """Turn the rows of a protocol into findings with the fund's own codes and texts, persons masked."""
    return tuple(_finding(row, stage, censor, table) for row in found)


def _finding(row: Row, stage: Stage, censor: Censor, table: AnswerTable) -> Finding:
    known = table.match(row.rule, row.comment)
    comment = censor.clean(row.comment)
    said = known.say if known else ""
    return Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code=_STAGE_CODES.get(stage, "tfoms.refused"),
        rule=row.rule[:_RULE_LENGTH] or None,
        message=said or comment or f"Фонд отказал по правилу {row.rule[:_RULE_LENGTH]} без пояснения.",
        fix=(known.fix if known else "") or "Исправьте случай и передайте его новым пакетом с PR_NOV=1.",
        value=row.value[:40] if row.value and row.element in SHOWN else None,
        location=Location(xpath="/".join(part for part in (row.owner, row.element) if part)[:60]),
        responsible=known.responsible if known else Responsible.CLINIC,
        source=Source.OFFICIAL,
        n_zap=row.n_zap[:36] or None,
        id_case=row.id_case[:36] or None,
        sl_id=row.sl_id[:36] or None,
    )


def no_rows(stage: Stage) -> Finding:
    """Say that the fund refused the package without naming a single error."""
    return Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code=f"{_STAGE_CODES.get(stage, 'tfoms.refused')}_empty",
        message=f"Фонд сообщил «{stage}», но протокол ошибок пуст.",
        fix="Оператор запросит у фонда протокол; пакет не принят.",
        responsible=Responsible.OPERATOR,
        source=Source.OFFICIAL,
    )


def spoken_outcome(text: str, said: str, table: AnswerTable, *, code: str = "exception") -> Outcome:
    """Say what a refusal in words comes to; an unknown text waits for the operator and never ends the way.

    ``said`` is the text as people may read it.
    """
    row = table.match(code, text)
    if row is None:
        return Held("tfoms.answer_unknown", f"Фонд ответил непонятным нам отказом: {said or 'без текста'}")
    match row.verdict:
        case Verdict.UNAVAILABLE:
            return Unavailable("tfoms.unavailable", text=row.say)
        case Verdict.REJECTED:
            return Rejected(
                (
                    Finding(
                        layer=Layer.REGISTRY,
                        severity=Severity.ERROR,
                        code="tfoms.refused",
                        message=row.say,
                        fix=row.fix,
                        responsible=row.responsible,
                        source=Source.OFFICIAL,
                    ),
                )
            )
        case _:
            return Held(f"tfoms.{code}", f"{row.say} {row.fix} Ответ фонда: {said}", scope=row.hold)
