"""A fund on a desk: AuthService and ProtService, tokens that expire, control that reads every case, two contours.

Bills go through the states seen in the field; a package is checked when it comes and judged when it is asked about.
"""

from aiohttp import web

from adapters.tfoms.simulator.door import Door
from broker.adapter_kit.simulation import Simulation, SimulatorSetup


def create(setup: SimulatorSetup) -> web.Application:
    """Build the simulator's web application (entry point ``tfoms`` of ``inaya.simulators``)."""
    simulation = Simulation(setup)
    return simulation.application(Door(simulation).routes())
