"""The archive on a desk: keeps digests, refuses what is not XML."""

import hashlib

from aiohttp import web

from broker.adapter_kit.simulation import SimDocument, Simulation, SimulatorSetup


def create(setup: SimulatorSetup) -> web.Application:
    """Build the application."""
    simulation = Simulation(setup)

    async def put(request: web.Request) -> web.Response:
        content = await request.read()
        uid, digest = request.match_info["uid"], hashlib.sha256(content).hexdigest()
        if not content.startswith(b"<"):
            return web.json_response({"code": "NOT_XML", "message": "not xml"}, status=422)
        known = simulation.document(uid)
        held = known or SimDocument(local_uid=uid, clinic=request.headers.get("X-Clinic", ""))
        held.calls += 1
        if known is None:
            held.registrations, held.sha256 = 1, digest
            held.status, held.registered_at = "accepted", simulation.clock.now()
        simulation.keep(held)
        return web.Response(status=201 if known is None else 200, text=digest)

    return simulation.application([web.put("/documents/{uid}", put)])
