"""One PUT per document; the archive answers 201 for a new one, 200 for one it has, 422 with a code for a refusal."""

from pathlib import Path

import aiohttp
import msgspec

from broker.adapter_kit import (
    AnswerTable,
    Context,
    Delivered,
    Held,
    InDoubt,
    Outcome,
    Parcel,
    Rejected,
    Unavailable,
)
from broker.adapter_kit.passport import load_passport
from broker.document.receipt import Receipt

_FOLDER = Path(__file__).parent


class Refusal(msgspec.Struct):
    """The body of a 422."""

    code: str
    message: str = ""


class HttpArchive:
    """The adapter."""

    passport = load_passport(_FOLDER / "passport.toml")
    answers = AnswerTable.load(_FOLDER / "answers.toml")

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Put the document under its localUid."""
        destination = context.destination
        if not destination.url:
            return Held("destination.parameter_missing", "Не задан адрес архива (url).", scope="destination")
        try:
            async with context.http.put(
                f"{destination.url}/documents/{parcel.local_uid}",
                data=parcel.content,
                headers={"X-Message-Id": str(parcel.message_id), "X-Clinic": parcel.clinic.oid},
                timeout=aiohttp.ClientTimeout(total=destination.timeout or self.passport.limits.timeout),
            ) as response:
                body = await response.content.read(64 * 1024)
                return self._read(response.status, body, parcel, context)
        except aiohttp.ClientConnectorError:
            return Unavailable("destination.connect_failed")
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return InDoubt("destination.no_answer")

    def _read(self, status: int, body: bytes, parcel: Parcel, context: Context) -> Outcome:
        if status in {429, 503}:
            return Unavailable(f"destination.http_{status}")
        if status in {200, 201} and body == parcel.digest.encode():
            now = context.clock.now()
            return Delivered(Receipt(provider="archive", registered_at=now, gis_id=parcel.local_uid))
        if status == 422:
            try:
                refusal = msgspec.json.decode(body, type=Refusal)
            except msgspec.DecodeError:
                return InDoubt("destination.answer_malformed")
            return Rejected((self.answers.finding(refusal.code, refusal.message, origin="archive"),))
        return InDoubt("destination.answer_unexpected")
