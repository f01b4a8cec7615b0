"""The catalogue of faults: what is put wrong, where it must be caught, and what must come of the document.

An expectation stands here because the fact sheets say so, never because a run showed it. It speaks of our own rule sets;
an official pack in their place may know more or less (the packs at hand have no check of telephones, for one).
"""

from typing import Final

from broker.samples import document_faults, register_faults, request_faults
from broker.samples.fault import Fault, Outcome

FAULTS: Final[tuple[Fault, ...]] = (
    *document_faults.FAULTS,
    *request_faults.FAULTS,
    *register_faults.FAULTS,
)
"""Every fault, in the order of the fact sheet."""
BY_ID: Final = {fault.id: fault for fault in FAULTS}
FREQUENT: Final = (
    "address-type-version",
    "address-count",
    "address-empty-street",
    "address-without-fias",
    "telecom-without-value",
    "telecom-bad-form",
    "patient-snils-null",
    "linkdocs-without-reference",
    "issue-date-null",
    "ogrn-empty",
    "function-code-outside",
    "xsd-wrong-order",
)
"""The most frequent faults of a live gateway (semd.md §5.3), by id."""


def faults_for(kind: str, outcome: Outcome | None = None) -> list[Fault]:
    """Return the faults that can be put into a document of the kind, of one outcome or of all."""
    return [fault for fault in FAULTS if kind in fault.kinds and outcome in {None, fault.expected.outcome}]
