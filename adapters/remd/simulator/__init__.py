"""РЭМД simulated: ``create`` is what the entry point names. Its registers are its own, so it can disagree with us."""

from aiohttp import web

from adapters.remd.simulator.server import RemdSimulator
from broker.adapter_kit.simulation import SimulatorSetup


def create(setup: SimulatorSetup) -> web.Application:
    """Build the simulator's web application."""
    return RemdSimulator(setup).application()


__all__ = ["create"]
