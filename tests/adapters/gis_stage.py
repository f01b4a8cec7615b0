"""Builders for the tests of gis_soap: a stage with its simulator, good parcels and destinations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.gis_soap import ADAPTER
from adapters.gis_soap.simulator import create
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import (
    PeerDoor,
    Stage,
    SteppedClock,
    a_document,
    a_parcel,
    context_for,
    serving,
)
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.adapter_kit.simulation import SimulatorSetup
from broker.document.canonical import CanonicalDocument

GUID = "8f0b6a52-7c1d-4a35-9b5e-6d2f10c4a901"
ID_LPU = "3b1f5d0e-0c4b-4b0e-8a57-2f6d9c7b1e02"
OID = "1.2.643.5.1.13.13.12.2.77.9001"
SYSTEMS = {GUID: {ID_LPU: OID}}


def a_gis_destination(url: str, *, guid: str = GUID, **params: str) -> Destination:
    return Destination(
        id="gis.77",
        adapter="gis_soap",
        url=f"{url}/emk",
        params={"kind.306": "306", "kind.119": "198", **params},
        secrets={"guid": guid} if guid else {},
        timeout=5,
    )


def a_gis_parcel(
    number: int = 1,
    *,
    kind: str = "306",
    content: bytes | None = None,
    document: CanonicalDocument | None = None,
    **params: str,
) -> Parcel:
    clinic = ClinicCard(oid=OID, region="77", params={"idLpu": ID_LPU, **params})
    return a_parcel(
        number, clinic=clinic, document=document or a_document(number, kind=kind), content=content
    )


@asynccontextmanager
async def gis_stage(
    *, state: Path | None = None, guid: str = GUID, simulator: dict[str, object] | None = None, **params: str
) -> AsyncIterator[Stage]:
    clock = SteppedClock()
    setup = SimulatorSetup(clock=clock, state=state, params={"systems": SYSTEMS, **(simulator or {})})
    async with serving(create(setup)) as url:
        destination = a_gis_destination(url, guid=guid, **params)
        async with context_for(destination, clock=clock) as context:
            yield Stage(ADAPTER, context, PeerDoor(ADAPTER), url)
