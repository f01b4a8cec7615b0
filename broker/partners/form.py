"""The form by which a clinic is connected: every field of the onboarding record, read leniently so that no mistake hides another."""

import re
from datetime import date
from enum import StrEnum
from typing import Any, Final

import msgspec

from broker.partners.problem import Problem

MISTAKES: Final = 60
"""So many fields of a wrong type are named at most; who sends more has sent something else."""
LONGEST: Final = 1000
"""Characters a text field may have."""


class Part(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A section of the form: nothing is required by its type, everything is asked for by the checks."""


class File(Part, frozen=True):
    """A file kept by the clinic: we hold its name and the SHA-256 by which it is recognised."""

    name: str = ""
    sha256: str = ""


class LegalName(Part, frozen=True):
    """Names as in ЕГРЮЛ; ``form`` is the ОПФ."""

    full: str = ""
    short: str = ""
    form: str = ""


class PostalAddress(Part, frozen=True):
    """An address with its GUID in ГАР (ФИАС)."""

    text: str = ""
    gar: str = ""


class Unit(Part, frozen=True):
    """A structural unit with its own OID (suffix ``.0.<n>`` of the clinic's)."""

    oid: str = ""
    name: str = ""
    address: str = ""


class LicenceStatus(StrEnum):
    """Is the licence in force?"""

    ACTIVE = "active"
    """Yes."""
    SUSPENDED = "suspended"
    """Not for the time being."""
    ENDED = "ended"
    """No longer."""


class Licence(Part, frozen=True):
    """The medical licence; ``works`` are the kinds of work it names, ``register`` its number in the register."""

    number: str = ""
    issued: date | None = None
    issuer: str = ""
    register: str = ""
    works: tuple[str, ...] = ()
    status: LicenceStatus = LicenceStatus.ACTIVE


class Declaration(Part, frozen=True):
    """The МИС vendor's declaration by order 911н."""

    dated: date | None = msgspec.field(name="date", default=None)
    file: File = File()


class Mis(Part, frozen=True):
    """The information system; ``remd_oid``, ``client_entity_id`` and ``n3_oid`` name it in other systems."""

    vendor: str = ""
    name: str = ""
    version: str = ""
    register: str = ""
    declaration: Declaration = Declaration()
    remd_oid: str = ""
    client_entity_id: str = ""
    n3_oid: str = ""


class Oms(Part, frozen=True):
    """Work in ОМС: six-digit ``mcod`` (F003, F032), the fund's region, the contract and the СМО."""

    works: bool = False
    mcod: str = ""
    tfoms: str = ""
    contract: str = ""
    since: date | None = None
    until: date | None = None
    insurers: tuple[str, ...] = ()


class CertificatePurpose(StrEnum):
    """What a certificate is for."""

    TLS = "tls"
    """Client certificate of a channel."""
    ORGANIZATION = "organization"
    """УКЭП of the organisation."""
    DOCTOR = "doctor"
    """УКЭП or УНЭП of a doctor."""
    MCHD = "mchd"
    """A machine-readable power of attorney."""


class Certificate(Part, frozen=True):
    """What is known of a certificate; private keys are never asked for."""

    purpose: CertificatePurpose = CertificatePurpose.ORGANIZATION
    thumbprint: str = ""
    issuer: str = ""
    since: date | None = None
    until: date | None = None
    ogrn: str = ""
    inn: str = ""
    snils: str = ""


class Way(StrEnum):
    """By which way documents of a kind go."""

    DIRECT = "direct"
    """To РЭМД directly."""
    GIS = "gis"
    """To the regional ГИС, which registers."""
    BOTH = "both"
    """To both; who registers is decided by the routing table."""


class Kind(Part, frozen=True):
    """A kind of document the clinic will send, from a day on."""

    kind: str = ""
    since: date | None = None
    way: Way = Way.DIRECT


class Agreement(Part, frozen=True):
    """The agreement with the operator of this system."""

    number: str = ""
    dated: date | None = msgspec.field(name="date", default=None)
    until: date | None = None
    file: File = File()


class Instruction(Part, frozen=True):
    """The instruction to process personal data (поручение) with its purposes."""

    number: str = ""
    dated: date | None = msgspec.field(name="date", default=None)
    purposes: tuple[str, ...] = ()
    file: File = File()


class Channel(Part, frozen=True):
    """A node of a protected channel (ViPNet, VPN)."""

    node: str = ""
    addresses: tuple[str, ...] = ()


class ContactRole(StrEnum):
    """What a responsible person answers for."""

    DIRECTOR = "director"
    """The head of the clinic."""
    TECHNICAL = "technical"
    """The exchange of data."""
    SECURITY = "security"
    """Information security."""
    PERSONAL_DATA = "personal-data"
    """Processing of personal data."""


class Contact(Part, frozen=True):
    """A responsible person."""

    role: ContactRole = ContactRole.TECHNICAL
    name: str = ""
    phone: str = ""
    email: str = ""


class Wishes(Part, frozen=True):
    """How the applicant wants to be reached: webhook, allowed addresses, documents per day (a quota to be agreed)."""

    webhook: str = ""
    addresses: tuple[str, ...] = ()
    documents_per_day: int = 0


class Form(Part, frozen=True):
    """The whole form."""

    oid: str = ""
    name: LegalName = LegalName()
    ogrn: str = ""
    inn: str = ""
    kpp: str = ""
    legal_address: PostalAddress = PostalAddress()
    actual_address: PostalAddress = PostalAddress()
    units: tuple[Unit, ...] = ()
    regions: tuple[str, ...] = ()
    main_region: str = ""
    licence: Licence = Licence()
    mis: Mis = Mis()
    oms: Oms = Oms()
    certificates: tuple[Certificate, ...] = ()
    kinds: tuple[Kind, ...] = ()
    agreement: Agreement = Agreement()
    instruction: Instruction = Instruction()
    channels: tuple[Channel, ...] = ()
    contacts: tuple[Contact, ...] = ()
    wishes: Wishes = Wishes()

    @property
    def is_entrepreneur(self) -> bool:
        """Tell whether an ИП applies: no КПП, fifteen digits of ОГРНИП."""
        return len(self.ogrn) == 15

    @property
    def region(self) -> str:
        """Return the main region."""
        return self.main_region or (self.regions[0] if len(self.regions) == 1 else "")


_TYPES: Final = {
    "str": "строка не длиннее 1000 знаков",
    "int": "целое число",
    "bool": "true или false",
    "object": "объект",
    "array": "список",
    "date": "дата ГГГГ-ММ-ДД",
}
_WHERE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def read_form(raw: Any) -> tuple[Form | None, list[Problem]]:
    """Read a form from plain JSON values; what does not fit is named, left out, and the rest is still checked.

    None instead of a form: so little of it fits that checking the rest would only add noise.
    """
    problems: list[Problem] = []
    plain = _copy(raw)
    for _ in range(MISTAKES):
        try:
            return msgspec.convert(plain, Form), problems
        except msgspec.ValidationError as error:
            path, problem, empty = _explain(str(error))
            problems.append(problem)
            if not path:
                break
            _drop(plain, path, empty)
    return None, problems


def _copy(value: Any) -> Any:
    match value:
        case dict():
            return {key: _copy(one) for key, one in value.items()}
        case list():
            return [_copy(one) for one in value]
        case str() if len(value) > LONGEST:
            return len(value)  # a number where a text belongs: named as a mistake, not kept
        case _:
            return value


def _explain(text: str) -> tuple[list[str | int], Problem, Any]:
    """Return where a mistake is, the mistake in words, and what may stand there instead so that reading goes on."""
    match = _WHERE.fullmatch(text)
    what, where = (match["what"], match["path"] or "") if match else (text, "")
    path: list[str | int] = [int(step[2]) if step[2] else step[1] for step in _STEP.finditer(where)]
    unknown = re.search(r"unknown field `([^`]*)`", what)
    if unknown:
        path.append(unknown[1])
        problem = Problem(
            pointer=_pointer(path),
            code="form.unknown_field",
            message=f"Поле «{unknown[1]}» форме не известно.",
            fix="Проверьте написание по описанию формы на /openapi.json или уберите поле.",
        )
        return path, problem, None
    expected = re.search(r"Expected `([^`]*)`", what)
    names = [name.strip() for name in expected[1].split("|")] if expected else []
    words = " или ".join(_TYPES.get(name, name) for name in names if name != "null") or _wanted(what)
    problem = Problem(
        pointer=_pointer(path),
        code="form.wrong_type",
        message=f"Значение не подходит: ожидается {words}.",
        fix="Исправьте значение по описанию формы на /openapi.json.",
    )
    return path, problem, {} if "object" in names else ""


def _wanted(what: str) -> str:
    return "дата ГГГГ-ММ-ДД" if "date" in what else "одно из значений, перечисленных в описании формы"


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _drop(plain: Any, path: list[str | int], empty: Any) -> None:
    """Take the value a path leads to out of plain data; a list keeps its length so that later pointers stay right."""
    *way, last = path
    for step in way:
        plain = plain[step]
    if isinstance(last, int):
        plain[last] = empty
    else:
        plain.pop(last, None)
