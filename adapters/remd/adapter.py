"""РЭМД of ЕГИСЗ: registers a document's metadata and signatures, fetches the file from us, tells the verdict by callback.

The file never travels with the request. «Принято» in the answer means accepted for checking, not registered.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final
from uuid import UUID

import aiohttp
import msgspec
from lxml import etree
from uuid_utils.compat import uuid7

from adapters.remd import callbacks, search
from adapters.remd.replies import (
    RegistryItem,
    answered,
    child,
    faulted,
    read_reply,
    registered,
    staged,
)
from adapters.remd.request import register_body, search_body, soap_envelope, written_id
from adapters.remd.security import Link, SealingFailed, link_of, opened, sealed, signed_by
from adapters.remd.settings import Settings
from broker.adapter_kit import (
    Awaiting,
    CallbackVerdict,
    ClinicCard,
    Context,
    Held,
    InDoubt,
    NotFound,
    Outcome,
    Parcel,
    PeerReply,
    PeerRequest,
    Refuse,
    Registered,
    RegistryEntry,
    Rejected,
    StoredCallback,
    Unavailable,
)
from broker.adapter_kit.passport import load_passport
from broker.adapter_kit.soap import SoapAnswer, fault_text, post_soap
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.trust.envelope import VerifiedEnvelope

_ACCEPTED: Final = "принято РЭМД, ждём результата проверки"


class RemdAdapter:
    """The adapter; stateless."""

    passport = load_passport(Path(__file__).with_name("passport.toml"))

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Send registerDocument and read the synchronous answer."""
        link = await link_of(context)
        if isinstance(link, str):
            return Held("destination.settings_invalid", link, "destination")
        settings = link.settings
        client = parcel.clinic.client_entity_id or settings.client_entity_id
        if not client:
            text = "Не задан идентификатор нашей системы в ИПС (clientEntityId)."
            return Held("destination.client_entity_id_missing", text, "destination")
        if parcel.document is None:
            return Rejected((_unreadable("Метаданные документа не извлечены, отправлять нечего."),))
        envelope, body = self._envelope(
            parcel.message_id, settings, context, settings.action_register, client, parcel.clinic.params
        )
        try:
            register_body(body, parcel, parcel.document, settings)
        except ValueError:  # lxml refuses control characters
            text = "В метаданных стоит знак, которого XML не допускает, или metadata.pluggableAttributes — не XML."
            return Rejected((_unreadable(text),))
        answer = await self._post(envelope, settings.action_register, link, context)
        if not isinstance(answer, SoapAnswer):
            return answer
        return await _stamped(self._judged(answer, parcel, settings), link, context)

    @staticmethod
    def _judged(answer: SoapAnswer, parcel: Parcel, settings: Settings) -> Outcome:
        ours, fault = bool(parcel.earlier_message_ids), answer.fault
        if fault is not None:
            return staged(faulted(fault_text(fault), ours=ours), at_entry=True)
        response = child(answer.body, settings.names.register_response)
        if response is None:
            return InDoubt("destination.answer_unknown")
        outcome = answered(read_reply(response, settings.names), ours=ours)
        if outcome is not None:
            return staged(outcome, at_entry=True)
        return Awaiting(correlation=str(parcel.message_id), stage=_ACCEPTED)

    async def lookup(self, parcel: Parcel, context: Context) -> Outcome | NotFound:
        """Ask searchRegistryItem for the parcel's localUid among the clinic's recent registrations.

        A document still being checked is not there: ``NotFound`` does not mean that РЭМД never got it.
        """
        link = await link_of(context)
        if isinstance(link, str):
            return Held("destination.settings_invalid", link, "destination")
        client = parcel.clinic.client_entity_id or link.settings.client_entity_id
        ask = partial(self._search, link=link, context=context, client=client)
        found = await search.find(ask, parcel, context.clock.now(), link.settings)
        return await _stamped(registered(found), link, context) if isinstance(found, RegistryItem) else found

    async def registrations(
        self, clinic: ClinicCard, since: datetime, until: datetime, context: Context
    ) -> Sequence[RegistryEntry] | Unavailable | InDoubt:
        """List what searchRegistryItem has of a clinic in a window."""
        link = await link_of(context)
        if isinstance(link, str):
            return Unavailable("destination.settings_invalid")
        client = clinic.client_entity_id or link.settings.client_entity_id
        query = search.Query(clinic=clinic.oid, since=since, until=until)
        found = await self._search(query, link=link, context=context, client=client)
        if not isinstance(found, list):
            return found
        return [
            RegistryEntry(local_uid=one.local_uid, number=one.emdr_id, registered_at=one.registered_at)
            for one in found
        ]

    async def _search(
        self, query: search.Query, *, link: Link, context: Context, client: str
    ) -> list[RegistryItem] | Unavailable | InDoubt:
        settings = link.settings
        envelope, body = self._envelope(uuid7(), settings, context, settings.action_search, client)
        search_body(body, query, settings)
        answer = await self._post(envelope, settings.action_search, link, context)
        match answer:
            case SoapAnswer():
                return search.listed(answer, settings)
            case Held(reason=reason, text=text):
                return Unavailable(reason, None, text)
            case _:
                return answer

    async def probe(self, context: Context) -> bool:
        """Tell whether anything answers at the service's address; nothing is sent."""
        link = await link_of(context)
        if isinstance(link, str):
            return False
        timeout = aiohttp.ClientTimeout(total=min(self._timeout(context), 10.0))
        try:
            async with context.http.get(
                context.destination.url + link.settings.probe_path, timeout=timeout
            ) as response:
                return response.status < 500
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    async def receive(self, request: PeerRequest, context: Context) -> PeerReply:
        """Answer a call of РЭМД: hand out a file or take a result."""
        link = await link_of(context)
        if isinstance(link, str):
            return Refuse(code="destination.settings_invalid", reply=b"", status=503)
        return await callbacks.receive(request, context, link)

    async def interpret(self, callback: StoredCallback, context: Context) -> Sequence[CallbackVerdict]:
        """Read a stored result."""
        link = await link_of(context)
        if isinstance(link, str):
            return []
        return [
            msgspec.structs.replace(verdict, outcome=await _stamped(verdict.outcome, link, context))
            for verdict in callbacks.interpret(callback, link)
        ]

    def _timeout(self, context: Context) -> float:
        return context.destination.timeout or self.passport.limits.timeout

    @staticmethod
    def _envelope(
        message_id: UUID,
        settings: Settings,
        context: Context,
        action: str,
        client: str,
        params: Mapping[str, str] = MappingProxyType({}),
    ) -> tuple[etree._Element, etree._Element]:
        return soap_envelope(
            settings,
            message_id=written_id(message_id, settings.message_id_form),
            action=action,
            to=settings.to or context.destination.url,
            reply_to=params.get("reply_to") or settings.reply_to or f"{context.peer_url}/callback",
            client_entity_id=client,
        )

    async def _post(
        self, envelope: etree._Element, action: str, link: Link, context: Context
    ) -> SoapAnswer | Unavailable | InDoubt | Held:
        """Sign and post; an answer whose signature is demanded and does not hold is no answer."""
        try:
            message = await sealed(envelope, link, context)
        except SealingFailed as failed:
            if failed.passing:
                return Unavailable(failed.code, None, failed.text)
            return Held(failed.code, failed.text, "destination")
        answer = await post_soap(
            context.http,
            context.destination.url,
            message,
            action=action,
            version=link.settings.soap_version,
            timeout=self._timeout(context),
        )
        if isinstance(answer, SoapAnswer) and link.settings.verify_answers:
            verified = await opened(answer.raw, link, context)
            if not isinstance(verified, VerifiedEnvelope):
                return InDoubt(verified or "destination.peer_unverified")
        return answer


async def _stamped(outcome: Outcome, link: Link, context: Context) -> Outcome:
    """Name the signing provider in the receipt of a registration."""
    if not isinstance(outcome, Registered):
        return outcome
    receipt = msgspec.structs.replace(outcome.receipt, provider=await signed_by(link, context))
    return msgspec.structs.replace(outcome, receipt=receipt)


def _unreadable(text: str) -> Finding:
    return Finding(
        layer=Layer.METADATA,
        severity=Severity.ERROR,
        code="metadata.unsendable",
        message=text,
        responsible=Responsible.MIS,
        source=Source.OWN,
        fix="Исправьте документ и отправьте его заново с новым localUid.",
    )
