"""A receipt: what the state system answered for good, in one shape for all of them."""

from datetime import date, datetime

import msgspec

from broker.document.lifecycle import DeliveryStatus
from broker.document.submission import SubmissionType
from broker.document.written import always


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Proof of registration or delivery.

    ``emdr_id`` is РЭМД's number (``119.77.26.05.030830566``), ``gis_id`` a regional platform's; ``provider`` names the
    system and the signing provider that took part; ``result`` (full | partial | none) and ``stage`` speak of a registry.
    """

    provider: str
    registered_at: datetime | None = always(None)
    emdr_id: str | None = None
    gis_id: str | None = None
    document_version: int | None = always(None)
    store_till_date: date | None = always(None)
    warnings: list[str] = always([])
    result: str | None = None
    stage: str | None = None


class PlacedReceipt(Receipt, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A receipt among those of one document: ``destination`` is whose it is.

    ``verified_by`` names who checked the document's signatures before it was sent, with the version (``openssl-gost/3.0.19``).
    """

    destination: str
    verified_by: list[str] = []


def result_of(submission: str, status: str, receipt: Receipt | None) -> str | None:
    """Tell how much of a registry the fund took: what its receipt says, ``none`` when it refused; of a document, nothing."""
    if submission == SubmissionType.OMS_REGISTRY and status == DeliveryStatus.REJECTED:
        return "none"
    return receipt.result if receipt else None
