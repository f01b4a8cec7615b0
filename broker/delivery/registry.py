"""What the destination's registry says of a delivery, when it is asked instead of being sent to."""

import random
import re
from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.adapter_kit import Delivered, NotFound, Outcome, Registered, Rejected
from broker.delivery.decide import (
    LOOKUP,
    NUMBER,
    REFUSED_STAGE,
    TAKEN,
    after_outcome,
    backoff,
    dead,
    rejected,
)
from broker.delivery.state import Change, DeliveryState, Policy
from broker.document.event import EventName
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.lifecycle import DeliveryStatus
from broker.document.receipt import Receipt

NOT_ASKED: Final = "delivery.registry_unanswered"
"""The deadline has passed, and the registry does not say whether it has the document: it is asked again."""
VERDICT_LOST: Final = "delivery.verdict_lost"
"""Accepted, never judged as far as we heard, and not in the registry: sent again."""
MARKED: Final = "зарегистрирован ранее"
"""Stage of a receipt an operator entered: the document was registered before, not by this delivery."""
LONGEST: Final = timedelta(hours=1)
"""The longest pause between two questions to a registry that does not answer."""
_EMDR_ID: Final = re.compile(r"\d{1,3}\.\d{2}\.\d{2}\.\d{2}\.\d{9}", re.ASCII)


def after_who_took(
    delivery: DeliveryState, found: Outcome | NotFound, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    """Refuse a document whose localUid is taken, saying what the registry knows of it; ask again while it is silent."""
    if not isinstance(found, Registered | Delivered | NotFound):
        return _asks_again(delivery, now, policy, dice, TAKEN)
    told = delivery.state.get(NUMBER, "?")
    receipt = None if isinstance(found, NotFound) else found.receipt
    outcome = Rejected((_taken(told, receipt),), stage=delivery.state.get(REFUSED_STAGE, ""))
    gone = {LOOKUP, NUMBER, REFUSED_STAGE}
    state = {key: value for key, value in delivery.state.items() if key not in gone}
    return msgspec.structs.replace(rejected(outcome), state=state)


def is_overlong(delivery: DeliveryState, now: datetime, policy: Policy) -> bool:
    """Tell whether the verdict is missing for longer than any verdict was ever seen to take."""
    return (
        bool(policy.resend_after)
        and policy.asks_registry
        and delivery.status is DeliveryStatus.AWAITING_RESULT
        and now - delivery.status_at >= policy.resend_after
    )


def after_long_silence(
    delivery: DeliveryState, found: Outcome | NotFound, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    """Decide on a verdict that will not come: the document is registered, or sent once more under a new message id."""
    if isinstance(found, NotFound):
        return Change(status=DeliveryStatus.QUEUED, reason=VERDICT_LOST, due_at=now, failure=True)
    return _as_found(delivery, found, now, policy, dice, delivery.reason)


def after_last_question(
    delivery: DeliveryState, found: Outcome | NotFound, now: datetime, policy: Policy, dice: random.Random
) -> Change:
    """Decide at the deadline: registered when the registry has it, given up when it has not, waiting while it is silent."""
    if isinstance(found, NotFound):
        return dead(delivery.reason, asked=True)
    return _as_found(delivery, found, now, policy, dice, NOT_ASKED)


def _as_found(
    delivery: DeliveryState, found: Outcome, now: datetime, policy: Policy, dice: random.Random, reason: str
) -> Change:
    """Take a registration the registry has; ask again, for ``reason``, while it does not say."""
    if isinstance(found, Registered | Delivered):
        return after_outcome(delivery, found, now, policy, dice)
    return _asks_again(delivery, now, policy, dice, reason)


def given_up(delivery: DeliveryState) -> Change:
    """Give a delivery up whose registry cannot be asked, or nothing of which was sent."""
    return dead(delivery.reason)


def send_again(delivery: DeliveryState, now: datetime) -> Change:
    """Send what was in doubt again: the destination has not got it."""
    state = {key: value for key, value in delivery.state.items() if key != LOOKUP}
    return Change(status=DeliveryStatus.QUEUED, state=state, due_at=now, reason=delivery.reason)


def _asks_again(
    delivery: DeliveryState, now: datetime, policy: Policy, dice: random.Random, reason: str
) -> Change:
    awaiting = delivery.status is DeliveryStatus.AWAITING_RESULT
    pause = min(max(backoff(delivery.attempt, policy, dice), timedelta(minutes=1)), LONGEST)
    warned = delivery.warned_at is None or now - delivery.warned_at >= policy.warn_after
    return Change(
        status=DeliveryStatus.AWAITING_RESULT if awaiting else DeliveryStatus.QUEUED,
        reason=reason,
        stage=delivery.stage,
        due_at=now + pause,
        event=EventName.DELIVERY_WARNED if warned and now >= delivery.deadline_at else None,
        failure=True,
    )


def marked(delivery: DeliveryState, number: str, now: datetime) -> Change | None:
    """Take an operator's word that the document was registered before; None where the delivery cannot be so marked."""
    closed = delivery.status in {DeliveryStatus.REJECTED, DeliveryStatus.DEAD}
    in_doubt = delivery.status is DeliveryStatus.HELD and delivery.attempt > 0
    if not (closed or in_doubt):
        return None
    receipt = Receipt(provider="отмечено оператором", emdr_id=number, registered_at=None, stage=MARKED)
    return Change(
        status=DeliveryStatus.REGISTERED,
        event=EventName.DELIVERY_REGISTERED,
        receipt=receipt,
        stage=MARKED,
        state={**delivery.state, "marked_at": now.isoformat()},
        also=(EventName.DELIVERY_MARKED,),
    )


def is_emdr_id(text: str) -> bool:
    """Tell whether a text has the form of РЭМД's number (remd.md §2.5)."""
    return _EMDR_ID.fullmatch(text) is not None


def unmarked(delivery: DeliveryState, now: datetime) -> Change | None:
    """Take the mark back: the delivery is tried anew; None when it was not an operator who marked it."""
    if delivery.status is not DeliveryStatus.REGISTERED or delivery.stage != MARKED:
        return None
    state = {key: value for key, value in delivery.state.items() if key != "marked_at"}
    return Change(
        status=DeliveryStatus.QUEUED,
        reason="operator.unmarked",
        due_at=now,
        deadline_at=now + (delivery.deadline_at - delivery.created_at),
        state=state,
        also=(EventName.DELIVERY_MARKED,),
        undoes=True,
    )


def _taken(told: str, receipt: Receipt | None) -> Finding:
    return Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code=TAKEN,
        message="Документ с этим localUid уже зарегистрирован, и не этой отправкой: мы таких байтов под ним не отправляли. "
        f"Регистрация: {_known(told, receipt)}.",
        fix="Если это другой документ, сдайте его под новым localUid. Если тот же, сданный раньше другой системой, "
        "сообщите оператору: он отметит доставку «зарегистрирован ранее».",
        value=_known(told, receipt),
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
        remd_code="NOT_UNIQUE_PROVIDED_ID",
    )


def _known(told: str, receipt: Receipt | None) -> str:
    number = (receipt.emdr_id if receipt else None) or (told if told != "?" else "")
    if receipt is None:
        return f"{number or 'номер не назван'}; поиском в реестре за последние дни не найден"
    when = f" {receipt.registered_at:%Y-%m-%d %H:%M %z}" if receipt.registered_at else ""
    return f"{number or 'номер не назван'}; в реестре зарегистрирован{when}"
