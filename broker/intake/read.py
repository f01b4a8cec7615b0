"""From bytes of JSON to an arrival: every way a submission can be malformed has a code and a cure in Russian."""

import binascii
import re
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec
import pybase64
from msgspec.structs import replace

from broker.archive import SealedPart, StoredContent
from broker.document.column import fitting
from broker.document.identity import is_clinic_oid, region_of
from broker.document.submission import Mode, Submission, SubmissionType
from broker.intake.refusal import Refusal

MAX_CONTENT: Final = 20 * 1024 * 1024
"""Largest content, bytes decoded."""
MAX_SIGNATURES: Final = 32
MAX_SIGNATURE: Final = 256 * 1024
_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]+-----")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_decoder: Final = msgspec.json.Decoder(Submission)


class Sender(msgspec.Struct, frozen=True):
    """Who is at the door."""

    partner_id: str
    mode: Mode
    door: str


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed submission, ready to be committed; nothing of it has been judged yet.

    ``content_fingerprint`` covers clinic, type and content; ``fingerprint`` the kind stated and the signatures too.
    """

    id: UUID
    partner_id: str
    mode: Mode
    door: str
    received_at: datetime
    type: SubmissionType
    clinic: str
    region: str
    kind: str
    message_id: str
    local_uid: str
    set_key: str
    version: int
    document_number: str
    digest: bytes
    size: int
    fingerprint: bytes
    content_fingerprint: bytes
    stored: StoredContent


def decode_submission(body: bytes) -> Submission | Refusal:
    """Read the JSON; a BOM is forgiven, an unknown or wrong field is named with its path."""
    try:
        return _decoder.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError as error:
        return Refusal(
            "partner.submission_invalid",
            422,
            f"Сообщение не по формату: {explain_field(str(error))}",
            "Сверьте поле со схемой Submission на /openapi.json и отправьте заново.",
        )
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(
            "partner.json_malformed",
            400,
            "Тело запроса не является JSON в UTF-8.",
            "Передайте JSON в кодировке UTF-8; проверьте экранирование кавычек и переводов строк.",
        )


def explain_field(error: str) -> str:
    """Turn msgspec's words into Russian, keeping the path of the field; values are never quoted."""
    message, _, path = error.partition(" - at `$")
    where = "поле " + path.rstrip("`").lstrip(".") if path.rstrip("`") else "корень сообщения"
    patterns = (
        (r"Object contains unknown field `([^`]*)`", "неизвестное поле «{}»"),
        (r"Object missing required field `([^`]*)`", "нет обязательного поля «{}»"),
        (r"Expected `([^`]*)`, got `([^`]*)`", "ожидается тип {}, получен {}"),
        (r"Invalid enum value", "недопустимое значение"),
        (r"of length <= (\d+)", "длина больше {}"),
        (r"matching regex", "недопустимые символы (управляющие, перевод строки) или не тот вид"),
    )
    for pattern, text in patterns:
        match = re.search(pattern, message)
        if match:
            return fitting(f"{text.format(*(one[:64] for one in match.groups()))} ({where}).", 500)
    return f"значение не подходит ({where})."


def decode_base64(text: str, limit: int) -> bytes | None:
    """Decode base64 with line breaks or PEM armour; None when it is not base64 or is over ``limit`` bytes."""
    if len(text) > limit * 3 // 2 + 1024:
        return None
    try:
        return pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    bare = "".join(_ARMOUR.sub("", text).split())
    try:
        return pybase64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return None


def read_parts(submission: Submission) -> StoredContent | Refusal:
    """Decode content and signatures of a JSON submission."""
    if len(submission.content.data) > MAX_CONTENT * 3 // 2:
        return too_large()
    content = decode_base64(submission.content.data, MAX_CONTENT)
    if content is None:
        return Refusal(
            "partner.content_base64",
            422,
            "Поле content.data не декодируется из base64 (строка обрезана или содержит посторонние символы).",
            "Кодируйте файл целиком стандартным base64; переводы строк допустимы.",
        )
    return store_parts(submission, content)


def without_text(submission: Submission) -> Submission:
    """Return a submission whose content was decoded, without its base64 text: nobody keeps a third more than the bytes."""
    return replace(submission, content=replace(submission.content, data=""))


def store_parts(submission: Submission, content: bytes) -> StoredContent | Refusal:
    """Decode signatures and put everything that will be sealed together."""
    if len(content) > MAX_CONTENT:
        return too_large()
    if not content:
        return Refusal(
            "partner.content_empty", 422, "Документ пуст.", "Передайте содержимое файла в content."
        )
    if len(submission.signatures) > MAX_SIGNATURES:
        return Refusal(
            "partner.too_many_signatures",
            422,
            f"Подписей больше {MAX_SIGNATURES}.",
            "Оставьте подписи этого документа.",
        )
    parts = []
    for number, signature in enumerate(submission.signatures):
        if len(signature.data) > MAX_SIGNATURE * 3 // 2:
            return Refusal(
                "partner.signature_too_large",
                413,
                f"Подпись signatures[{number}].data больше {MAX_SIGNATURE // 1024} КиБ.",
                "Передайте открепленную подпись (CMS без вложенного документа).",
            )
        data = decode_base64(signature.data, MAX_SIGNATURE)
        broken = "" if data else signature.data
        parts.append(
            SealedPart(signature.kind, data or b"", signature.role, signature.signer, signature.mchd, broken)
        )
    return StoredContent(content, submission.content.media_type, tuple(parts), submission.metadata)


def too_large() -> Refusal:
    """Refuse content over the limit."""
    return Refusal(
        "partner.content_too_large",
        413,
        f"Документ больше {MAX_CONTENT // 1024 // 1024} МиБ.",
        "Уменьшите вложения документа; предел — 20 МиБ после декодирования.",
    )


def check_head(submission: Submission, key: str) -> Refusal | None:
    """Check what must be right before anything is kept: the id of the message, the clinic's OID, the kind."""
    if not _KEY.fullmatch(key):
        return Refusal(
            "partner.message_id_missing",
            422,
            "Нет идентификатора сообщения (messageId либо Idempotency-Key), он длиннее 200 знаков или содержит"
            " недопустимые символы.",
            "Присвойте каждому сообщению постоянный UUID и повторяйте его при повторной отправке.",
        )
    if not is_clinic_oid(submission.clinic):
        return Refusal(
            "partner.clinic_oid",
            422,
            "Поле clinic — не OID медицинской организации по ФРМО.",
            "Укажите OID вида 1.2.643.5.1.13.13.12.2.<регион>.<номер> (или 12.4…) без пробелов.",
        )
    if submission.type is SubmissionType.SEMD and not submission.kind:
        return Refusal(
            "partner.kind_missing",
            422,
            "Не указан вид документа (поле kind).",
            "Укажите код вида по справочнику 1.2.643.5.1.13.13.11.1520, например «306».",
        )
    if submission.type is SubmissionType.OMS_REGISTRY and not submission.metadata.tfoms:
        return Refusal(
            "partner.tfoms_missing",
            422,
            "Не указан фонд (metadata.tfoms), которому адресован реестр.",
            "Укажите код субъекта, например «77».",
        )
    return None


def make_arrival(
    submission: Submission,
    stored: StoredContent,
    sender: Sender,
    *,
    id: UUID,  # noqa: A002  the document's id
    key: str,
    now: datetime,
    local_uid: str,
    set_key: str,
    version: int,
) -> Arrival:
    """Compose the arrival; ``local_uid`` falls back to the message's id when neither submission nor document states one."""
    kind = submission.kind or ""
    digest = sha256(stored.content).digest()
    content_fingerprint = sha256(f"{submission.clinic}\n{submission.type}\n".encode() + digest)
    fingerprint = content_fingerprint.copy()
    fingerprint.update(kind.encode())
    for part in stored.signatures:
        fingerprint.update(part.kind.encode() + sha256(part.data or part.broken.encode()).digest())
    return Arrival(
        id=id,
        partner_id=sender.partner_id,
        mode=sender.mode,
        door=sender.door,
        received_at=now,
        type=submission.type,
        clinic=submission.clinic,
        region=region_of(submission.clinic),
        kind=kind,
        message_id=key,
        local_uid=(submission.metadata.local_uid or local_uid or key).lower(),
        set_key=set_key,
        version=version,
        document_number=submission.metadata.document_number or "",
        digest=digest,
        size=len(stored.content),
        fingerprint=fingerprint.digest(),
        content_fingerprint=content_fingerprint.digest(),
        stored=stored,
    )
