"""One claimed delivery with what belongs to it, and the parcel an adapter gets of it."""

from uuid import UUID

import msgspec

from broker.adapter_kit import ClinicCard, Parcel
from broker.archive import SealedPart
from broker.delivery.state import DeliveryState
from broker.document.canonical import Code, Person, SignatureRecord
from broker.document.identity import snils_digits
from broker.document.submission import SignatureKind, Signer
from broker.partners.clinic import Clinic
from broker.store.examination import LoadedDocument
from broker.store.tasks import Task
from broker.trust import inspect


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """One claimed delivery with what belongs to it."""

    task: Task
    delivery: DeliveryState
    document: LoadedDocument
    clinic: Clinic | None
    earlier: tuple[UUID, ...]

    def parcel(self, message_id: UUID) -> Parcel:
        """Compose what goes out under this message id."""
        document, delivery = self.document, self.delivery
        return Parcel(
            delivery_id=delivery.id,
            document_id=document.id,
            message_id=message_id,
            attempt=delivery.attempt,
            type=document.type,
            mode=document.mode,
            kind=document.kind,
            local_uid=document.local_uid,
            clinic=_card(self.clinic, delivery),
            content=document.stored.content,
            media_type=document.stored.media_type,
            digest=document.digest.hex(),
            signatures=_signatures(document),
            document=document.canonical,
            metadata=_metadata(document),
            earlier_message_ids=tuple(i for i in self.earlier if i != message_id),
            state=delivery.state,
        )


def _card(clinic: Clinic | None, delivery: DeliveryState) -> ClinicCard:
    if clinic is None:
        return ClinicCard(oid=delivery.clinic, region="")
    return ClinicCard(
        oid=clinic.oid,
        region=clinic.region,
        title=clinic.title,
        ogrn=clinic.ogrn,
        mcod=clinic.mcod,
        remd_link=clinic.remd_link,
        client_entity_id=clinic.client_entity_id,
        params=clinic.params.get(delivery.destination, {}),
    )


def _signatures(document: LoadedDocument) -> tuple[SignatureRecord, ...]:
    people = _people(document)
    records = []
    for part in document.stored.signatures:
        signer = part.signer
        person = _signer(part, people)
        records.append(
            SignatureRecord(
                kind=part.kind,
                data=part.data,
                role=part.role or person.role,
                signer=person,
                speciality=(signer.speciality if signer else None) or "",
                department=(signer.department if signer else None) or "",
                email=(signer.email if signer else None) or "",
                phone=(signer.phone if signer else None) or "",
                mchd=part.mchd,
            )
        )
    return tuple(records)


def _signer(part: SealedPart, people: dict[str, Person]) -> Person:
    """Return who signed: what the partner says, completed by the document.

    A signer left out is found by the СНИЛС of the certificate (contract.md, Submission).
    """
    said = part.signer or Signer()
    snils = snils_digits(said.snils or "")
    if not snils and part.kind is SignatureKind.PERSONAL:
        snils = inspect(part.data, b"").signer.snils or ""
    person = people.get(snils, Person())
    return msgspec.structs.replace(
        person,
        local_id=said.local_id or person.local_id,
        snils=snils or person.snils,
        position=Code(code=said.position) if said.position else person.position,
    )


def _people(document: LoadedDocument) -> dict[str, Person]:
    canonical = document.canonical
    if canonical is None:
        return {}
    people = [canonical.author, *canonical.performers]
    if canonical.legal_authenticator is not None:
        people.append(canonical.legal_authenticator)
    return {person.snils: person for person in reversed(people) if person.snils}


def _metadata(document: LoadedDocument) -> dict[str, str]:
    plain = msgspec.to_builtins(document.stored.metadata)
    return {key: value for key, value in plain.items() if isinstance(value, str)}
