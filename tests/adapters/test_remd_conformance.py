"""РЭМД passes the suite every adapter passes."""

import msgspec
from aiohttp import web

from adapters.remd import ADAPTER
from adapters.remd.simulator import create
from broker.adapter_kit import Adapter, Destination, Parcel
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.harness import a_document, a_parcel
from broker.adapter_kit.simulation import SimulatorSetup
from broker.document.canonical import PersonName

CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"


class TestRemd(AdapterConformance):
    def adapter(self) -> Adapter:
        return ADAPTER

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        return create(setup)

    def simulator_params(self) -> dict[str, object]:
        patients = [
            {
                "organization": CLINIC,
                "localId": "P901",
                "surname": "Иначев",
                "gender": "2",
                "birthDate": "1977-04-18",
            }
        ]
        return {
            "systems": [{"clientEntityId": CLIENT}],
            "organizations": [{"oid": CLINIC, "systems": ["emdr-rmis-1754"]}],
            "kinds": [{"kind": "306", "opened": "2025-11-10", "patient": "snils"}],
            "patients": patients,
        }

    def destination(self, url: str) -> Destination:
        return Destination(
            id="remd", adapter="remd", url=f"{url}/port/emdr", params={"client_entity_id": CLIENT}
        )

    def refused_parcels(self) -> list[Parcel]:
        other = a_document(902)
        quoted = msgspec.structs.replace(
            other, document_number="x" * 1500, patient=msgspec.structs.replace(other.patient, snils="")
        )
        named = msgspec.structs.replace(
            other, patient=msgspec.structs.replace(other.patient, name=PersonName("Ы" * 1200, "Небылий", ""))
        )
        return [a_parcel(901), a_parcel(902, document=quoted), a_parcel(903, document=named)]
