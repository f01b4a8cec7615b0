"""What does a callback's verdict mean for the delivery it found?"""

from broker.adapter_kit import CallbackVerdict, Outcome


def outcome_for(verdict: CallbackVerdict, attempt: int) -> Outcome:
    """Return the outcome a verdict brings to a delivery in its ``attempt``-th attempt (from 1).

    «Registered before» can be our own success only where an earlier attempt of ours may have caused it.
    """
    if attempt <= 1 and verdict.if_first is not None:
        return verdict.if_first
    return verdict.outcome
