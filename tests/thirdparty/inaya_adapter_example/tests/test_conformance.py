"""The whole proof a third party needs: the suite of the platform over its own adapter."""

from collections.abc import Sequence

from aiohttp import web
from inaya_adapter_example import ADAPTER
from inaya_adapter_example.simulator import create

from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import a_parcel
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.port import Adapter
from broker.adapter_kit.simulation import SimulatorSetup


class TestHttpArchive(AdapterConformance):
    def adapter(self) -> Adapter:
        return ADAPTER

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        return create(setup)

    def destination(self, url: str) -> Destination:
        return Destination(id="archive", adapter="archive_http", url=url, timeout=5)

    def refused_parcels(self) -> Sequence[Parcel]:
        return [a_parcel(60, content=b"not xml")]
