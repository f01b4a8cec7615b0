"""Putting a routing table into force: only one that cannot register a document twice, journalled with who did it."""

from collections.abc import Iterable

from broker.adapter_kit.clock import Clock
from broker.adapter_kit.profile import Profile
from broker.document.submission import SubmissionType
from broker.routing.table import Rule, Table, check_table
from broker.store.destinations import DestinationStore


def table_problems(table: Table, known: frozenset[str], profiles: Iterable[Profile]) -> list[str]:
    """Return in Russian why a table may not be activated.

    ``known`` are the configured destinations. A rule is not believed that keeps silent about a region whose profile says
    that its platform registers in РЭМД itself: beside another registrar it would register twice.
    """
    problems = check_table(table, known)
    registering = [one.id for profile in profiles for one in profile.destination if one.registers]
    for rule in table.rules:
        silent = [] if rule.registers else [name for name in registering if _reaches(rule, name)]
        problems += [_unsaid(rule, name) for name in silent]
    return problems


def _reaches(rule: Rule, destination: str) -> bool:
    """Tell whether a rule can choose the destination of a region for a document."""
    region = destination.split(".")[1]
    if rule.when.types and SubmissionType.SEMD not in rule.when.types:
        return False
    if "{region}" in rule.destination and rule.when.regions and region not in rule.when.regions:
        return False
    return rule.destination.replace("{region}", region) == destination


def _unsaid(rule: Rule, destination: str) -> str:
    region = destination.split(".")[1]
    which = "" if rule.destination == destination else f" в отдельном правиле для региона {region}"
    return (
        f"Правило «{rule.name}»: по профилю региона {destination} само регистрирует документы в РЭМД. "
        f"Укажите registers = true{which} и разведите с другими регистраторами по видам, регионам или клиникам."
    )


async def activate_table(
    store: DestinationStore,
    table: Table,
    known: frozenset[str],
    profiles: Iterable[Profile],
    *,
    actor: str,
    clock: Clock,
) -> int | list[str]:
    """Return the new version, or in Russian why the table is refused, see ``table_problems``."""
    problems = table_problems(table, known, profiles)
    if problems:
        return problems
    return await store.activate_routing(table, actor, clock.now())
