"""Authorities, people and containers of one suite over one real document: what signature faults are made of."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from trust_stand import Container, children

from broker.archive import SealedPart, StoredContent
from broker.dev.world import World
from broker.document.finding import Severity
from broker.document.submission import Mchd, Metadata, SignatureKind
from broker.pipeline import ExaminationInput
from broker.samples.people import Clinic, Doctor
from broker.samples.sample import Sample
from broker.samples.submission import make_submission
from broker.trust import (
    CrlMode,
    Holder,
    PrivateKey,
    Suite,
    ThrowAwayCa,
    TrustProfile,
    TrustSnapshot,
    der,
    new_key,
    sign_detached,
)
from broker.trust import Signer as SignerPort
from broker.trust.certificate import certificate_names
from broker.trust.container import ESS_V2
from broker.trust.issuing import Order, make_certificate, name
from broker.trust.openssl import GostSigner
from broker.trust.pki import COMMON_NAME, GIVEN_NAME, SNILS, SURNAME
from broker.trust.private_keys import certificate_algorithm, key_pem, key_suite, sign_with
from broker.trust.signer import RsaSigner
from broker.trust.signing_rules import RoleNeed, SigningRule

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
_DATA = "1.2.840.113549.1.7.1"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One document with its signatures and everything it is judged by."""

    content: bytes
    parts: tuple[SealedPart, ...]
    snapshot: TrustSnapshot
    holder: Holder
    metadata: Metadata
    clinic: str
    at: datetime = NOW
    mode: str = "production"

    def input(self) -> ExaminationInput:
        return ExaminationInput(
            document_id=UUID(int=1),
            type="semd",
            kind="306",
            clinic=self.clinic,
            region="77",
            mcod="",
            local_uid=self.metadata.local_uid or "",
            at=self.at,
            stored=StoredContent(self.content, "application/xml", self.parts, self.metadata),
            mode=self.mode,
            holder=self.holder,
        )


class Kit:
    """One suite: a root, an authority below it, a stranger's root, the clinic of the world and its doctor."""

    def __init__(self, suite: Suite, world: World) -> None:
        self.suite = suite
        self.clinic: Clinic = world.clinics[0]
        self.doctor: Doctor = world.population.doctor(self.clinic, 0)
        self.keys: list[PrivateKey] = [new_key(suite) for _ in range(3)]
        self.root = ThrowAwayCa.create(NOW - 2 * YEAR, suite=suite)
        self.stranger = ThrowAwayCa.create(NOW - 2 * YEAR, suite=suite)
        self.authority = self.root.issue_authority(
            "Промежуточный учебный УЦ", not_before=NOW - YEAR, not_after=NOW + YEAR
        )
        self.submission = make_submission(self._sample(world), lambda _data, _who: b"-")
        self.content = base64.b64decode(self.submission.content.data)
        self.personal = self.person()
        self.own = self.organization()

    def _sample(self, world: World) -> Sample:
        return Sample(
            kind="306",
            clinic=self.clinic,
            patient=world.patients(self.clinic)[0],
            doctors=world.population.doctors(self.clinic),
            local_uid="6b0b5a7e-0000-4000-8000-0000000000f1",
            document_number="2026-000001",
            set_id="6b0b5a7e-0000-4000-8000-0000000000f2",
            created_at=NOW - timedelta(hours=1),
            message_id="6b0b5a7e-0000-4000-8000-0000000000f3",
        )

    # certificates

    def person(self, ca: ThrowAwayCa | None = None, **changes: object) -> SignerPort:
        """The doctor's signer; ``changes`` are fields of ``issue_person``."""
        fields: dict[str, object] = {
            "name": self.doctor.name,
            "snils": self.doctor.snils,
            "organization": self.clinic.name,
            "ogrn": self.clinic.ogrn,
            "post": self.doctor.post.name,
            "not_before": NOW - YEAR,
            "not_after": NOW + YEAR,
            "key": self.keys[0],
        }
        return (ca or self.authority).issue_person(**(fields | changes)).signer  # type: ignore[arg-type]  # fields by name

    def organization(self, **changes: object) -> SignerPort:
        """The clinic's signer; ``changes`` are arguments of ``issue_organization``."""
        fields: dict[str, object] = {
            "organization": self.clinic.name,
            "ogrn": self.clinic.ogrn,
            "inn_le": self.clinic.inn,
            "head": self.doctor.name,
            "snils": self.doctor.snils,
            "not_before": NOW - YEAR,
            "not_after": NOW + YEAR,
            "key": self.keys[1],
        }
        return self.authority.issue_organization(**(fields | changes)).signer  # type: ignore[arg-type]  # fields by name

    def bespoke(
        self,
        fields: list[tuple[str, str]],
        *,
        by: PrivateKey | None = None,
        usage: bytes = b"",
        authority: int | None = None,
    ) -> SignerPort:
        """A signer with a subject of one's own, issued by the authority (or by its own key when ``by`` is it)."""
        key = self.keys[2]
        subject = name(fields)
        issuer_key = by or self.authority._key
        issuer = subject if by is key else certificate_names(self.authority.certificate)[2]
        order = Order(
            serial=77,
            issuer=issuer,
            subject=subject,
            not_before=NOW - YEAR,
            not_after=NOW + YEAR,
            authority=authority,
        )
        made = make_certificate(order, key, issuer_key)
        if usage:
            body = children(made)[0].replace(b"\x03\x02\x06\xc0", usage)
            made = der.sequence(
                body, certificate_algorithm(key_suite(issuer_key)), der.bits(sign_with(issuer_key, body))
            )
        chain = () if by is key else (self.authority.certificate,)
        return self.signer(made, key, *chain)

    def signer(self, certificate: bytes, key: PrivateKey, *chain: bytes) -> SignerPort:
        pem = b"".join(
            x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in (certificate, *chain)
        )
        make = RsaSigner if self.suite is Suite.RSA_SHA256 else GostSigner
        return make.from_pem(pem, key_pem(key))

    def subject(self, **changes: str) -> list[tuple[str, str]]:
        """The subject of an employee: a person, no organisation."""
        person = self.doctor.name
        fields = {
            COMMON_NAME: f"{person.family} {person.given} {person.patronymic}",
            SURNAME: person.family,
            GIVEN_NAME: f"{person.given} {person.patronymic}",
            SNILS: self.doctor.snils,
        }
        return list((fields | changes).items())

    # containers

    def sign(self, signer: SignerPort, content: bytes | None = None, *, at: datetime = NOW - MINUTE) -> bytes:
        data = self.content if content is None else content
        return sign_detached(data, signer, signing_time=at)

    def resigned(self, signer: SignerPort, *, drop: str = "", add: bytes = b"") -> bytes:
        """A container whose signed attributes lack one or have one more, signed again by the same key."""
        box = Container.open(self.sign(signer))
        version, sid, digest, attributes, algorithm, _ = children(box.infos[0])
        kept = [item for item in children(attributes) if not drop or children(item)[0] != der.oid(drop)]
        kept += [add] if add else []
        value = der.octets(signer.sign(der.set_of(*kept)))
        box.infos = [der.sequence(version, sid, digest, der.context(0, *sorted(kept)), algorithm, value)]
        return box.pack()

    def foreign_ess(self, signer: SignerPort, other: SignerPort) -> bytes:
        """signingCertificateV2 of somebody else's certificate."""
        box = Container.open(self.sign(other))
        ess = next(
            item for item in children(children(box.infos[0])[3]) if children(item)[0] == der.oid(ESS_V2)
        )
        return self.resigned(signer, drop=ESS_V2, add=ess)

    # the document

    def good(self) -> Case:
        """A document nothing is wrong with, judged as strictly as can be."""
        stated = self.submission.signatures[0]
        return Case(
            content=self.content,
            parts=(
                SealedPart(SignatureKind.PERSONAL, self.sign(self.personal), stated.role, stated.signer),
                SealedPart(SignatureKind.ORGANIZATION, self.sign(self.own)),
            ),
            snapshot=self.snapshot(),
            holder=Holder(title=self.clinic.name, ogrn=self.clinic.ogrn, inn=self.clinic.inn),
            metadata=self.submission.metadata,
            clinic=self.clinic.oid,
        )

    def snapshot(
        self, *, revoked: tuple[int, ...] = (), crls: tuple[bytes, ...] | None = None
    ) -> TrustSnapshot:
        root = self.root.crl(now=NOW - DAY, until=NOW + DAY)
        lists = (root, self.authority.crl(revoked, now=NOW - DAY, until=NOW + DAY)) if crls is None else crls
        profile = TrustProfile(crl=CrlMode.REQUIRED)
        rule = SigningRule(
            kinds=("306",),
            reason="Комиссия",
            severity=Severity.ERROR,
            roles=(RoleNeed(role="CHAIRMAN", most=1),),
        )
        return TrustSnapshot(
            roots=(self.root.certificate,), crls=lists, profiles={"production": profile}, rules=(rule,)
        )

    def personal_part(self, data: bytes, **changes: object) -> SealedPart:
        return msgspec.structs.replace(self.good().parts[0], data=data, **changes)

    def with_personal(self, data: bytes, **changes: object) -> Case:
        """The good case with another container of the doctor."""
        good = self.good()
        part = msgspec.structs.replace(good.parts[0], data=data)
        return msgspec.structs.replace(good, parts=(part, good.parts[1]), **changes)

    def with_own(self, data: bytes, *, mchd: Mchd | None = None, **changes: object) -> Case:
        """The good case with another container of the clinic."""
        good = self.good()
        part = msgspec.structs.replace(good.parts[1], data=data, mchd=mchd)
        return msgspec.structs.replace(good, parts=(good.parts[0], part), **changes)
