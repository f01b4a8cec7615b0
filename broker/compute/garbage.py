"""When a process of the house looks for garbage: what it made at its start stays, what a document makes is soon gone."""

import gc
from typing import Final

COLLECTING: Final = (20_000, 20, 20)
"""Thresholds of the three generations: rule sets, clients and routes live as long as the process, a document makes
thousands of short-lived objects. A full look over everything takes tens of milliseconds in which nobody is answered.
"""


def collect_rarely() -> None:
    """Look once more, leave out what is alive now for ever, and look rarely from here on; called when a process is ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTING)
