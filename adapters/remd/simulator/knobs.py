"""The fault knobs of the simulated РЭМД beyond those of every simulator: the bad days of the real one."""

from typing import Final

from adapters.remd.simulator import texts
from adapters.remd.simulator.texts import Refusal
from broker.adapter_kit.simulation import Faults, Simulation

RUNTIME_TEXTS: Final = (
    "Не удается провести проверку ФРМР",
    "Невозможно обработать запрос",
    "Непредвиденная ошибка при проверке подписей",
)
"""What РЭМД says beside RUNTIME_ERROR (remd.md §6.1); each asks for another try."""


class RemdFaults(Faults, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Rates from 0 to 1, and ``silent``.

    ``runtime_error`` one of the real texts instead of a verdict; ``mis_not_available`` says that we gave no file, without
    having asked; ``rate_limit`` refuses at once; ``wrong_signature`` spoils the signature of a call or an answer (where it
    signs); ``unknown_relates`` tells beside a verdict one about a message nobody sent; ``crash_after_register`` registers and
    never tells. While ``silent``, requests are accepted, and neither a file is asked for nor a verdict told; afterwards it
    goes on.
    """

    runtime_error: float = 0
    mis_not_available: float = 0
    rate_limit: float = 0
    wrong_signature: float = 0
    unknown_relates: float = 0
    crash_after_register: float = 0
    silent: bool = False


def knobs_of(simulation: Simulation) -> RemdFaults:
    """Return the knobs as they are now."""
    assert isinstance(simulation.faults, RemdFaults)
    return simulation.faults


def bad_day(simulation: Simulation) -> Refusal | None:
    """Return the refusal of a verdict that could not be made, or None."""
    if simulation.happens("runtime_error"):
        return Refusal("RUNTIME_ERROR", simulation.random.choice(RUNTIME_TEXTS))
    if simulation.happens("mis_not_available"):
        return texts.forced("MIS_NOT_AVAILABLE")
    return None
