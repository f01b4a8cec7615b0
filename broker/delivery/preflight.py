"""What must be true before anything is sent: clinic, link, parameters, mode, order."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from broker.adapter_kit import Held
from broker.adapter_kit.context import Destination
from broker.delivery.decide import NOT_LINKED
from broker.delivery.state import AlreadyThere, DeliveryState, Policy
from broker.document.lifecycle import DeliveryStatus, is_live, is_success
from broker.document.receipt import Receipt
from broker.partners.clinic import Clinic, ClinicStatus, RemdLink

ORDER_PAUSE: Final = timedelta(seconds=2)
"""How soon at least a delivery that waits for its predecessor is looked at again."""
LONGEST_ORDER_PAUSE: Final = timedelta(seconds=15)
"""And at most: the longer it has waited, the rarer; each look costs a claim and its body's way out of the store."""


class Predecessor(msgspec.Struct, frozen=True, kw_only=True):
    """What went before to the same destination (``status`` None: not routed yet).

    An earlier version of the same set, or (``same``) the very document under other signatures; ``receipt`` is what the
    destination gave for it.
    """

    id: str
    status: DeliveryStatus | None
    attempt: int
    same: bool = False
    receipt: Receipt | None = None


class Wait(msgspec.Struct, frozen=True):
    """Its predecessor is not finished: look again then."""

    until: datetime
    why: str


class Supersede(msgspec.Struct, frozen=True):
    """These predecessors were never sent: cancel them and go on."""

    ids: tuple[str, ...]


class Go(msgspec.Struct, frozen=True):
    """Nothing stands in the way."""


Order = Go | Wait | Supersede | AlreadyThere
"""May a delivery be sent now, as far as its predecessors go?"""


def check_ready(
    delivery: DeliveryState, clinic: Clinic | None, destination: Destination, policy: Policy
) -> Held | None:
    """Return what is missing, in words an operator can act on."""
    if destination.mode not in {delivery.mode, "any"}:
        return Held(
            "destination.mode_mismatch",
            f"Документ режима {delivery.mode} не может уйти в {destination.id} режима {destination.mode}.",
        )
    if clinic is None or clinic.status is ClinicStatus.CLOSED:
        return Held("clinic.closed", "Клиника закрыта: документы больше не передаются.")
    if clinic.status is ClinicStatus.SUSPENDED:
        return Held("clinic.suspended", "Клиника приостановлена: документы ждут возобновления.")
    if policy.needs_link and clinic.remd_link is not RemdLink.CONFIRMED:
        return Held(
            NOT_LINKED,
            "Клиника ещё не привязана к нашей системе в РЭМД: подайте заявку на привязку и отметьте её.",
            "clinic",
        )
    if delivery.destination in clinic.unlinked:
        return Held(
            NOT_LINKED,
            "РЭМД ответил, что клиника не привязана к нашей системе: проверьте привязку и отметьте её.",
            "clinic",
        )
    params = clinic.params.get(delivery.destination, {})
    missing = [name for name in policy.params if not (params.get(name) or getattr(clinic, name, ""))]
    if missing:
        return Held(
            "clinic.params_missing",
            f"Не заполнены параметры клиники для {delivery.destination}: {', '.join(missing)}.",
            "clinic",
        )
    return None


def check_order(
    delivery: DeliveryState, predecessors: list[Predecessor], now: datetime, policy: Policy
) -> Order:
    """Decide by what went before and is not finished; after ``policy.predecessor`` nobody waits for another version.

    One that was tried, whatever it waits for now, may yet turn out to be registered: it is never superseded, and the very
    same document is never sent beside it, however long it takes.
    """
    for one in predecessors:
        if one.same and one.status is not None and is_success(one.status) and one.receipt is not None:
            return AlreadyThere(status=one.status, receipt=one.receipt)
    live = [p for p in predecessors if p.status is None or is_live(p.status)]
    if any(p.same and p.attempt > 0 and not _goes_first(delivery, p) for p in live):
        return Wait(_look_again(delivery, now), "delivery.waits_for_predecessor")
    if now - delivery.created_at >= policy.predecessor:
        return Go()
    if any(p.status is None or p.attempt > 0 for p in live):
        return Wait(_look_again(delivery, now), "delivery.waits_for_predecessor")
    return Supersede(tuple(p.id for p in live)) if live else Go()


def _look_again(delivery: DeliveryState, now: datetime) -> datetime:
    waited = (now - delivery.created_at) / 4
    return now + min(max(waited, ORDER_PAUSE), LONGEST_ORDER_PAUSE)


def _goes_first(delivery: DeliveryState, twin: Predecessor) -> bool:
    """Tell whether, of two copies that were both sent, this is the older: otherwise each would wait for the other."""
    return delivery.attempt > 0 and str(delivery.id) < twin.id
