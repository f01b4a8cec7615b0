"""The gis_soap adapter is an adapter: it passes the suite with its own simulator."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from adapters.gis_soap import ADAPTER
from adapters.gis_soap.simulator import create
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import a_document, a_parcel
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.adapter_kit.port import Adapter
from broker.adapter_kit.simulation import SimulatorSetup

GUID = "8f0b6a52-7c1d-4a35-9b5e-6d2f10c4a901"
ID_LPU = "3b1f5d0e-0c4b-4b0e-8a57-2f6d9c7b1e02"
OID = "1.2.643.5.1.13.13.12.2.77.9001"
SYSTEMS = {GUID: {ID_LPU: OID}}


def a_gis_destination(url: str, **params: str) -> Destination:
    return Destination(
        id="gis.77",
        adapter="gis_soap",
        url=f"{url}/emk",
        params={"kind.306": "306", "kind.119": "198", **params},
        secrets={"guid": GUID},
        timeout=5,
    )


def a_gis_parcel(number: int = 1, *, kind: str = "306", content: bytes | None = None) -> Parcel:
    clinic = ClinicCard(oid=OID, region="77", params={"idLpu": ID_LPU})
    return a_parcel(number, clinic=clinic, document=a_document(number, kind=kind), content=content)


class TestGisSoap(AdapterConformance):
    def adapter(self) -> Adapter:
        return ADAPTER

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        return create(setup)

    def simulator_params(self) -> dict[str, object]:
        return {"systems": SYSTEMS}

    def destination(self, url: str) -> Destination:
        return a_gis_destination(url)

    def parcel(self, number: int) -> Parcel:
        return a_gis_parcel(number)

    def refused_parcels(self) -> Sequence[Parcel]:
        """One the platform refuses quoting the birth date, one refused before sending."""
        good = a_gis_parcel(50)
        assert good.document is not None
        patient = msgspec.structs.replace(good.document.patient, birth_date="20990101")
        unborn = msgspec.structs.replace(good.document, patient=patient)
        unsigned = msgspec.structs.replace(a_gis_parcel(51), signatures=())
        return [msgspec.structs.replace(good, document=unborn), unsigned]
