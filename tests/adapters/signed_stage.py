"""A stage on which both sides sign and verify their envelopes, and the keys for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from remd_stage import CLIENT, a_stage

from broker.adapter_kit.harness import Stage, SteppedClock
from broker.trust import Issued, Suite

NOW = SteppedClock().now()


class Sides(msgspec.Struct):
    """The keys of both sides and of somebody else."""

    suite: Suite
    ours: Issued
    theirs: Issued
    stranger: Issued


def provider(suite: Suite) -> str:
    return "openssl-rsa" if suite is Suite.RSA_SHA256 else "openssl-gost"


async def refused(stage: Stage) -> bool:
    return bool(stage.door.refused)


@asynccontextmanager
async def a_signed_stage(
    sides: Sides, *, they_sign_as: Issued | None = None, **params: str
) -> AsyncIterator[Stage]:
    """A stage on which both sides sign and verify; ``params`` are further ones of our destination."""
    theirs = they_sign_as or sides.theirs
    security = {
        "peerCertificate": sides.ours.certificate_pem.decode(),
        "certificate": theirs.certificate_pem.decode(),
        "key": theirs.key_pem.decode(),
        "provider": provider(sides.suite),
    }
    async with a_stage(security=security) as stage:
        destination = msgspec.structs.replace(
            stage.context.destination,
            params={
                "client_entity_id": CLIENT,
                "sign_provider": provider(sides.suite),
                "sign_certificate": sides.ours.certificate_pem.decode(),
                "peer_certificate": sides.theirs.certificate_pem.decode(),
                "peer_suites": sides.suite,
                **params,
            },
            secrets={"sign_key": sides.ours.key_pem.decode()},
        )
        stage.context = msgspec.structs.replace(stage.context, destination=destination)
        stage.door.context = stage.context
        yield stage
