"""A parcel: one document on its way to one destination, with all an adapter may need and nothing else."""

from uuid import UUID

import msgspec

from broker.document.canonical import CanonicalDocument, SignatureRecord
from broker.document.submission import Mode


class ClinicCard(msgspec.Struct, frozen=True, kw_only=True):
    """The sending clinic: ФРМО OID, region (subject code), and its parameters for this destination (idLpu, mcod …).

    ``remd_link`` is unknown | requested | confirmed; ``client_entity_id`` the GUID the clinic's system has in ИПС.
    """

    oid: str
    region: str
    title: str = ""
    ogrn: str = ""
    mcod: str = ""
    remd_link: str = "unknown"
    client_entity_id: str = ""
    params: dict[str, str] = {}


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What goes out.

    ``message_id`` is new for every attempt and committed before the first byte leaves; ``local_uid`` stays until the
    content changes. ``content`` is byte for byte what the partner handed over, ``digest`` its SHA-256 in hex.
    ``earlier_message_ids`` are those of former attempts; ``state`` what the last ``Awaiting`` left.
    """

    delivery_id: UUID
    document_id: UUID
    message_id: UUID
    attempt: int
    type: str
    mode: Mode
    kind: str
    local_uid: str
    clinic: ClinicCard
    content: bytes
    media_type: str
    digest: str
    signatures: tuple[SignatureRecord, ...] = ()
    document: CanonicalDocument | None = None
    metadata: dict[str, str] = {}
    earlier_message_ids: tuple[UUID, ...] = ()
    state: dict[str, str] = {}
