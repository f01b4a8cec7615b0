"""What became of a document inside the platform: rows of its РЭМД registration, where a region lets us read them.

Columns and the meaning of statuses 4 and 5 were seen in the platform's own tables; the service that shows them is our
assumption, switched on by the parameter ``readback``.
"""

from datetime import datetime, timedelta
from typing import Final

import aiohttp
import msgspec

from adapters.gis_soap.faults import without_people
from adapters.gis_soap.settings import Settings
from broker.adapter_kit import AnswerTable, Awaiting, Context, Outcome, Parcel, Registered, Rejected
from broker.adapter_kit.soap import read_at_most
from broker.document.receipt import Receipt

REGISTERED: Final = 4
"""РЭМД has the document."""
REFUSED: Final = 5
"""РЭМД refused it; ``Message`` says why."""
_LIMIT: Final = 1024 * 1024


class RegistryRow(msgspec.Struct, kw_only=True):
    """One attempt of the platform to register a document in РЭМД."""

    id_registry_remd: int = msgspec.field(name="IdRegistryRemd")
    date: datetime = msgspec.field(name="Date")
    status: int
    id_remd: str | None = msgspec.field(name="IdRemd", default=None)
    message: str | None = msgspec.field(name="Message", default=None)
    message_id: str | None = msgspec.field(name="MessageId", default=None)
    id_request: str | None = msgspec.field(name="IdRequest", default=None)


async def ask(
    parcel: Parcel,
    context: Context,
    settings: Settings,
    answers: AnswerTable,
    *,
    timeout: float,
    pause: timedelta,
) -> Outcome:
    """Read the newest row; whatever is no verdict means waiting on."""
    gis_id = parcel.state.get("gisId", parcel.local_uid.lower())
    rows = await _rows(context, settings, gis_id, timeout) if settings.readback else []
    last = max(rows, key=lambda row: row.date, default=None)
    if last is not None and last.status == REGISTERED:
        return Registered(_receipt(parcel, context, gis_id, last))
    if last is not None and last.status == REFUSED:
        text = last.message or ""
        if parcel.document is not None:
            text = without_people(text, parcel.document)
        return Rejected((answers.finding("", text, origin="gis"),))
    return Awaiting(gis_id, context.clock.now() + pause, parcel.state, "принят ГИС, ждём регистрации в РЭМД")


async def _rows(context: Context, settings: Settings, gis_id: str, timeout: float) -> list[RegistryRow]:
    """Fetch the rows; an unreachable or unreadable service tells nothing."""
    try:
        async with context.http.get(
            f"{settings.readback}/{gis_id}",
            headers={"Authorization": f"N3 {settings.guid}"},
            timeout=aiohttp.ClientTimeout(total=timeout),
        ) as response:
            body = await read_at_most(response.content, _LIMIT)
            if response.status != 200 or body is None:
                return []
    except (aiohttp.ClientError, TimeoutError, OSError):
        return []
    try:
        return msgspec.json.decode(body, type=list[RegistryRow])
    except msgspec.DecodeError:
        return []


def _receipt(parcel: Parcel, context: Context, gis_id: str, row: RegistryRow) -> Receipt:
    return Receipt(
        provider=context.destination.id,
        registered_at=row.date,
        emdr_id=row.id_remd,
        gis_id=gis_id,
        document_version=parcel.document.version if parcel.document else None,
    )
