"""Send a document to a regional ГИС: make sure it knows the patient, hand over the record, read what it says.

``idCaseMis`` stays out: a private clinic's working call today is AddPatient, then AddMedRecord without a case. Every id
is the МИС's own, so a repeated call names the same patient and the same document.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import zeep.exceptions
from lxml import etree

from adapters.gis_soap.faults import REPEATED_PATIENT, FaultKind, meaning, read_fault, without_people
from adapters.gis_soap.messages import TEMPURI, document_message, patient_message, shortcomings
from adapters.gis_soap.readback import ask
from adapters.gis_soap.settings import Settings, read_settings
from broker.adapter_kit import (
    AnswerTable,
    Awaiting,
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
from broker.adapter_kit.pieces import filled
from broker.adapter_kit.soap import SoapAnswer, post_soap
from broker.adapter_kit.zeep_client import Contract, contract_of
from broker.document.canonical import CanonicalDocument, Patient
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.receipt import Receipt

_FOLDER: Final = Path(__file__).parent
PIX_WSDL: Final = _FOLDER / "contract" / "PixService.wsdl"
EMK_WSDL: Final = _FOLDER / "contract" / "EMKService.wsdl"


class GisSoap:
    """The adapter; stateless."""

    passport = load_passport(_FOLDER / "passport.toml")
    answers = AnswerTable.load(_FOLDER / "answers.toml")

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Add the patient where the ГИС does not know it yet, then the document."""
        settings = read_settings(parcel, context)
        if isinstance(settings, Held):
            return settings
        if parcel.kind not in settings.kinds:
            return _kind_not_mapped(parcel.kind)
        findings = shortcomings(parcel, settings)
        if findings:
            return Rejected(tuple(findings))
        assert parcel.document is not None
        patience = context.destination.timeout or self.passport.limits.timeout
        ends_at = asyncio.get_running_loop().time() + patience
        return await _Talk(self, parcel, parcel.document, context, settings, ends_at).run()

    async def poll(self, parcel: Parcel, context: Context) -> Outcome:
        """Ask for the row of РЭМД registration, where the region offers one."""
        settings = read_settings(parcel, context)
        if isinstance(settings, Held):
            return settings
        timeout = context.destination.timeout or self.passport.limits.timeout
        pause = timedelta(seconds=self.passport.waiting.poll_every)
        return await ask(parcel, context, settings, self.answers, timeout=timeout, pause=pause)

    async def probe(self, context: Context) -> bool:
        """Ask both services for their version, through the typed client."""
        base = context.destination.url.rstrip("/")
        params = context.destination.params
        timeout = context.destination.timeout or self.passport.limits.timeout
        try:
            for wsdl, name in ((PIX_WSDL, params.get("pix")), (EMK_WSDL, params.get("emk"))):
                contract = await contract_of(wsdl)
                url = f"{base}/{name or wsdl.with_suffix('.svc').name}"
                await contract.service(context.http, url, timeout=timeout).GetVersion()
        except (aiohttp.ClientError, TimeoutError, OSError, zeep.exceptions.Error):
            return False
        return True


@dataclass(frozen=True)
class _Talk:
    """One delivery: its calls share parcel, settings and what is left of the patience (loop time)."""

    adapter: GisSoap
    parcel: Parcel
    document: CanonicalDocument
    context: Context
    settings: Settings
    ends_at: float

    async def run(self) -> Outcome:
        """Patient, then document; a patient the ГИС has forgotten is told once more."""
        told, known = await self._patient(again=False)
        if told is not None:
            return told
        answer = await self._record()
        if known and isinstance(answer, SoapAnswer):
            fault = read_fault(answer)
            if fault is not None and fault.is_about("IdPatientMis"):
                told, _ = await self._patient(again=True)
                answer = await self._record() if told is None else answer
        if not isinstance(answer, SoapAnswer):
            return answer
        return self._verdict(answer)

    async def _patient(self, *, again: bool) -> tuple[Outcome | None, bool]:
        """Tell the patient unless the ГИС was told these very data; return what went wrong, and whether it knew."""
        patient, ids, clinic = self.document.patient, self.context.ids, self.parcel.clinic.oid
        key = f"patient:{patient.local_id}"
        told_now = fingerprint(patient, self.settings)
        before = None if again else await ids.get(clinic, key)
        if before == told_now:
            return None, True
        wrong = await self._tell("AddPatient" if before is None else "UpdatePatient", patient)
        if wrong is None:
            await ids.put(clinic, key, told_now)
        return wrong, False

    async def _tell(self, operation: str, patient: Patient) -> Outcome | None:
        contract = await contract_of(PIX_WSDL)
        envelope = patient_message(contract, operation, patient, self.settings)
        answer = await self._call(contract, operation, envelope, self.settings.pix_url)
        if not isinstance(answer, SoapAnswer):
            return answer
        fault = read_fault(answer)
        if fault is None:
            return None if _is_response(answer, operation) else InDoubt("destination.answer_unexpected")
        if operation == "AddPatient" and fault.has_code(REPEATED_PATIENT):
            return await self._tell("UpdatePatient", patient)
        if fault.kind is FaultKind.SAVED_WITH_WARNINGS:
            return None
        meant = meaning(fault, self.adapter.answers, self.settings, self.document)
        return None if isinstance(meant, list) else meant

    async def _record(self) -> SoapAnswer | Rejected | Unavailable | InDoubt:
        """Hand the document over; its bytes are in no tree, they are encoded while they are written."""
        contract = await contract_of(EMK_WSDL)
        mark = hashlib.sha512(
            self.parcel.message_id.bytes
        ).digest()  # the id is ours and new: nobody can have written it
        parcel = msgspec.structs.replace(self.parcel, content=mark)
        envelope = document_message(contract, parcel, self.settings)
        return await self._call(contract, "AddMedRecord", envelope, self.settings.emk_url, mark)

    async def _call(
        self, contract: Contract, operation: str, envelope: etree._Element, url: str, mark: bytes = b""
    ) -> SoapAnswer | Rejected | Unavailable | InDoubt:
        """Check a message against the contract (WCF drops misplaced members silently), then post it.

        The document goes in the place of the ``mark``, which fits the contract as any base64 does.
        """
        body = _checked(contract, envelope)
        if isinstance(body, Rejected):
            return body
        left = self.ends_at - asyncio.get_running_loop().time()
        return await post_soap(
            self.context.http,
            url,
            filled(body, mark, self.parcel.content) if mark else body,
            action=contract.action(operation),
            timeout=max(left, 0.05),
            headers={"X-Request-Id": str(self.parcel.message_id)},
        )

    def _verdict(self, answer: SoapAnswer) -> Outcome:
        fault = read_fault(answer)
        if fault is None:
            accepted = _is_response(answer, "AddMedRecord")
            return self._success([]) if accepted else InDoubt("destination.answer_unexpected")
        if fault.kind is FaultKind.SAVED_WITH_WARNINGS:
            return self._success([without_people(told.text, self.document) for told in fault.told])
        meant = meaning(fault, self.adapter.answers, self.settings, self.document)
        return self._success(meant) if isinstance(meant, list) else meant

    def _success(self, warnings: Iterable[str]) -> Outcome:
        """Say what acceptance comes to: final here, unless the region lets us ask about РЭМД later."""
        now = self.context.clock.now()
        gis_id = self.parcel.local_uid.lower()
        if self.settings.readback:
            pause = timedelta(seconds=self.adapter.passport.waiting.poll_every)
            state = {"gisId": gis_id, "acceptedAt": now.isoformat()}
            return Awaiting(gis_id, now + pause, state, "принят ГИС, ждём регистрации в РЭМД")
        return Delivered(
            Receipt(
                provider=self.context.destination.id,
                registered_at=now,
                gis_id=gis_id,
                document_version=self.document.version,
                warnings=[warning for warning in warnings if warning],
            )
        )


def _kind_not_mapped(kind: str) -> Held:
    return Held(
        reason="gis.kind_not_mapped",
        text=f"В профиле региона не указан код IdMedDocumentType для вида {kind}. Оператор берёт его "
        "из справочника 1.2.643.2.69.1.1.1.195 и вписывает в профиль; документ подождёт.",
    )


def fingerprint(patient: Patient, settings: Settings) -> str:
    """Return a keyed digest of what the ГИС is told of a patient: without the guid nobody can guess it back."""
    told = msgspec.json.encode((patient, settings.id_lpu))
    return hmac.new(settings.guid.encode(), told, hashlib.sha256).hexdigest()


def _is_response(answer: SoapAnswer, operation: str) -> bool:
    return answer.body.find(f"{TEMPURI}{operation}Response") is not None


def _checked(contract: Contract, envelope: etree._Element) -> bytes | Rejected:
    violations = contract.violations(envelope)
    if not violations:
        return etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return Rejected(
        tuple(
            Finding(
                layer=Layer.METADATA,
                severity=Severity.ERROR,
                code="gis.contract_violation",
                rule=violation.error,
                message=f"Значение не укладывается в контракт ГИС: {violation.path}.",
                fix="Оператор сверяет документ и профиль региона с контрактом ГИС.",
                responsible=Responsible.OPERATOR,
                source=Source.SEEN,
            )
            for violation in violations
        )
    )
