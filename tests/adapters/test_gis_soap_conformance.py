"""The gis_soap adapter is an adapter: it passes the suite with its own simulator."""

from collections.abc import Sequence

import msgspec
from aiohttp import web
from gis_stage import SYSTEMS, a_gis_destination, a_gis_parcel

from adapters.gis_soap import ADAPTER
from adapters.gis_soap.simulator import create
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.context import Destination
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.port import Adapter
from broker.adapter_kit.simulation import SimulatorSetup


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
