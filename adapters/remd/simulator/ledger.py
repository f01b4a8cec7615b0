"""What the simulated РЭМД remembers across ``kill -9``: requests it accepted and documents it registered."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from adapters.remd.simulator.requests import Link, Request
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.simulation import SimDocument, Simulation
from broker.document.identity import region_of

_ACCEPTED: Final = "accepted"
_REGISTERED: Final = "registered"


class Stage(StrEnum):
    """How far an accepted request is."""

    CHECKING = "checking"
    """Its file is to be fetched and checked."""
    JUDGED = "judged"
    """The verdict is known and is to be told."""
    TOLD = "told"
    """The sender knows; nothing more happens."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A registered document; ``accepted`` is the number of the request that brought it, ``chain`` its line of versions."""

    local_uid: str
    emdr_id: str
    kind: str
    organization: str
    version: int
    registered_at: datetime
    accepted: int
    chain: str
    patient_snils: str = ""
    links: tuple[Link, ...] = ()
    reply_to: str = ""


class Accepted(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One accepted request, followed until its verdict was told; ``at`` is when it came, ``due`` when the verdict leaves."""

    number: int
    at: datetime
    request: Request
    stage: Stage = Stage.CHECKING
    refusals: tuple[Refusal, ...] = ()
    registered: bool = False
    due: datetime | None = None
    file_tries: int = 0
    tell_tries: int = 0


class Ledger:
    """The register of the simulated РЭМД over its append-only store."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        store = simulation.store
        self._registrations = dict(store.items(_REGISTERED, Registration))
        self._numbers = {one.emdr_id: one for one in self._registrations.values()}
        self._sequence = max(
            (int(one.emdr_id.rpartition(".")[2]) for one in self._registrations.values()), default=0
        )
        self._versions: dict[str, int] = {}
        for one in self._registrations.values():
            self._versions[one.chain] = max(self._versions.get(one.chain, 0), one.version)
        known = dict(store.items(_ACCEPTED, Accepted))
        self.open = {one.number: one for one in known.values() if one.stage is not Stage.TOLD}
        self._last = max((one.number for one in known.values()), default=0)
        self._mend()

    def _mend(self) -> None:
        """Bring the public register in line after a kill that fell between two writes."""
        for accepted in self.open.values():
            if self._simulation.document(accepted.request.local_uid) is None:
                self._note_call(accepted.request)
        for registration in self._registrations.values():
            document = self._simulation.document(registration.local_uid)
            if document is None or not document.registrations:
                self._note_registration(registration)

    def accept(self, request: Request) -> Accepted:
        """Keep a request before it is answered; the same message twice is two requests, as nobody promised otherwise."""
        self._last += 1
        accepted = Accepted(number=self._last, at=self._simulation.clock.now(), request=request)
        self.keep(accepted)
        self._note_call(request)
        return accepted

    def _note_call(self, request: Request) -> None:
        document = self._simulation.document(request.local_uid) or SimDocument(
            local_uid=request.local_uid, clinic=request.organization, kind=request.kind
        )
        document.calls += 1
        if not document.registrations:
            document.status = "accepted"
        self._simulation.keep(document)

    def keep(self, accepted: Accepted) -> None:
        """Write down how far a request is; once judged it needs its containers no more."""
        if accepted.stage is not Stage.CHECKING:
            accepted.request = msgspec.structs.replace(accepted.request, signatures=(), signers=())
        if accepted.stage is Stage.TOLD:
            self.open.pop(accepted.number, None)
        else:
            self.open[accepted.number] = accepted
        self._simulation.store.put(_ACCEPTED, str(accepted.number), accepted)

    def received(self, local_uid: str, sha256: str) -> None:
        """Note the digest of a file that was fetched."""
        document = self._simulation.document(local_uid)
        if document is not None and document.sha256 != sha256:
            document.sha256 = sha256
            self._simulation.keep(document)

    def refused(self, local_uid: str) -> None:
        """Note that a document was refused, unless it is registered."""
        document = self._simulation.document(local_uid)
        if document is not None and not document.registrations:
            document.status = "rejected"
            self._simulation.keep(document)

    def registration(self, local_uid: str) -> Registration | None:
        """Find a registered document."""
        return self._registrations.get(local_uid)

    def numbered(self, emdr_id: str) -> Registration | None:
        """Find a registered document by its number."""
        return self._numbers.get(emdr_id)

    def versions(self, chain: str) -> int:
        """Return how many versions a line has."""
        return self._versions.get(chain, 0)

    def search(self, *, organization: str, kind: str, snils: str) -> list[Registration]:
        """Return registrations of an organisation, kind and patient; an empty text is any."""
        return [
            one
            for one in self._registrations.values()
            if (not organization or one.organization == organization)
            and (not kind or one.kind == kind)
            and (not snils or one.patient_snils == snils)
        ]

    def register(self, accepted: Accepted, chain: str, now: datetime) -> Registration:
        """Register a document under the next number: ``<kind>.<region>.<yy>.<mm>.<nine digits>``."""
        request = accepted.request
        self._sequence += 1
        region = region_of(request.organization) or "00"
        registration = Registration(
            local_uid=request.local_uid,
            emdr_id=f"{request.kind}.{region}.{now:%y.%m}.{self._sequence:09d}",
            kind=request.kind,
            organization=request.organization,
            version=self.versions(chain) + 1,
            registered_at=now,
            accepted=accepted.number,
            chain=chain,
            patient_snils=request.patient.snils if request.patient else "",
            reply_to=request.reply_to,
            links=request.links,
        )
        self._simulation.store.put(_REGISTERED, request.local_uid, registration)
        self._registrations[request.local_uid] = registration
        self._numbers[registration.emdr_id] = registration
        self._versions[chain] = registration.version
        self._note_registration(registration)
        return registration

    def _note_registration(self, registration: Registration) -> None:
        document = self._simulation.document(registration.local_uid) or SimDocument(
            local_uid=registration.local_uid, clinic=registration.organization, kind=registration.kind
        )
        document.status, document.receipt = "registered", registration.emdr_id
        document.version, document.registered_at = registration.version, registration.registered_at
        document.registrations += 1
        self._simulation.keep(document)
