"""PixService: what the patient index demands of a patient, in the texts it is known to use."""

from datetime import UTC, date, datetime
from typing import Final

from lxml import etree

from adapters.gis_soap.simulator.settings import DICTIONARIES, OID_SEX, SimSettings
from adapters.gis_soap.simulator.wcf import Problem, read, text_of

_DTO: Final = "{http://schemas.datacontract.org/2004/07/EMKService.Data.Dto}"
_SNILS: Final = "223"
_POLICIES: Final = frozenset({"226", "228"})
Members = dict[str, etree._Element]  # noqa: SLF001  lxml has no public name for the type of an element


def patient_of(element: etree._Element | None) -> Members:
    """Read a PatientDto."""
    return read(element, f"{_DTO}PatientDto")


def problems_of(patient: Members, settings: SimSettings, today: date) -> list[Problem]:
    """List everything wrong with a patient."""
    return [
        *_names(patient),
        *_dates(patient, today),
        *_codes(patient, settings),
        *(problem for document in _documents(patient) for problem in _document(document)),
    ]


def _names(patient: Members) -> list[Problem]:
    demanded = (
        ("FamilyName", "Поле FamilyName не может быть пустым"),
        ("GivenName", "Поле  GivenName не может быть пустым"),
        ("IdPatientMIS", "Поле IdPatientMIS не может быть пустым"),
        ("Sex", "Значение поля Sex не должно быть пустым"),
    )
    return [Problem(name, text) for name, text in demanded if not text_of(patient, name)]


def _dates(patient: Members, today: date) -> list[Problem]:
    born, died = text_of(patient, "BirthDate")[:10], text_of(patient, "DeathTime")[:10]
    if not born:
        return [Problem("BirthDate", "Поле BirthDate не может быть пустым")]
    if died and born > died:
        return [Problem("BirthDate", "Поле BirthDate не может быть больше чем поле DeathTime")]
    if born > today.isoformat():
        return [Problem("BirthDate", f"Значение {born} поля BirthDate больше текущей даты")]
    return []


def _codes(patient: Members, settings: SimSettings) -> list[Problem]:
    found = []
    for name, (first, last) in settings.ranges.items():
        code = text_of(patient, name)
        if not code or (code.isdigit() and first <= int(code) <= last):
            continue
        what, oid = ("коду пола", OID_SEX) if name == "Sex" else ("справочнику", DICTIONARIES[name])
        found.append(Problem(name, f"Значение {name} не соответствует {what} (OID {oid})"))
    return found


def _documents(patient: Members) -> list[Members]:
    inner = patient.get("Documents")
    if inner is None:
        return []
    return [read(child, f"{_DTO}DocumentDto") for child in inner.iterchildren(f"{_DTO}DocumentDto")]


def _document(document: Members) -> list[Problem]:
    kind, number = text_of(document, "IdDocumentType"), text_of(document, "DocN")
    issued, expired = text_of(document, "IssuedDate"), text_of(document, "ExpiredDate")
    found = []
    if not number:
        found.append(Problem("DocN", "Значение поля DocN не может быть пустым"))
    elif (kind == _SNILS or kind in _POLICIES) and not number.isdigit():
        found.append(Problem("DocN", "Для поля DocN разделители недопустимы"))
    if kind in _POLICIES and not text_of(document, "IdProvider"):
        found.append(
            Problem("IdProvider", "Для медицинских полисов необходимо указать страховую организацию")
        )
    if issued and expired and _instant(issued) > _instant(expired):
        found.append(
            Problem("IssuedDate", "Значение поля IssuedDate не может быть больше чем поле ExpiredDate")
        )
    return found


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
