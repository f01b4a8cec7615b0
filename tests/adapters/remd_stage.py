"""A stage for the simulated РЭМД: its registers as a test wants them, our peer door, and a clock in steps."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from adapters.remd import ADAPTER
from adapters.remd.simulator import create
from broker.adapter_kit import Destination, Rejected
from broker.adapter_kit.checker import DocumentChecker
from broker.adapter_kit.harness import PeerDoor, Stage, SteppedClock, context_for, serving
from broker.adapter_kit.simulation import SimulatorSetup

CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"


def dropping_results(times: int):
    """Answer the first results with 503."""
    left = [times]

    @web.middleware
    async def drop(request: web.Request, handler) -> web.StreamResponse:
        if left[0] and b"relatesToMessage" in await request.read():
            left[0] -= 1
            return web.Response(status=503)
        return await handler(request)

    return drop


@asynccontextmanager
async def a_stage(
    *,
    state: Path | None = None,
    checker: DocumentChecker | None = None,
    clock: SteppedClock | None = None,
    clumsy: int = 0,
    **params: object,
) -> AsyncIterator[Stage]:
    """Run the simulator with these registers and give the stage; our door drops the first ``clumsy`` results."""
    clock = clock or SteppedClock()
    door = PeerDoor(ADAPTER)
    own_side = door.application()
    own_side.middlewares.append(dropping_results(clumsy))
    simulated = create(SimulatorSetup(clock=clock, checker=checker, state=state, params=params))
    async with serving(own_side) as own, serving(simulated) as url:
        destination = Destination(
            id="remd", adapter="remd", url=f"{url}/port/emdr", params={"client_entity_id": CLIENT}
        )
        async with context_for(destination, clock=clock, peer_url=f"{own}/peer/remd") as context:
            door.context = context
            yield Stage(ADAPTER, context, door, url)


async def until(question: Callable[[], Awaitable[bool]], timeout: float = 5.0) -> None:
    """Ask again and again until the answer is yes."""
    async with asyncio.timeout(timeout):
        while not await question():  # noqa: ASYNC110  the other side is another process in the field
            await asyncio.sleep(0.02)


def codes(outcome: object) -> list[str | None]:
    assert isinstance(outcome, Rejected), outcome
    return [finding.remd_code for finding in outcome.findings]
