"""Builders: what a test needs, with everything it does not care about made up, always different, always valid."""

import base64
import datetime as dt
import uuid
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from uuid_utils.compat import uuid7

from broker.adapter_kit import ClinicCard, Parcel
from broker.archive import SealedPart, StoredContent
from broker.dev.world import Signers, World
from broker.document.submission import Metadata, Mode, SignatureKind, Submission, SubmissionType
from broker.intake.read import Arrival
from broker.partners.clinic import Clinic, RemdLink
from broker.samples.fault import Fault
from broker.samples.sample import Sample
from broker.samples.submission import make_submission
from broker.trust import sign_detached

NOW = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"


def a_clinic(oid: str = CLINIC, **changes: Any) -> Clinic:
    """A clinic whose documents may go everywhere."""
    fields: dict[str, Any] = {"title": "ООО «Пробная»", "region": "77", "remd_link": RemdLink.CONFIRMED}
    return Clinic(oid=oid, **(fields | changes))


def a_sample(world: World, *, clinic: int = 0, kind: str = "306", patient: int = 0, **changes: Any) -> Sample:
    """A good document of the world, written an hour ago."""
    where = world.clinics[clinic]
    fields: dict[str, Any] = {
        "kind": kind,
        "clinic": where,
        "patient": world.patients(where)[patient],
        "doctors": world.population.doctors(where),
        "local_uid": str(uuid.uuid4()),
        "document_number": str(uuid.uuid4().int % 10**9),
        "set_id": str(uuid.uuid4()),
        "created_at": dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1),
        "message_id": str(uuid.uuid4()),
    }
    return Sample(**(fields | changes))


def a_signature(signers: Signers, *, minutes_ago: int = 0) -> Callable[[bytes, Any], bytes]:
    """Sign as a doctor or a clinic of the world; another minute makes another container."""
    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
    return lambda data, who: sign_detached(data, signers.of(who).signer, signing_time=at)


def a_submission(world: World, signers: Signers, *, fault: Fault | None = None, **changes: Any) -> Submission:
    """A signed submission of a good document, or of one with a fault."""
    return make_submission(a_sample(world, **changes), a_signature(signers), fault)


def a_document(content: bytes = b"<a/>", **changes: Any) -> StoredContent:
    """What a partner handed over, as it is kept."""
    fields: dict[str, Any] = {
        "content": content,
        "media_type": "application/xml",
        "signatures": (SealedPart(SignatureKind.ORGANIZATION, b"container"),),
        "metadata": Metadata(),
    }
    return StoredContent(**(fields | changes))


def an_arrival(
    *, content: bytes = b"<a/>", signature: bytes = b"container", kind: str = "306", **changes: Any
) -> Arrival:
    """A well-formed submission at a door, ready to be committed."""
    stored = a_document(content, signatures=(SealedPart(SignatureKind.ORGANIZATION, signature),))
    fields: dict[str, Any] = {
        "id": uuid7(),
        "partner_id": "vendor-alpha",
        "mode": Mode.PRODUCTION,
        "door": "http",
        "received_at": NOW,
        "type": SubmissionType.SEMD,
        "clinic": CLINIC,
        "region": "77",
        "kind": kind,
        "message_id": str(uuid.uuid4()),
        "local_uid": str(uuid.uuid4()),
        "set_key": "",
        "version": 1,
        "document_number": "",
        "digest": sha256(content).digest(),
        "size": len(content),
        "stored": stored,
    } | changes
    inner = sha256(f"{fields['clinic']}\n{fields['type']}\n{kind}\n".encode() + fields["digest"])
    fields["content_fingerprint"] = inner.digest()
    inner.update(signature)
    fields["fingerprint"] = inner.digest()
    return Arrival(**fields)


def a_parcel(content: bytes = b"<a/>", **changes: Any) -> Parcel:
    """What an adapter is handed."""
    fields: dict[str, Any] = {
        "delivery_id": uuid.uuid4(),
        "document_id": uuid.uuid4(),
        "message_id": uuid.uuid4(),
        "attempt": 1,
        "type": "semd",
        "mode": Mode.PRODUCTION,
        "kind": "306",
        "local_uid": str(uuid.uuid4()),
        "clinic": ClinicCard(oid=CLINIC, region="77"),
        "content": content,
        "media_type": "application/xml",
        "digest": sha256(content).hexdigest(),
    }
    return Parcel(**(fields | changes))


def as_json(submission: Submission, **changes: Any) -> dict[str, Any]:
    """The submission as plain JSON values, to be bent out of shape by a test."""
    plain: dict[str, Any] = msgspec.to_builtins(submission)
    return plain | changes


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()
