"""Where a process dies on purpose: a named point between two durable effects, armed by ``make crash`` and nobody else.

A point is armed by a file of its name in one directory; the process that passes it first renames the file to
``<name>.hit`` and ends itself with SIGKILL. Without a directory (everywhere but ``inaya dev``) nothing happens.
"""

import os
import signal
from enum import StrEnum
from pathlib import Path


class KillPoint(StrEnum):
    """Every point; the crash test arms each of them at least once."""

    INTAKE_RECEIVED = "intake.received"
    """Documents are read and judged at the door; nothing is committed."""
    INTAKE_COMMITTED = "intake.committed"
    """Documents are committed; no ticket was given and no message acknowledged."""
    AMQP_TAKEN = "amqp.taken"
    """A message is committed and announced; RabbitMQ was not told to forget it."""
    PREPARE_CLAIMED = "prepare.claimed"
    """Documents are claimed for the steps; nothing is computed."""
    PREPARE_COMPUTED = "prepare.computed"
    """The steps have their result; it is not committed."""
    PREPARE_COMMITTED = "prepare.committed"
    """Reports, statuses and deliveries are committed; nobody was told what is due."""
    DELIVERY_CLAIMED = "delivery.claimed"
    """Deliveries are claimed; no attempt is committed."""
    DELIVERY_BEGUN = "delivery.begun"
    """Attempts are committed; no byte has left."""
    DELIVERY_ANSWERED = "delivery.answered"
    """The destination has answered; its answer is not committed."""
    OUTCOME_COMMITTED = "outcome.committed"
    """Outcomes of deliveries are committed; nobody was told what is due."""
    IDS_LEARNED = "ids.learned"
    """A destination was told of a patient; we have not noted that it was."""
    IDS_KEPT = "ids.kept"
    """It is noted that a destination knows a patient; the document was not sent."""
    CALLBACK_KEPT = "callback.kept"
    """A callback is committed; the caller has no acknowledgement."""
    CALLBACK_CLAIMED = "callback.claimed"
    """Callbacks are claimed; none is applied."""
    CALLBACK_APPLIED = "callback.applied"
    """A callback has changed its delivery; it is not settled and its task not finished."""
    CALLBACK_SETTLED = "callback.settled"
    """Callbacks are settled and their tasks gone."""
    RELAY_CLAIMED = "relay.claimed"
    """The right to tell a partner is leased; nothing was sent."""
    RELAY_SENT = "relay.sent"
    """RabbitMQ has confirmed a partner's events; the position was not advanced."""
    RELAY_ADVANCED = "relay.advanced"
    """The position was advanced; the lease was not given back."""


class _Armoury:
    directory: Path | None = None


def watch(directory: Path | None) -> None:
    """Let this process obey the files of a directory; None disarms."""
    _Armoury.directory = directory


def passed(point: KillPoint) -> None:
    """Die here if the point is armed."""
    directory = _Armoury.directory
    if directory is None:
        return
    try:
        (directory / point).rename(directory / f"{point}.hit")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
