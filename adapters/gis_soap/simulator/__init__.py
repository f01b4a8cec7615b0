"""A regional ГИС on a desk: PixService.svc and EMKService.svc with their faults, a register, and РЭМД behind it.

It refuses what the real one is known to refuse, drops misplaced members as WCF does, and keeps what it took through a
``kill -9``.
"""

from aiohttp import web

from adapters.gis_soap.simulator.door import Door
from broker.adapter_kit.simulation import Simulation, SimulatorSetup


def create(setup: SimulatorSetup) -> web.Application:
    """Build the simulator's web application (entry point ``gis-soap`` of ``inaya.simulators``)."""
    simulation = Simulation(setup)
    return simulation.application(Door(simulation).routes())
