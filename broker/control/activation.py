"""Putting a routing table into force: only one that cannot register a document twice, journalled with who did it."""

from broker.adapter_kit.clock import Clock
from broker.routing.table import Table, check_table
from broker.store.destinations import DestinationStore


async def activate_table(
    store: DestinationStore, table: Table, known: frozenset[str], *, actor: str, clock: Clock
) -> int | list[str]:
    """Return the new version, or in Russian why the table is refused; ``known`` are the configured destinations."""
    problems = check_table(table, known)
    if problems:
        return problems
    return await store.activate_routing(table, actor, clock.now())
