"""The НСИ service on a desk: passports, pages, versions, catalogue and archives of the dictionary files of a directory.

A file laid into the directory is published at once, so a new edition is one file more.
"""

from aiohttp import web

from adapters.nsi.simulator.service import Service
from broker.adapter_kit.simulation import Simulation, SimulatorSetup


def create(setup: SimulatorSetup) -> web.Application:
    """Build the simulator's web application (entry point ``nsi`` of ``inaya.simulators``)."""
    simulation = Simulation(setup)
    return simulation.application(Service(simulation).routes())
