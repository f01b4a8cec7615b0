"""What does the simulated ГИС remember: systems, patients, documents, and how far РЭМД is with each."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from adapters.gis_soap.readback import REFUSED, REGISTERED, RegistryRow
from adapters.gis_soap.simulator.settings import SimSettings
from adapters.gis_soap.simulator.wcf import Problem
from broker.adapter_kit.simulation import SimDocument, Simulation

QUEUED = 1
SENT = 2


class Arrived(msgspec.Struct, frozen=True):
    """A document as it was read from AddMedRecord."""

    gis_id: str
    id_lpu: str
    type: str
    sha256: str


class Taken(msgspec.Struct, frozen=True):
    """When and as which type a document was taken, to tell its way through РЭМД."""

    type: str
    number: int
    at: datetime


class Registers:
    """The register over the simulation's store."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.settings = msgspec.convert(simulation.setup.params, SimSettings)
        self._number = sum(1 for _ in simulation.store.items("taken", Taken))

    def stranger(self, guid: str, id_lpu: str) -> Problem | None:
        """Say why this system or this clinic may not call, None when it may."""
        systems = self.settings.systems
        known = guid in systems if systems else is_uuid(guid)
        if not known:
            return Problem("guid", "Неправильный идентификатор системы")
        if not id_lpu or (systems and id_lpu not in systems[guid]):
            return Problem("idLpu", "Неверный идентификатор ЛПУ")
        return None

    def clinic(self, guid: str, id_lpu: str) -> str:
        """Return the ФРМО OID behind an idLpu, or the idLpu itself in an open contour."""
        return self.settings.systems.get(guid, {}).get(id_lpu, id_lpu)

    def knows_patient(self, id_lpu: str, patient: str) -> bool:
        """Tell whether the index has the patient of this clinic."""
        return self.simulation.store.get("patients", f"{id_lpu}|{patient}", str) is not None

    def keep_patient(self, id_lpu: str, patient: str, content: bytes) -> None:
        """Keep a patient: only the digest of what was told."""
        self.simulation.store.put("patients", f"{id_lpu}|{patient}", hashlib.sha256(content).hexdigest())

    def has_document(self, gis_id: str) -> bool:
        """Tell whether a document with this IdDocumentMis was taken."""
        return self.simulation.document(gis_id) is not None

    def count_call(self, gis_id: str) -> None:
        """Count one more request about a document already held."""
        held = self.simulation.document(gis_id)
        if held is not None:
            held.calls += 1
            self.simulation.keep(held)

    def keep_document(self, arrived: Arrived, clinic: str) -> None:
        """Take a document, or other bytes under an id it has; the same bytes again are a call, no registration."""
        held = self.simulation.document(arrived.gis_id) or SimDocument(
            local_uid=arrived.gis_id, clinic=clinic
        )
        held.calls += 1
        if held.sha256 != arrived.sha256:
            self._number += 1
            now = self.simulation.clock.now()
            held.kind, held.sha256, held.status = arrived.type, arrived.sha256, "accepted"
            held.registrations += 1
            held.registered_at, held.receipt = now, arrived.gis_id
            self.simulation.store.put("taken", arrived.gis_id, Taken(arrived.type, self._number, now))
        self.simulation.keep(held)

    def remd_rows(self, gis_id: str) -> list[RegistryRow]:
        """Tell how far РЭМД is with a document by the clock alone, so that a restart changes nothing."""
        taken = self.simulation.store.get("taken", gis_id, Taken)
        if taken is None:
            return []
        age = self.simulation.clock.now() - taken.at
        if age < timedelta(seconds=self.settings.sent_after):
            return [self._row(taken, QUEUED, taken.at)]
        if age < timedelta(seconds=self.settings.registered_after):
            return [self._row(taken, SENT, taken.at)]
        done = taken.at + timedelta(seconds=self.settings.registered_after)
        refusal = self.settings.refused_types.get(taken.type)
        if refusal is not None:
            return [self._row(taken, REFUSED, done, message=refusal)]
        number = f"{taken.type}.{self.settings.region}.{done:%y.%m}.{taken.number:09d}"
        return [self._row(taken, REGISTERED, done, id_remd=number)]

    @staticmethod
    def _row(
        taken: Taken, status: int, at: datetime, *, id_remd: str | None = None, message: str | None = None
    ) -> RegistryRow:
        return RegistryRow(
            id_registry_remd=taken.number, date=at, status=status, id_remd=id_remd, message=message
        )


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in its usual form."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
