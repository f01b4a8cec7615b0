"""What does a callback's verdict mean for the delivery it found?"""

from broker.adapter_kit import CallbackVerdict, Outcome


def outcome_for(verdict: CallbackVerdict, *, repeated: bool) -> Outcome:
    """Return the outcome a verdict brings to an attempt; ``repeated``: one before it may have been accepted.

    «Registered before» can be our own success only where an earlier attempt of ours may have caused it.
    """
    if not repeated and verdict.if_first is not None:
        return verdict.if_first
    return verdict.outcome
