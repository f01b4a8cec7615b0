"""The settings of a РЭМД destination: everything the public sources leave open is a parameter here.

Parameters arrive as texts (``Destination.params``); README.md lists each with its meaning and its evidence.
"""

from enum import StrEnum
from typing import Final

import msgspec

from adapters.remd.names import Names
from broker.adapter_kit import Destination
from broker.adapter_kit.soap import SOAP11, SOAP12


class MessageIdForm(StrEnum):
    """How MessageID is written; РЭМД was seen to meet both."""

    URN = "urn"
    """``urn:uuid:d067bef9-…``"""
    PLAIN = "plain"
    """``d067bef9-…``"""


class RoleForm(StrEnum):
    """How a signer's role is written; which one РЭМД takes is an open point."""

    CODE = "code"
    """Mnemonic of 99.2.368: ``AUTHOR``."""
    ID = "id"
    """Numeric id of 99.2.368: ``19``."""


class ChecksumBase(StrEnum):
    """Over what CRC32 is computed."""

    BASE64 = "base64"
    """The base64 text, as a regional client does."""
    BYTES = "bytes"
    """The decoded bytes."""


class ChecksumSign(StrEnum):
    """How CRC32 is written."""

    SIGNED = "signed"
    """As a signed 32-bit integer, as a regional client does."""
    UNSIGNED = "unsigned"
    """As an unsigned one."""


class FileReplay(StrEnum):
    """What becomes of a signed file request that comes again, byte for byte, before its Timestamp has run out."""

    REFUSE = "refuse"
    """It is refused: whoever needs the file asks under a new MessageID."""
    IDENTICAL = "identical"
    """It is answered again: for a ИПС that repeats a call of its own when the connection breaks."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of a destination; the defaults follow the best evidence."""

    soap: str = "1.2"
    client_entity_id: str = ""
    reply_to: str = ""
    to: str = ""
    message_id_form: MessageIdForm = MessageIdForm.URN
    role_form: RoleForm = RoleForm.CODE
    checksum_base: ChecksumBase = ChecksumBase.BASE64
    checksum_sign: ChecksumSign = ChecksumSign.SIGNED
    action_register: str = "registerDocument"
    action_search: str = "searchRegistryItem"
    action_file: str = "getDocumentFile"
    action_result: str = "sendRegisterDocumentResult"
    offset: str = "+03:00"
    role_version: str = "2.8"
    position_version: str = ""
    speciality_version: str = ""
    gender_version: str = "2.1"
    association_version: str = ""
    kind_version: str = ""
    send_description: bool = True
    send_patient: bool = True
    send_version: bool = False
    search_days: int = 16
    search_limit: int = 1000
    search_by_snils: bool = True
    signed_parts: str = "Body Timestamp MessageID Action To ReplyTo"
    sign_certificate: str = ""
    sign_provider: str = "openssl-rsa"
    sign_names: str = "urn"
    sign_uncertified: str = ""
    sign: dict[str, str] = {}
    peer_certificate: str = ""
    peer_certificate_may_be_expired: bool = False
    peer_suites: str = "RSA_SHA256"
    peer_parts: str = "Body MessageID Action"
    verify_answers: bool = False
    file_replay: FileReplay = FileReplay.REFUSE
    file_away_code: str = "FILE_WAS_NOT_SENT"
    probe_path: str = ""
    names: Names = Names()

    @property
    def soap_version(self) -> str:
        """The namespace of the SOAP version we send."""
        return SOAP11 if self.soap == "1.1" else SOAP12


_NAME_PREFIX: Final = "name."
_SIGN_PREFIX: Final = "sign."


def settings_of(destination: Destination) -> Settings | str:
    """Read a destination's parameters; return a text naming the wrong one instead of raising."""
    plain: dict[str, object] = {}
    names: dict[str, str] = {}
    sign: dict[str, str] = {}
    for key, value in destination.params.items():
        if key.startswith(_NAME_PREFIX):
            names[key.removeprefix(_NAME_PREFIX)] = value
        elif key.startswith(_SIGN_PREFIX):
            sign[key] = value
        else:
            plain[key] = value
    if plain.get("soap", "1.2") not in {"1.1", "1.2"}:
        return "Параметр soap: допустимы 1.1 и 1.2."
    if plain.get("sign_names", "urn") not in {"urn", "uri"}:
        return "Параметр sign_names: допустимы urn и uri."
    try:
        return msgspec.convert({**plain, "names": names, "sign": sign}, Settings, strict=False)
    except msgspec.ValidationError as error:
        return f"Неверный параметр направления {destination.id}: {error}"
