"""Stage two at the simulated РЭМД: everything that is wrong with a document, in the order the real one checks.

File, digest, signatures, kind and patient block, registers (ФРМО, ФРМР, ГИП), the request against the document, then what
the ``DocumentChecker`` finds inside. All reasons are told at once.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from lxml import etree

from adapters.remd.simulator import texts
from adapters.remd.simulator.registers import Kind, OrganizationRow, PatientRow, SimSettings, Worker
from adapters.remd.simulator.requests import Request, SentPerson
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.soap import safe_parser
from broker.document.canonical import CanonicalDocument
from broker.document.finding import Layer

_MESSAGE_DIGEST: Final = bytes.fromhex("06092a864886f70d010904")
_ODD: Final = re.compile(r"[^А-ЯЁа-яёA-Za-z'’`().,\- ]")
"""What no name is written with."""
_SHA256: Final = bytes.fromhex("0609608648016503040201")


def digest_refusal(content: bytes, signatures: Sequence[bytes]) -> Refusal | None:
    """Compare the file's SHA-256 with the messageDigest of each container; other algorithms are the checker's."""
    actual = hashlib.sha256(content).digest()
    for container in signatures:
        place = container.find(_MESSAGE_DIGEST)
        if place < 0 or _SHA256 not in container:
            continue
        start = place + len(_MESSAGE_DIGEST) + 4  # SET and OCTET STRING headers
        if container[start : start + 32] != actual:
            text = "Хеш-сумма полученного файла не соответствует хеш-сумме в подписи"
            return Refusal("DIGEST_MISMATCH", text)
    return None


def xml_refusal(content: bytes) -> Refusal | None:
    """Say that the file is not XML."""
    try:
        etree.fromstring(content, safe_parser(huge=True))
    except etree.XMLSyntaxError:
        return texts.not_xml()
    return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def metadata_refusals(request: Request, settings: SimSettings, now: datetime) -> list[Refusal]:
    """Check the request against date, kind and the registers."""
    found: list[Refusal] = []
    created = _moment(request.created)
    if created is not None and created.tzinfo is not None and created > now:
        found.append(Refusal("WRONG_CREATION_DATE", "Дата создания документа больше даты регистрации"))
    day = (created or now).date()
    if settings.kinds is not None:
        found += _kind_refusals(request, settings.kinds, day)
    if settings.organizations is not None:
        rows = {row.oid: row for row in settings.organizations}
        found += _organization_refusals(request, rows, day)
    if settings.workers is not None:
        workers = {row.snils: row for row in settings.workers}
        for signer in request.signers:
            found += _worker_refusals(signer, workers.get(signer.snils), request.organization)
    if settings.patients is not None and request.patient is not None:
        found += _patient_refusals(request.patient, request.organization, settings.patients)
    return found


def _kind_refusals(request: Request, kinds: Sequence[Kind], day: date) -> list[Refusal]:
    kind = next((row for row in kinds if row.kind == request.kind), None)
    if kind is None or not _open(day, kind.opened, kind.closed):
        return [texts.kind_closed(request.kind)]
    found: list[Refusal] = []
    if kind.organization_signature and not request.organization_signed:
        text = "Для данного вида документов обязательна подпись МО"
        found.append(Refusal("ORG_SIGNATURE_OCCURRENCE_MISMATCH", text))
    if kind.patient != "optional" and request.patient is None:
        text = "Для данного вида документов обязательны сведения о пациенте"
        found.append(Refusal("PATIENT_OCCURRENCE_MISMATCH", text))
    elif kind.patient == "snils" and request.patient is not None and not request.patient.snils:
        found.append(texts.no_snils())
    return found


def _open(day: date, opened: date | None, closed: date | None) -> bool:
    return (opened is None or day >= opened) and (closed is None or day <= closed)


def _organization_refusals(request: Request, rows: dict[str, OrganizationRow], day: date) -> list[Refusal]:
    row = rows.get(request.organization)
    if row is None:
        return [Refusal("ORG_NOT_FOUND_IN_FRMO", f"Организация [{request.organization}] не найдена в ФРМО")]
    if row.deleted is not None and day >= row.deleted:
        return [texts.organization_closed(row.oid, row.deleted.isoformat())]
    if not request.department or row.departments is None:
        return []
    unit = next((one for one in row.departments if one.oid == request.department), None)
    if unit is not None and _open(day, unit.opened, unit.closed):
        return []
    text = f"Подразделение с идентификатором [{request.department}] не существовало"
    return [Refusal("VALIDATION_ERROR", text)]


def _worker_refusals(signer: SentPerson, worker: Worker | None, organization: str) -> list[Refusal]:
    if worker is None:
        return [Refusal("PERSON_NOT_FOUND", f"Сотрудник со СНИЛС [{signer.snils}] не найден в ФРМР")]
    found = [
        texts.worker_mismatch(what, signer.snils, said, known)
        for what, said, known in (
            ("Фамилия", signer.surname, worker.surname),
            ("Имя", signer.name, worker.name),
            ("Отчество", signer.patr_name, worker.patr_name),
            ("Дата рождения", signer.birth_date, worker.birth_date.isoformat() if worker.birth_date else ""),
        )
        if said and known and said.casefold() != known.casefold()
    ]
    if worker.posts is not None and signer.position:
        held = {post.position for post in worker.posts if post.organization == organization}
        if signer.position not in held:
            found.append(texts.post_mismatch(signer.snils, organization))
    return found


def _patient_refusals(patient: SentPerson, organization: str, rows: Sequence[PatientRow]) -> list[Refusal]:
    local = [
        row
        for row in rows
        if row.local_id and (row.organization, row.local_id) == (organization, patient.local_id)
    ]
    if len(local) > 1:
        text = "По локальному идентификатору в ГИП найдено более одной записи"
        return [Refusal("DUPLICATE_PATIENT_FOUND", text)]
    known = local or [row for row in rows if row.snils and row.snils == patient.snils]
    if not known:
        return []  # ГИП creates the patient
    row, found = known[0], []
    birth = row.birth_date.isoformat() if row.birth_date else ""
    said_gender = texts.GENDERS.get(patient.gender, (patient.gender, ""))[0]
    known_gender = texts.GENDERS.get(row.gender, ("", row.gender))[1]
    for field, said, right, say, know in (
        ("Фамилия пациента", patient.surname, row.surname, patient.surname, row.surname),
        ("Имя пациента", patient.name, row.name, patient.name, row.name),
        ("Отчество пациента", patient.patr_name, row.patr_name, patient.patr_name, row.patr_name),
        ("Пол пациента", patient.gender, row.gender, said_gender, known_gender),
        ("Дата рождения пациента", patient.birth_date, birth, patient.birth_date, birth),
    ):
        if said and right and said.casefold() != right.casefold():
            found.append(texts.patient_mismatch(field, say, know, by_local_id=bool(local)))
    return found


def cross_refusals(request: Request, document: CanonicalDocument, settings: SimSettings) -> list[Refusal]:
    """Check the request against what the file says."""
    found: list[Refusal] = []
    inside = document.document_id.extension or document.local_uid
    if settings.strict_local_uid and inside.lower() != request.local_uid.lower():
        found.append(texts.differs("Уникальный идентификатор документа", inside, request.local_uid))
    patient, sent = document.patient, request.patient or SentPerson()
    if patient.snils and sent.snils and patient.snils != sent.snils:
        found.append(texts.differs("СНИЛС  пациента", patient.snils, sent.snils))
    if patient.birth_date and sent.birth_date and patient.birth_date[:8] != sent.birth_date.replace("-", ""):
        found.append(texts.differs("Дата рождения пациента", patient.birth_date, sent.birth_date))
    created = _moment(request.created)
    if document.created_at and created and not _same_moment(document.created_at, created):
        found.append(texts.differs("Дата создания документа", document.created_text, request.created))
    if document.organization.oid and document.organization.oid != request.organization:
        found.append(texts.other_organization(request.organization))
    names = (sent.surname, sent.name, sent.patr_name)
    return found + [texts.odd_name(one) for one in names if _ODD.search(one)]


def _same_moment(one: datetime, other: datetime) -> bool:
    if (one.tzinfo is None) is not (other.tzinfo is None):
        one, other = one.replace(tzinfo=None), other.replace(tzinfo=None)
    return one == other


OUTER: Final = frozenset({Layer.XML, Layer.SIGNATURE})
"""What is judged of a file before anybody looks at the kind and the registers."""
