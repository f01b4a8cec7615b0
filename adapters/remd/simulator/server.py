"""The doors of the simulated РЭМД: the SOAP service and the pages that steer it."""

import hashlib
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from aiohttp import web
from lxml import etree

from adapters.remd.names import SERVICE_NS
from adapters.remd.replies import text_of
from adapters.remd.simulator import requests, texts, wire
from adapters.remd.simulator.courier import Courier
from adapters.remd.simulator.knobs import RemdFaults
from adapters.remd.simulator.ledger import Ledger, Registration
from adapters.remd.simulator.process import Process
from adapters.remd.simulator.registers import Mark, OrganizationRow, SimSettings
from adapters.remd.simulator.texts import SYNCHRONOUS, Refusal
from broker.adapter_kit.simulation import Simulation, SimulatorSetup
from broker.adapter_kit.soap import SOAP11, SOAP12, SoapAnswer, parse_soap

_MAX_REQUEST: Final = 16 * 1024 * 1024
_MAX_MATCHES: Final = 1000
_MEDIA: Final = {SOAP11: "text/xml", SOAP12: "application/soap+xml"}
_NAMES: Final = requests.NAMES


class RemdSimulator:
    """РЭМД as it answers in the field."""

    def __init__(self, setup: SimulatorSetup) -> None:
        self._simulation = Simulation(setup, RemdFaults)
        settings = msgspec.convert(setup.params, SimSettings)
        self._ledger = Ledger(self._simulation)
        self._courier = Courier(settings, self._simulation)
        self._process = Process(self._simulation, settings, self._ledger, self._courier)
        self._recent: deque[float] = deque()
        for oid, systems in self._simulation.store.items("links", list[str]):
            self._link(oid, systems)

    @property
    def _settings(self) -> SimSettings:
        return self._process.settings

    def application(self) -> web.Application:
        """Build the web application."""
        path = self._settings.path
        app = self._simulation.application(
            [
                web.post(path, self._service),
                web.get(path, self._wsdl),
                web.put("/sim/links/{oid}", self._put_link),
                web.put("/sim/marks/{local_uid}", self._put_mark),
                web.post("/sim/ask-files", self._ask_file),
            ]
        )
        app.cleanup_ctx.append(self._run)
        return app

    async def _run(self, _app: web.Application) -> AsyncIterator[None]:
        async with self._process.running():
            yield

    async def _wsdl(self, _request: web.Request) -> web.Response:
        contract = Path(__file__).parent.parent / "contract" / "emdr-service.wsdl"
        return web.Response(body=contract.read_bytes(), content_type="text/xml")

    async def _service(self, request: web.Request) -> web.Response:
        raw = await request.read()
        call = parse_soap(raw, limit=_MAX_REQUEST)
        if isinstance(call, str):
            return _reply(
                wire.fault("Сообщение не является конвертом SOAP", SOAP12, sender=True), SOAP12, 400
            )
        soap = SOAP11 if call.envelope.tag.startswith(f"{{{SOAP11}}}") else SOAP12
        suspicion = await self._courier.distrust(raw)
        if suspicion:
            return _reply(wire.fault(suspicion, soap, sender=True), soap, 500)
        element = next((one for one in call.body if isinstance(one.tag, str)), None)
        match element.tag if element is not None else "":
            case tag if element is not None and tag == f"{{{SERVICE_NS}}}{_NAMES.register_request}":
                return await self._register(element, call, soap)
            case tag if element is not None and tag == f"{{{SERVICE_NS}}}{_NAMES.search_request}":
                found = self._search(element, soap, _answer_header(call, "searchRegistryItem"))
                return _reply(await self._courier.answered(found), soap)
            case _:
                return _reply(wire.fault("Операция не поддерживается", soap, sender=True), soap, 500)

    async def _register(self, element: etree._Element, call: SoapAnswer, soap: str) -> web.Response:
        code = self._simulation.forced_code() if self._simulation.faults.code in SYNCHRONOUS else None
        refusal = texts.forced(code) if code else self._refusal(element, call)
        if refusal is None:
            self._process.begin(self._ledger.accept(requests.read_request(element, call)))
        answer = wire.register_response(refusal, soap, _answer_header(call, "registerDocument"))
        return _reply(await self._courier.answered(answer), soap)

    def _refusal(self, element: etree._Element, call: SoapAnswer) -> Refusal | None:
        """Stage one, coarse: pace, structure, who sends, whether the clinic is linked to it."""
        if self._too_fast() or self._simulation.happens("rate_limit"):
            return texts.forced("RATE_LIMIT")
        wrong = requests.structure(element)
        if wrong is not None:
            return wrong
        if not requests.addressing(call, "MessageID"):
            return Refusal("VALIDATION_ERROR", "Не указан идентификатор сообщения")
        system = requests.system_of(requests.client_of(call), self._settings)
        if isinstance(system, Refusal):
            return system
        if self._settings.unlinked == "sync":
            organization = text_of(element, _NAMES.organization)
            alone = requests.link_refusal(organization, requests.client_of(call), self._settings)
            if alone is not None:
                return alone
        return self._taken(text_of(element, _NAMES.local_uid).lower())

    def _taken(self, local_uid: str) -> Refusal | None:
        """Say at once, where the settings want it so, that the localUid is registered."""
        known = self._ledger.registration(local_uid) if self._settings.not_unique == "sync" else None
        return None if known is None else texts.not_unique(local_uid, known.emdr_id)

    def _too_fast(self) -> bool:
        """Count calls of the last real second: a pace is no business time."""
        limit = self._settings.rate_limit
        if not limit:
            return False
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 1:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) > limit

    def _search(self, element: etree._Element, soap: str, header: str) -> bytes:
        begin, end = text_of(element, _NAMES.register_date_begin), text_of(element, _NAMES.register_date_end)
        found = self._ledger.search(
            organization=text_of(element, _NAMES.organization),
            kind=text_of(element, _NAMES.kind),
            snils=text_of(element, _NAMES.patient_snils),
        )
        first, last = wire.moment(begin), wire.moment(end)
        matches = [
            one
            for one in found
            if (first is None or one.registered_at >= first) and (last is None or one.registered_at <= last)
        ]
        return wire.search_response("".join(map(_match, matches[-_MAX_MATCHES:])), soap, header)

    async def _put_link(self, request: web.Request) -> web.Response:
        """Link an organisation: ``PUT /sim/links/{oid}`` ← ``["emdr-rmis-1754"]``; an empty list unlinks it."""
        try:
            systems = msgspec.json.decode(await request.read(), type=list[str])
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=400)
        self._simulation.store.put("links", request.match_info["oid"], systems)
        self._link(request.match_info["oid"], systems)
        return web.json_response(systems)

    def _link(self, oid: str, systems: list[str]) -> None:
        rows = {row.oid: row for row in self._settings.organizations or ()}
        row = rows.get(oid) or OrganizationRow(oid=oid)
        rows[oid] = msgspec.structs.replace(row, systems=tuple(systems))
        self._process.settings = msgspec.structs.replace(self._settings, organizations=tuple(rows.values()))

    async def _ask_file(self, request: web.Request) -> web.Response:
        """Ask the sender for the file of a registered document now: ``POST /sim/ask-files`` ← ``{"emdrId": …}`` or ``{"localUid": …}``."""
        try:
            wanted = msgspec.json.decode(await request.read(), type=_Wanted)
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=400)
        known = (
            self._ledger.numbered(wanted.emdr_id)
            if wanted.emdr_id
            else self._ledger.registration(wanted.local_uid.lower())
        )
        if known is None:
            return web.json_response({"error": "no such document is registered here"}, status=404)
        to = self._settings.callback_url or known.reply_to
        status, content = await self._courier.ask(
            to, local_uid=known.local_uid, emdr_id=known.emdr_id if wanted.emdr_id else ""
        )
        digest = hashlib.sha256(content).hexdigest() if content else ""
        return web.json_response({"status": status, "size": len(content), "sha256": digest})

    async def _put_mark(self, request: web.Request) -> web.Response:
        """Make one answer special: ``PUT /sim/marks/{localUid}`` ← ``{"lateSeconds": 60, "callbacks": 2}``."""
        try:
            mark = msgspec.json.decode(await request.read(), type=Mark)
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=400)
        self._simulation.store.put("marks", request.match_info["local_uid"].lower(), mark)
        return web.Response(body=msgspec.json.encode(mark), content_type="application/json")


class _Wanted(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Whose file is asked for."""

    emdr_id: str = ""
    local_uid: str = ""


def _answer_header(call: SoapAnswer, action: str) -> str:
    return wire.addressing(
        message_id=f"urn:uuid:{uuid4()}", action=action, relates_to=requests.addressing(call, "MessageID")
    )


def _match(one: Registration) -> str:
    return (
        f"<ser:item><ser:localUid>{one.local_uid}</ser:localUid><ser:emdrId>{one.emdr_id}</ser:emdrId>"
        f"<ser:kind>{one.kind}</ser:kind><ser:organization>{one.organization}</ser:organization>"
        f"<ser:documentVersion>{one.version}</ser:documentVersion>"
        f"<ser:registrationDateTime>{wire.written(one.registered_at)}</ser:registrationDateTime></ser:item>"
    )


def _reply(body: bytes, soap: str, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type=_MEDIA[soap], charset="utf-8")
