"""The documents of the load: made and signed before it begins, so that the generator costs little while it runs.

``Press.make`` makes good ones by the thousand, ``Press.mixed`` those of the demo's plan, some of which must be refused.
"""

import base64
import hashlib
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from broker.dev.plan import BEYOND, REFUSED, Group, Planned, Planner
from broker.dev.world import PATIENTS, Signers, World
from broker.document.submission import Content, Submission
from broker.samples.faults import FREQUENT
from broker.samples.people import Clinic, Doctor
from broker.samples.sample import Sample
from broker.samples.submission import encode, make_submission
from broker.trust import Signer, sign_detached

KINDS = ("306", "103", "290")
REGISTRAR_REGION = "16"
"""The region whose ГИС registers in РЭМД by itself while the weather is bad."""
_UID = "00000000-0000-4000-8000-00000000000a"
_SET = "00000000-0000-4000-8000-00000000000b"


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One submission ready to be sent; ``sha256`` is that of the document's own bytes.

    ``status`` is where the document must end, ``holders`` the simulators that must have registered it once; no other may.
    """

    partner: str
    clinic: str
    kind: str
    region: str
    message_id: str
    local_uid: str
    sha256: str
    body: bytes
    status: str = "completed"
    holders: tuple[str, ...] = ("remd", "gis-soap")

    @property
    def routing_key(self) -> str:
        """Where it goes over AMQP."""
        return f"{self.partner}.{self.clinic.replace('.', '-')}"


class Press:
    """Makes documents for the linked clinics of a stand; patients change all the time, so that new ones keep coming."""

    def __init__(self, state: Path, seed: int) -> None:
        self._world = World()
        self._signers = Signers.open(state / "pki", self._world)
        self._seed = seed
        self._dice = random.Random(f"crash/{seed}")
        self._now = datetime.now(UTC)
        self._keys: dict[str, Signer] = {}
        self._templates: dict[tuple[str, str, int], tuple[Submission, bytes]] = {}
        self._patients = {clinic.oid: self._world.patients(clinic) for clinic in self._clinics()}

    def _clinics(self) -> list[Clinic]:
        return [clinic for clinic in self._world.clinics if clinic is not self._world.unlinked]

    def make(self, count: int) -> Iterator[Paper]:
        """Make so many documents."""
        clinics = self._clinics()
        owners = {clinic.oid: vendor.id for vendor in self._world.vendors for clinic in vendor.clinics}
        for number in range(count):
            clinic = clinics[number % len(clinics)]
            kind = KINDS[(number // len(clinics)) % len(KINDS)]
            patient = number * PATIENTS // count
            yield self._paper(owners[clinic.oid], clinic, kind, patient)

    def mixed(self, count: int) -> list[Paper]:
        """Make so many documents of the demo's plan: most are good, some must be refused, by us or by РЭМД alone."""
        planner = Planner(self._world, self._sign, self._now, f"weather/{self._seed}", amqp=False)
        faults = len(FREQUENT) + len(BEYOND) + len(REFUSED)
        each = max(1, count // (10 * faults))
        regions = {clinic.oid: clinic.region for clinic in self._world.clinics}
        plan = planner.documents(good=count - each * faults, each=each)
        return [_planned(one, regions[one.submission.clinic]) for one in plan]

    def _paper(self, partner: str, clinic: Clinic, kind: str, patient: int) -> Paper:
        key = (clinic.oid, kind, patient)
        if key not in self._templates:
            self._templates[key] = self._template(clinic, kind, patient)
        template, content = self._templates[key]
        local_uid, set_id, message_id = (
            str(uuid.UUID(int=self._dice.getrandbits(128), version=4)) for _ in range(3)
        )
        content = content.replace(_UID.encode(), local_uid.encode()).replace(_SET.encode(), set_id.encode())
        signers: tuple[Doctor | Clinic, ...] = (self._world.population.doctor(clinic, 0), clinic)
        signatures = [
            msgspec.structs.replace(part, data=_text(self._sign(content, who)))
            for part, who in zip(template.signatures, signers, strict=True)
        ]
        submission = msgspec.structs.replace(
            template,
            message_id=message_id,
            content=Content(data=_text(content)),
            signatures=signatures,
            metadata=msgspec.structs.replace(template.metadata, local_uid=local_uid),
        )
        return Paper(
            partner=partner,
            clinic=clinic.oid,
            kind=kind,
            region=clinic.region,
            message_id=message_id,
            local_uid=local_uid,
            sha256=hashlib.sha256(content).hexdigest(),
            body=encode(submission),
        )

    def _template(self, clinic: Clinic, kind: str, patient: int) -> tuple[Submission, bytes]:
        sample = Sample(
            kind=kind,
            clinic=clinic,
            patient=self._patients[clinic.oid][patient],
            doctors=self._world.population.doctors(clinic),
            local_uid=_UID,
            document_number="1",
            set_id=_SET,
            created_at=self._now - timedelta(hours=1),
            message_id=_UID,
        )
        submission = make_submission(sample, lambda _data, _who: b"")
        return submission, base64.b64decode(submission.content.data)

    def _sign(self, content: bytes, who: Doctor | Clinic) -> bytes:
        key = who.ogrn if isinstance(who, Clinic) else who.snils
        if key not in self._keys:
            self._keys[key] = self._signers.of(who).signer
        return sign_detached(content, self._keys[key], signing_time=self._now)


def _planned(one: Planned, region: str) -> Paper:
    """Make a paper of a planned document; where the ГИС registers, РЭМД is not asked and refuses nothing."""
    submission = one.submission
    by_region = region == REGISTRAR_REGION
    return Paper(
        partner=one.vendor,
        clinic=submission.clinic,
        kind=submission.kind or "",
        region=region,
        message_id=submission.message_id or "",
        local_uid=one.local_uid,
        sha256=hashlib.sha256(base64.b64decode(submission.content.data)).hexdigest(),
        body=encode(submission),
        status="completed" if by_region and one.group is Group.REFUSED else one.status,
        holders=tuple(name for name in one.holders if not (by_region and name == "remd")),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
