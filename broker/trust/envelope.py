"""The words of the WS-Security profile of ИПС: parts that are signed, whom we trust, what a verified envelope gives."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from lxml import etree

from broker.adapter_kit.soap import safe_parser
from broker.trust.suites import Suite

WSA: Final = "http://www.w3.org/2005/08/addressing"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
EGISZ: Final = "http://egisz.rosminzdrav.ru"
EXC_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
X509V3: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64_BINARY: Final = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)
HUGE: Final = 8 * 1024 * 1024
"""Bytes from which a message may hold a text too long for a parser with its usual limits."""
WSU_ID: Final = f"{{{WSU}}}Id"


class Part(StrEnum):
    """A part of the envelope a signature may cover."""

    BODY = "Body"
    """The SOAP Body."""
    TIMESTAMP = "Timestamp"
    """wsu:Timestamp inside Security."""
    MESSAGE_ID = "MessageID"
    """wsa:MessageID."""
    ACTION = "Action"
    """wsa:Action."""
    TO = "To"
    """wsa:To."""
    REPLY_TO = "ReplyTo"
    """wsa:ReplyTo: where the answer goes."""
    RELATES_TO = "RelatesTo"
    """wsa:RelatesTo: seen unsigned in the field, may be signed."""
    FAULT_TO = "FaultTo"
    """wsa:FaultTo."""
    FROM = "From"
    """wsa:From."""


IPS_PARTS: Final = (Part.BODY, Part.TIMESTAMP, Part.MESSAGE_ID, Part.ACTION, Part.TO)
"""What ИПС signs in its own messages."""
IPS_REQUEST_PARTS: Final = (*IPS_PARTS, Part.REPLY_TO)
"""What a request with a callback address signs."""


class PeerTrust(msgspec.Struct, frozen=True, kw_only=True):
    """What we demand of one peer's envelopes.

    ``certificates`` are pinned, DER; an envelope signed with any other is refused. ``suites`` are the algorithms
    allowed (SHA-1 only where named). ``required`` parts must be signed; the field knows peers that sign fewer.
    ``skew`` is how far clocks may differ, ``max_lifetime`` how long a Timestamp may run (ИПС uses ten minutes).
    ``accept_expired_certificate`` is for test contours whose pinned certificate ran out. ``limit`` is in bytes.
    """

    certificates: tuple[bytes, ...]
    suites: frozenset[Suite] = frozenset({Suite.RSA_SHA256})
    required: tuple[Part, ...] = IPS_PARTS
    skew: timedelta = timedelta(minutes=5)
    max_lifetime: timedelta = timedelta(hours=1)
    accept_expired_certificate: bool = False
    limit: int = 64 * 1024 * 1024


class WssCode(StrEnum):
    """Why an envelope is not believed."""

    TOO_LARGE = "too_large"
    """Over the size limit."""
    MALFORMED = "malformed"
    """Not well-formed XML."""
    DOCTYPE = "doctype"
    """Holds a DOCTYPE: entities and external files are never read."""
    NOT_SOAP = "not_soap"
    """Not an envelope of SOAP 1.1 or 1.2."""
    STRUCTURE = "structure"
    """An element is missing, doubled or in a place where none belongs."""
    NO_SIGNATURE = "no_signature"
    """No WS-Security signature at all."""
    DUPLICATE_ID = "duplicate_id"
    """An id that a reference names stands more than once."""
    UNKNOWN_CERTIFICATE = "unknown_certificate"
    """Not one of the certificates pinned for this peer."""
    CERTIFICATE_EXPIRED = "certificate_expired"
    """The pinned certificate is not valid now."""
    ALGORITHM = "algorithm"
    """An algorithm or transform outside the peer's profile."""
    REFERENCE = "reference"
    """A reference to something that may not be signed here: how wrapping attacks look."""
    UNVERIFIED = "unverified"
    """No provider here can compute the algorithm."""
    UNSIGNED_PART = "unsigned_part"
    """A part that must be signed is not."""
    BAD_SIGNATURE = "bad_signature"
    """The signature value or a digest does not fit."""
    STALE = "stale"
    """The Timestamp has run out."""
    FROM_FUTURE = "from_future"
    """The Timestamp begins in the future or runs too long."""


WSS_TEXTS: Final[dict[WssCode, str]] = {
    WssCode.TOO_LARGE: "Сообщение больше допустимого размера.",
    WssCode.MALFORMED: "Сообщение не является правильным XML.",
    WssCode.DOCTYPE: "В сообщении есть DOCTYPE: такие сообщения не принимаются.",
    WssCode.NOT_SOAP: "Сообщение не является конвертом SOAP 1.1 или 1.2.",
    WssCode.STRUCTURE: "Строение конверта не соответствует профилю ИПС: элемент отсутствует, повторён или не на своём месте.",
    WssCode.NO_SIGNATURE: "Конверт не подписан по WS-Security.",
    WssCode.DUPLICATE_ID: "Идентификатор подписанной части встречается в сообщении больше одного раза.",
    WssCode.UNKNOWN_CERTIFICATE: "Конверт подписан сертификатом, который для этого отправителя не задан.",
    WssCode.CERTIFICATE_EXPIRED: "Срок действия сертификата отправителя истёк или ещё не начался.",
    WssCode.ALGORITHM: "Алгоритм подписи конверта для этого отправителя не разрешён.",
    WssCode.REFERENCE: "Подпись ссылается на часть сообщения, которую она не может защищать.",
    WssCode.UNVERIFIED: "Подпись конверта проверить нечем: здесь нет средства для её алгоритма.",
    WssCode.UNSIGNED_PART: "Обязательная часть конверта не подписана.",
    WssCode.BAD_SIGNATURE: "Подпись конверта не верна: содержимое изменено или подписано другим ключом.",
    WssCode.STALE: "Срок действия сообщения (wsu:Timestamp) истёк.",
    WssCode.FROM_FUTURE: "Время сообщения (wsu:Timestamp) не настало или его срок слишком велик: сверьте часы.",
}


class WssRefusal(msgspec.Struct, frozen=True):
    """The envelope is not believed; ``detail`` names the part or algorithm for the operator, never a value."""

    code: WssCode
    detail: str = ""

    @property
    def text(self) -> str:
        """Why, in Russian."""
        return WSS_TEXTS[self.code]


class VerifiedEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """What the signature of a trusted peer covers; nothing else of the message is here but the two marked fields.

    ``body`` is the canonical form of the Body, the very bytes that were signed; it travels between processes. A header that is not signed is empty, except
    ``relates_to`` (in the field unsigned: look whether ``Part.RELATES_TO`` is in ``signed``) and ``client_entity_id``
    (transportHeader is never signed). ``replay_until``: remember ``message_id`` until then; None without a Timestamp.
    """

    soap: str
    body: bytes
    message_id: str
    action: str
    to: str
    reply_to: str
    relates_to: str
    client_entity_id: str
    created: datetime | None
    expires: datetime | None
    replay_until: datetime | None
    certificate: bytes
    suite: Suite
    signed: frozenset[Part]

    def body_element(self) -> etree._Element:
        """Return the Body element, read from the bytes that were signed."""
        return etree.fromstring(self.body, safe_parser(huge=len(self.body) > HUGE))
