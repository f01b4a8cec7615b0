"""A minimal adapter to the bench's sink: one POST of the document, as the naive pipeline makes it.

The bench hands it to the product as a separate distribution (an entry point on the path), like any third party's.
"""

import aiohttp

from broker.adapter_kit import (
    Context,
    Delivered,
    InDoubt,
    InDoubtPolicy,
    Outcome,
    Parcel,
    Passport,
    Unavailable,
)
from broker.adapter_kit.passport import Limits, ReceiptMode
from broker.document.receipt import Receipt


class SinkAdapter:
    """Delivers with one POST."""

    passport = Passport(
        name="bench_sink",
        title="Мгновенный приёмник стенда нагрузки",
        types=("semd",),
        receipt=ReceiptMode.SYNC,
        in_doubt=InDoubtPolicy.REPEAT,
        limits=Limits(timeout=5.0, parallel=32),
    )

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Post the bytes; every answer but 200 means later."""
        try:
            async with context.http.post(
                context.destination.url,
                data=parcel.content,
                headers={"X-Message-Id": str(parcel.message_id), "Content-Type": parcel.media_type},
                timeout=aiohttp.ClientTimeout(total=self.passport.limits.timeout),
            ) as response:
                await response.read()
                if response.status != 200:
                    return Unavailable(f"destination.http_{response.status}")
                now = context.clock.now()
                return Delivered(Receipt(provider="bench", registered_at=now, gis_id=parcel.local_uid))
        except aiohttp.ClientConnectorError:
            return Unavailable("destination.connect_failed")
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return InDoubt("destination.no_answer")


ADAPTER = SinkAdapter()
