"""The tfoms adapter is an adapter: it passes the suite with a fund that checks by our rules and a register of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web
from tfoms_stage import a_fund, a_registry_parcel, registry_check

from adapters.tfoms import TfomsAdapter
from adapters.tfoms.simulator import create
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import Stage, SteppedClock, context_for, serving
from broker.adapter_kit.outcome import Outcome
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.port import Adapter
from broker.adapter_kit.simulation import SimulatorSetup
from broker.samples.registry_faults import CASE_FAULTS


class TestTfoms(AdapterConformance):
    _adapter = TfomsAdapter()

    def adapter(self) -> Adapter:
        return self._adapter

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        return create(setup)

    def simulator_params(self) -> dict[str, object]:
        return {"registry_check": registry_check}

    def destination(self, url: str) -> Destination:
        return a_fund(url, pollSeconds="5")  # many at once turn one clock: not past the life of a token

    def parcel(self, number: int) -> Parcel:
        return a_registry_parcel(number)

    def refused_parcels(self) -> Sequence[Parcel]:
        return [a_registry_parcel(60, count=4, faults=CASE_FAULTS[:3])]

    @asynccontextmanager
    async def stage(self, *, state: Path | None = None) -> AsyncIterator[Stage]:
        """Sign in beforehand, as in the field: what goes wrong with signing in is never doubt about a package."""
        async with super().stage(state=state) as stage:
            assert await self._adapter.probe(stage.context)
            yield stage

    async def deliver_to(self, url: str, parcel: Parcel) -> Outcome:
        """Sign in at a real fund and hand the package to the address that is none."""
        setup = SimulatorSetup(clock=SteppedClock())
        async with serving(create(setup)) as fund:
            params = {"authUrl": f"{fund}/AuthService", "protUrl": f"{url}/ProtService"}
            destination = msgspec.structs.replace(a_fund(url, **params), timeout=0.6)
            async with context_for(destination) as context:
                return await self._adapter.deliver(parcel, context)
