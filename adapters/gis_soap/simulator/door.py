"""The web side of the simulated ГИС: SOAPAction to operation, operation to answer or fault."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web
from lxml import etree

from adapters.gis_soap.simulator import emk, pix
from adapters.gis_soap.simulator.registers import Registers
from adapters.gis_soap.simulator.wcf import (
    TEMPURI,
    Problem,
    answered,
    element,
    fault,
    refused,
    text_of,
    warned,
)
from adapters.gis_soap.simulator.wsdl import single_wsdl_page, wsdl_page, xsd_page
from broker.adapter_kit.simulation import Simulation
from broker.adapter_kit.soap import parse_soap

NO_REASON: Final = "The creator of this fault did not specify a Reason."
REPEATED_PATIENT: Final = 23
_LARGE: Final = 1024 * 1024
_SUPPORT: Final = "IServiceSupport"
_VERSIONS: Final = {
    "PixService": "http://schemas.datacontract.org/2004/07/WebService.Core",
    "EMKService": "http://schemas.datacontract.org/2004/07/N3.Shared.Core",
}
Operation = Callable[[etree._Element, int], Awaitable[web.Response]]  # noqa: SLF001  lxml names it so


class Door:
    """Routes and operations."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.registers = Registers(simulation)
        self.operations: dict[str, dict[str, Operation]] = {
            "PixService": {
                f"{TEMPURI}IPixService/AddPatient": self.add_patient,
                f"{TEMPURI}IPixService/UpdatePatient": self.update_patient,
            },
            "EMKService": {f"{TEMPURI}IEmkService/AddMedRecord": self.add_med_record},
        }

    def routes(self) -> list[web.RouteDef]:
        """List what the platform answers, and the read-back that is ours."""
        found = [web.get("/emk/registry/{gis_id}", self.registry)]
        for name in self.operations:
            found += [web.get(f"/emk/{name}.svc", self.describe), web.post(f"/emk/{name}.svc", self.call)]
        return found

    async def describe(self, request: web.Request) -> web.Response:
        """Answer ``?wsdl``, ``?singleWsdl`` and ``?xsd=``."""
        name = _service(request)
        url = str(request.url.with_query(None))
        query = {key.lower(): value for key, value in request.query.items()}
        if "wsdl" in query:
            return _xml(wsdl_page(name, url))
        if "singlewsdl" in query:
            return _xml(single_wsdl_page(name, url))
        schema = xsd_page(query.get("xsd", ""), url)
        return _xml(schema) if schema is not None else web.Response(status=404, text=f"{name} Service")

    async def call(self, request: web.Request) -> web.Response:
        """Dispatch a SOAP call by its SOAPAction, as basicHttp does."""
        body = await request.read()
        name, action = _service(request), request.headers.get("SOAPAction", "").strip('"')
        answer = parse_soap(body) if len(body) < _LARGE else await asyncio.to_thread(parse_soap, body)
        if isinstance(answer, str) or len(answer.body) != 1:
            return web.Response(status=400, text="Bad Request")
        if action == f"{TEMPURI}{_SUPPORT}/GetVersion":
            return _version(name)
        operation = self.operations[name].get(action)
        expected = f"{{{TEMPURI}}}{action.rpartition('/')[2]}"
        if operation is None or answer.body[0].tag != expected:
            return fault(f"Действие {action} сервисом {name} не поддерживается")
        return await operation(answer.body[0], len(body))

    async def registry(self, request: web.Request) -> web.Response:
        """Show the РЭМД rows of a document to a system that may call (own form, ``Authorization: N3 <guid>``)."""
        guid = request.headers.get("Authorization", "").removeprefix("N3 ")
        stranger = self.registers.stranger(guid, "any")
        if stranger is not None and stranger.about == "guid":
            return web.json_response({"error": stranger.text}, status=401)
        rows = self.registers.remd_rows(request.match_info["gis_id"].lower())
        return web.Response(body=msgspec.json.encode(rows), content_type="application/json")

    async def add_patient(self, call: etree._Element, _size: int) -> web.Response:
        """AddPatient: a patient the index has is refused with ErrorCode 23."""
        return self._patient(call, new=True)

    async def update_patient(self, call: etree._Element, _size: int) -> web.Response:
        """UpdatePatient: only for a patient the index has."""
        return self._patient(call, new=False)

    def _patient(self, call: etree._Element, *, new: bool) -> web.Response:
        guid, id_lpu = _argument(call, "guid"), _argument(call, "idLPU")
        stranger = self.registers.stranger(guid, id_lpu)
        if stranger is not None:
            return refused([stranger], as_list=False)
        told = call.find(f"{{{TEMPURI}}}patient")
        patient = pix.patient_of(told)
        today = self.simulation.clock.now().date()
        problems = pix.problems_of(patient, self.registers.settings, today)
        local_id = text_of(patient, "IdPatientMIS")
        if not problems and new and self.registers.knows_patient(id_lpu, local_id):
            problems = [Problem("IdPatientMIS", "Повторное добавление пациента", REPEATED_PATIENT)]
        if not problems and not new and not self.registers.knows_patient(id_lpu, local_id):
            problems = [Problem("IdPatientMis", "Пациент с таким IdPatientMis не найден")]
        if problems:
            return refused(problems, as_list=False)
        assert told is not None
        self.registers.keep_patient(id_lpu, local_id, etree.tostring(told))
        return answered("AddPatient" if new else "UpdatePatient")

    async def add_med_record(self, call: etree._Element, size: int) -> web.Response:
        """AddMedRecord: an empty answer means taken; nothing is said of РЭМД here."""
        guid, id_lpu = _argument(call, "guid"), _argument(call, "idLpu")
        forced = self.simulation.forced_code()
        if forced is not None and forced != "RequestWarning":
            return _forced(forced)
        stranger = self.registers.stranger(guid, id_lpu)
        if stranger is not None:
            return refused([stranger], as_list=True)
        told = call.find(f"{{{TEMPURI}}}medRecord")
        record = emk.record_of(told) if size < _LARGE else await asyncio.to_thread(emk.record_of, told)
        if record is None:
            return fault("Сервис не смог прочитать medRecord: неизвестный xsi:type")
        problems = emk.problems_of(record, id_lpu, _argument(call, "idPatientMis"), self.registers)
        if problems:
            self.registers.count_call(record.gis_id.lower())
            return refused(problems, as_list=True)
        self.registers.keep_document(emk.arrived(record, id_lpu), self.registers.clinic(guid, id_lpu))
        if forced is not None:
            return warned("Документ сохранён с предупреждением")
        return answered("AddMedRecord")


def _forced(code: str) -> web.Response:
    """Answer what the fault knob says: ``NoReason``, a number of an ErrorCode, or the text of a refusal."""
    if code == "NoReason":
        return fault(NO_REASON)
    number = int(code) if code.isdigit() else 0
    return refused([Problem("", code, number)], as_list=False)


def _version(name: str) -> web.Response:
    core = _VERSIONS[name]
    versions = element(core, "DatabaseVersion", "simulator"), element(core, "ServiceVersion", "simulator")
    return answered("GetVersion", element(TEMPURI, "GetVersionResult", *versions))


def _argument(call: etree._Element, name: str) -> str:
    return (call.findtext(f"{{{TEMPURI}}}{name}") or "").strip()


def _service(request: web.Request) -> str:
    return request.path.rpartition("/")[2].removesuffix(".svc")


def _xml(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="text/xml", charset="utf-8")
