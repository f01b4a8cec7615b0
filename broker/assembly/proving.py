"""Proving an imported pack in a process of its own: what hostile or enormous rules cost is bounded and hits nobody."""

from pathlib import Path

from broker.adapter_kit.clocks import SystemClock
from broker.compute.pool import ComputeFailed, PoolUnusable, compute_pool
from broker.document.kind import KindCatalogue
from broker.validation.packs import Pack, SelfTest, self_test

SECONDS = 120.0
"""Time a pack has to compile and to judge its samples."""
MEGABYTES = 2048
"""Memory it has for that."""


class ProofFailed(Exception):  # noqa: N818  the text is for the operator
    """The pack could not be proven: too much time or memory; the text says so in Russian."""


class _Process:
    catalogue = KindCatalogue()


def _prepare(kinds: str) -> None:
    _Process.catalogue = KindCatalogue.load(Path(kinds))


def _prove(body: bytes) -> SelfTest:
    return self_test(Pack.from_bytes(body), _Process.catalogue, SystemClock().now())


async def prove(pack: Pack, schemas: Path) -> SelfTest:
    """Return a pack's self-test; raise ``ProofFailed``."""
    kinds = str(schemas / "nsi" / "kinds.toml")
    async with compute_pool(1, SECONDS, MEGABYTES, _prepare, (kinds,)) as pool:
        try:
            return await pool.run(_prove, pack.to_bytes())
        except ComputeFailed as failure:
            why = {"timeout": "времени", "memory": "памяти"}.get(failure.why, "отведённого")
            raise ProofFailed(f"самопроверка не уложилась: не хватило {why}; пакет не сохранён") from failure
        except PoolUnusable as error:
            raise ProofFailed("процесс самопроверки не запускается: inaya doctor") from error
