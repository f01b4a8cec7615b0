"""What did the ГИС mean: its four kinds of SOAP faults read into plain values, and those into an outcome."""

import re
from enum import StrEnum
from typing import Final

import msgspec
from lxml import etree

from adapters.gis_soap.messages import FAULTS
from adapters.gis_soap.settings import Settings
from broker.adapter_kit import Answer, AnswerTable, Held, Rejected, Unavailable, Verdict
from broker.adapter_kit.soap import SOAP12, SoapAnswer, fault_text
from broker.document.canonical import CanonicalDocument
from broker.document.identity import snils_digits

REPEATED_PATIENT: Final = "23"
"""ErrorCode of AddPatient for a patient the index has: the only number seen."""
NO_REASON: Final = "did not specify a Reason"
"""What .NET writes into ``faultstring`` when the service gave none."""
_ORIGIN: Final = "gis"


class FaultKind(StrEnum):
    """What a fault says about the document."""

    REFUSED = "refused"
    """RequestFault, ArrayOfRequestFault or a bare fault: nothing was kept."""
    SAVED_WITH_WARNINGS = "saved_with_warnings"
    """RequestWarning, ArrayOfRequestWarning: raised as a fault although the document was kept."""


class Told(msgspec.Struct, frozen=True):
    """One sentence of a fault: its text and what it is about (ErrorCode, else PropertyName)."""

    text: str
    code: str = ""
    about: str = ""

    @property
    def key(self) -> str:
        """The key of the answer table."""
        return self.code or self.about


class Fault(msgspec.Struct, frozen=True):
    """A whole fault; ``told`` is empty when the ГИС gave no reason."""

    kind: FaultKind
    told: tuple[Told, ...]

    def has_code(self, code: str) -> bool:
        """Tell whether any sentence carries this ErrorCode."""
        return any(told.code == code for told in self.told)

    def is_about(self, name: str) -> bool:
        """Tell whether any sentence speaks of this property."""
        return any(told.about == name for told in self.told)


def read_fault(answer: SoapAnswer) -> Fault | None:
    """Read the fault of an answer, None when it is none."""
    fault = answer.fault
    if fault is None:
        return None
    detail = fault.find("detail")
    detail = fault.find(f"{{{SOAP12}}}Detail") if detail is None else detail
    kind = FaultKind.REFUSED
    told: list[Told] = []
    for part in [] if detail is None else list(detail):
        if "Warning" in etree.QName(part).localname:
            kind = FaultKind.SAVED_WITH_WARNINGS
        told += _sentences(part)
    text = fault_text(fault)
    if not told and text and NO_REASON not in text:
        told.append(Told(text))
    return Fault(kind, tuple(dict.fromkeys(told)))


def _sentences(part: etree._Element) -> list[Told]:
    """Flatten a fault and everything nested in its Errors or Warnings."""
    found = []
    for node in part.iter(f"{FAULTS}RequestFault", f"{FAULTS}RequestWarning"):
        text = " ".join((node.findtext(f"{FAULTS}Message") or "").split())
        about = (node.findtext(f"{FAULTS}PropertyName") or "").strip()
        code = (node.findtext(f"{FAULTS}ErrorCode") or node.findtext(f"{FAULTS}WarningCode") or "").strip()
        if text or about:
            found.append(Told(text, "" if code in {"", "0"} else code, about))
    return found


def match(table: AnswerTable, told: Told, settings: Settings) -> Answer | None:
    """Find what a sentence means; the region's own text for duplicates comes before the table."""
    if settings.duplicate is not None and settings.duplicate.search(told.text):
        return Answer(verdict=Verdict.REGISTERED, say="Документ с этим идентификатором уже есть в ГИС.")
    return table.match(told.key, told.text) or table.match(told.about, told.text)


def meaning(
    fault: Fault, table: AnswerTable, settings: Settings, document: CanonicalDocument
) -> list[str] | Held | Unavailable | Rejected:
    """Turn a refusal into an outcome; a list is success with these warnings (the document is there already)."""
    if not fault.told:
        return Unavailable("gis.fault_without_reason", text="ГИС отказала без объяснения: попробуем позже.")
    rows = [(told, match(table, told, settings)) for told in fault.told]
    for told, row in rows:
        if row is not None and row.verdict is Verdict.HELD:
            return _held(row, told, settings)
    if any(row is not None and row.verdict is Verdict.UNAVAILABLE for _, row in rows):
        return Unavailable(f"gis.{fault.told[0].key or 'unavailable'}", text=_first_text(rows))
    if all(row is not None and row.verdict is Verdict.REGISTERED for _, row in rows):
        return [row.say for _, row in rows if row is not None]
    refusals = (told for told, row in rows if row is None or row.verdict is not Verdict.REGISTERED)
    return Rejected(
        tuple(
            table.finding(told.key, without_people(told.text, document), origin=_ORIGIN) for told in refusals
        )
    )


def _first_text(rows: list[tuple[Told, Answer | None]]) -> str:
    return next(row.say for _, row in rows if row is not None and row.verdict is Verdict.UNAVAILABLE)


def _held(row: Answer, told: Told, settings: Settings) -> Held:
    """Hold what the row says, but one clinic's own guid never stops the others."""
    own_guid = row.hold == "destination" and settings.guid_is_clinics
    scope = "clinic" if own_guid else row.hold
    return Held(reason=f"gis.{told.key or 'precondition'}", text=f"{row.say} {row.fix}".strip(), scope=scope)


def without_people(text: str, document: CanonicalDocument) -> str:
    """Blank out what a refusal quotes of the people in the document: names, СНИЛС, policy, birth date."""
    patient = document.patient
    secrets = {patient.birth_date, patient.local_id}
    if len(patient.birth_date) >= 8:
        year, month, day = patient.birth_date[:4], patient.birth_date[4:6], patient.birth_date[6:8]
        secrets |= {f"{year}-{month}-{day}", f"{day}.{month}.{year}"}
    for card in (patient.policy, patient.identity_document):
        if card is not None:
            secrets |= {card.series, card.number}
    for person in (patient, document.author, document.legal_authenticator, *document.performers):
        if person is not None:
            secrets |= {person.snils, person.name.family, person.name.given, person.name.patronymic}
            secrets |= _snils_forms(person.snils)
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "…", text, flags=re.IGNORECASE)
    return re.sub(r"\d{9,}", "…", text)


def _snils_forms(snils: str) -> set[str]:
    digits = snils_digits(snils)
    if len(digits) != 11:
        return set()
    grouped = f"{digits[:3]}-{digits[3:6]}-{digits[6:9]}"
    return {digits, f"{grouped} {digits[9:]}", f"{grouped}-{digits[9:]}"}
