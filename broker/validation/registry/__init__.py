"""Registries of bills for ТФОМС: reading a package safely and checking it by rules with federal codes.

Public: ``check_registry`` with ``RegistryClinic``, ``RegistryReport``, ``RegistryChecks``; a gate, then layers, then one report.
"""

from broker.validation.registry.check import (
    CaseKey,
    RegistryChecks,
    RegistryClinic,
    RegistryReport,
    RegistrySummary,
    check_registry,
    default_checks,
)

__all__ = [
    "CaseKey",
    "RegistryChecks",
    "RegistryClinic",
    "RegistryReport",
    "RegistrySummary",
    "check_registry",
    "default_checks",
]
