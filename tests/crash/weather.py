"""Bad weather at the state systems: their fault knobs turned at random from the seed, and a week in which nobody answers."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from broker.dev.endpoints import Endpoints
from tests.crash.telling import say

PAUSE = 2.0
"""Seconds between two changes of the weather, on average."""
STEP = 6 * 3600
"""Simulated seconds put forward at a time during the week of silence."""
WEEK = 7 * 24 * 3600
SECONDS_PER_STEP = 1.0

Range = tuple[float, float]
COMMON: Mapping[str, Range] = {
    "delayMs": (0, 400),
    "unavailable": (0.05, 0.5),
    "dropAnswer": (0.05, 0.4),
    "truncate": (0.05, 0.4),
    "slow": (0.02, 0.2),
    "html500": (0.05, 0.3),
}
CALLBACKS: Mapping[str, Range] = {
    "dropCallback": (0.05, 0.4),
    "duplicateCallback": (0.1, 0.6),
    "lateCallbackSeconds": (60, 864_000),
    "runtimeError": (0.05, 0.5),
    "misNotAvailable": (0.05, 0.4),
    "rateLimit": (0.05, 0.4),
    "wrongSignature": (0.05, 0.3),
    "unknownRelates": (0.05, 0.3),
    "crashAfterRegister": (0.05, 0.3),
}
CODES = (
    "INTERNAL_ERROR",
    "CA_INACCESSIBILITY",
    "VALSYS_REJECT",
    "ASYNC_RESPONSE_TIMEOUT",
    "XML_VALIDATOR_ERROR",
)
"""What РЭМД answers when it is РЭМД that has a bad day: every one asks for another try."""
KNOBS: Mapping[str, Mapping[str, Range]] = {
    "remd": COMMON | CALLBACKS,
    "gis-soap": COMMON,
    "tfoms": COMMON,
}


class Weather:
    """Turns the knobs of every simulator until it is told to clear up; ``turned`` counts what was on."""

    def __init__(self, endpoints: Endpoints, dice: random.Random) -> None:
        self._endpoints = endpoints
        self._dice = dice
        self.turned: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def bad(self) -> AsyncIterator[None]:
        """Keep the weather bad while the context lasts."""
        blowing = asyncio.create_task(self._blow())
        try:
            yield
        finally:
            blowing.cancel()
            await asyncio.gather(blowing, return_exceptions=True)
            await self.clear()

    async def clear(self) -> None:
        """Let every simulator work as it should; one that is just being restarted begins so by itself."""
        for name in KNOBS:
            await self._put(name, {})

    async def _blow(self) -> None:
        while True:
            for name in KNOBS:
                await self._put(name, self._draw(name))
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * PAUSE)

    def _draw(self, name: str) -> dict[str, Any]:
        chosen = {knob: spread for knob, spread in KNOBS[name].items() if self._dice.random() < 0.5}
        faults: dict[str, Any] = {knob: self._dice.uniform(*spread) for knob, spread in chosen.items()}
        if name == "remd" and self._dice.random() < 0.5:
            faults |= {"code": self._dice.choice(CODES), "codeRate": self._dice.uniform(0.1, 0.6)}
            self.turned[f"remd {faults['code']}"] += 1
        if name == "remd" and self._dice.random() < 0.1:
            faults["silent"] = True
            self.turned["remd silent"] += 1
        self.turned.update(f"{name} {knob}" for knob in chosen)
        return faults | {"seed": self._dice.randrange(1_000_000)}

    async def _put(self, name: str, faults: dict[str, Any]) -> None:
        """Turn the knobs; a simulator that is down is tried again for a while."""
        for _ in range(20):
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http,
                    http.put(f"{self._endpoints.simulators[name]}/sim/faults", json=faults) as response,
                ):
                    if response.status == 200:
                        return
                    raise SystemExit(f"{name} refuses the knobs: {await response.text()}")
            await asyncio.sleep(0.3)

    async def silence(self) -> None:
        """Let a week pass in which no state system answers anything, nor calls us."""
        say("  a week of silence begins")
        for _ in range(WEEK // STEP):
            for name in KNOBS:
                silent = {"silent": True} if name == "remd" else {}
                await self._put(name, {"unavailable": 1} | silent)
            await advance(self._endpoints, STEP)
            await asyncio.sleep(SECONDS_PER_STEP)
        await self.clear()
        say("  the week is over")


async def advance(endpoints: Endpoints, seconds: int) -> None:
    """Put the simulated clock forward, if the doors are there to do it."""
    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            await http.put(f"{endpoints.http}/sim/clock", json={"advanceSeconds": seconds})
