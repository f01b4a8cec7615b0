"""The fund's SOAP doors: which operation is asked, with which token, and what to answer — or the words of a refusal."""

import asyncio
import binascii
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec
from aiohttp import web
from lxml import etree

from adapters.tfoms.protocol import Row, Stage
from adapters.tfoms.service import NAMESPACE, action
from adapters.tfoms.simulator import papers
from adapters.tfoms.simulator.bills import Bill, Book, Oddity
from adapters.tfoms.simulator.control import insurance_errors, logic_errors, open_package
from adapters.tfoms.simulator.settings import read_settings
from broker.adapter_kit.simulation import Simulation
from broker.adapter_kit.soap import SOAP11, parse_soap

_TOKENS: Final = "tokens"
_DATA: Final = "urn:inaya:tfoms:contract"
_OPERATIONS: Final = ("SendProtocolMO", "GetProtocolStatusMO", "GetProtocolErrorsMO", "GetProtocolForMO")
_PROTOCOL: Final = "PreliminaryMekErrors.xml"


class Refusal(Exception):  # noqa: N818  a text said to the caller, not a fault of ours
    """The fund refuses in words."""


class _Token(msgspec.Struct):
    since: datetime


class Door:
    """Both services over one book of bills."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._settings, self._check = read_settings(simulation.setup.params)
        self._book = Book(simulation.store)

    def routes(self) -> list[web.RouteDef]:
        """List the routes: sign-in is shared, the protocol service has a test contour and a main one."""
        return [
            web.post("/AuthService", self._auth),
            web.post("/ProtService", self._prot),
            web.post("/{contour}/ProtService", self._prot),
        ]

    # ------------------------------------------------------------------ sign-in

    async def _auth(self, request: web.Request) -> web.Response:
        asked = _call_in(await request.read())
        if asked is None or asked[0] != "GetServiceToken":
            return _fault("ActionNotSupported")
        operation, members = asked
        if self._settings.accounts.get(members.get("login", "")) != members.get("psw"):
            return _refused(operation, "Неверный логин или пароль")
        now = self._simulation.clock.now()
        number = sum(1 for _ in self._simulation.store.items(_TOKENS, _Token))
        token = hashlib.sha256(f"{number}/{members['login']}/{now.isoformat()}".encode()).hexdigest()
        self._simulation.store.put(_TOKENS, token, _Token(now))
        expires = now + timedelta(seconds=self._settings.token_seconds)
        return _answered(
            operation,
            papers.tree(f"{{{_DATA}}}token", token),
            papers.tree(f"{{{_DATA}}}expireddate", expires.replace(tzinfo=None).isoformat()),
        )

    def _demand_token(self, token: str) -> None:
        held = self._simulation.store.get(_TOKENS, token, _Token)
        life = timedelta(seconds=self._settings.token_seconds)
        if held is None or self._simulation.clock.now() - held.since >= life:
            raise Refusal("token expired")

    # ------------------------------------------------------------------ protocols

    async def _prot(self, request: web.Request) -> web.Response:
        asked = _call_in(await request.read())
        if asked is None or asked[0] not in _OPERATIONS:
            return _fault("ActionNotSupported")
        operation, members = asked
        if request.headers.get("SOAPAction", "").strip('"') != action(operation):
            return _fault("ActionNotSupported")
        contour = request.match_info.get("contour", "test")
        try:
            data = await self._answer(operation, members, contour)
        except Refusal as refusal:
            return _refused(operation, str(refusal))
        return _answered(operation, b64encode(data).decode())

    async def _answer(self, operation: str, members: dict[str, str], contour: str) -> bytes:
        oddity = self._oddity()
        if oddity is Oddity.TOKEN_EXPIRED:
            raise Refusal("token expired")
        self._demand_token(members.get("token", ""))
        mo = members.get("MOCode", "")
        if self._settings.mo and mo not in self._settings.mo:
            raise Refusal(f"Нет доступа к МО {mo}")
        if operation == "SendProtocolMO":
            return await self._take(members.get("data", ""), mo, contour, oddity)
        bill = self._book.find(members.get("protUNID", ""), contour=contour, mo=mo)
        if bill is None:
            raise Refusal("Протокол не найден")
        if operation == "GetProtocolStatusMO":
            return self._status(bill)
        return self._protocol(bill, operation, oddity)

    def _oddity(self) -> Oddity | None:
        """Read the knob: a known oddity changes the answer, any other text is the refusal itself."""
        code = self._simulation.forced_code()
        if code is None:
            return None
        try:
            return Oddity(code)
        except ValueError:
            raise Refusal(code) from None

    async def _take(self, text: str, mo: str, contour: str, oddity: Oddity | None) -> bytes:
        try:
            data = b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refusal("Не удалось распаковать архив") from None
        judged = await asyncio.to_thread(self._judge, data, mo)
        if isinstance(judged, str):
            raise Refusal(judged)
        name, number, cases, flk, mek = judged
        unid = self._book.number(name, contour)
        bill = Bill(
            unid=unid,
            name=name,
            bill=number,
            contour=contour,
            mo=mo,
            patience=1 + int(unid[0], 16) % self._settings.flk_polls,
            flk=flk,
            mek=mek,
            refused=oddity is Oddity.MEK_FAILED or (len(mek) >= cases and bool(mek)),
        )
        self._book.keep(bill)
        self._book.received(name, mo, hashlib.sha256(data).hexdigest(), unid)
        told = {Oddity.UNID_LOST: "", Oddity.UNID_DUPLICATE: self._book.any_other(bill)}
        paper = papers.delivered(told.get(oddity, unid) if oddity else unid, Stage.REGISTERED)
        return papers.packed({"ProtocolDeliveredToServer.xml": papers.xml(paper)})

    def _judge(self, data: bytes, mo: str) -> tuple[str, str, int, tuple[Row, ...], tuple[Row, ...]] | str:
        package = open_package(data)
        if isinstance(package, str):
            return package
        today = self._simulation.clock.now().date()
        flk = logic_errors(package, data, mo, today, self._check)
        mek = insurance_errors(package, self._settings.not_insured)
        return package.name, package.bill, package.cases, tuple(flk), tuple(mek)

    def _status(self, bill: Bill) -> bytes:
        moved = msgspec.structs.replace(bill, polls=bill.polls + 1)
        self._book.keep(moved)
        self._book.asked(moved, self._simulation.clock.now())
        return papers.packed({"ProtocolStatus.xml": papers.xml(papers.status(moved.stage))})

    def _protocol(self, bill: Bill, operation: str, oddity: Oddity | None) -> bytes:
        if oddity is Oddity.PROTOCOL_LATE:
            raise Refusal("Протокол не сформирован")
        if operation == "GetProtocolErrorsMO" and bill.stage is not Stage.FLK_FAILED:
            raise Refusal("Протокол ошибок ФЛК не сформирован")
        if operation == "GetProtocolForMO" and bill.stage not in {Stage.MEK_PASSED, Stage.MEK_FAILED}:
            raise Refusal("Протокол не сформирован")
        name = f"V{bill.name}.XML" if operation == "GetProtocolErrorsMO" else _PROTOCOL
        return papers.packed(self._files(bill, name, oddity))

    def _files(self, bill: Bill, name: str, oddity: Oddity | None) -> dict[str, bytes]:
        build = papers.primorye if self._settings.answer_format == "primorye" else papers.federal
        write: Callable[[etree._Element], bytes] = papers.xml
        checked = bill.name
        rows = list(bill.errors)
        match oddity:
            case Oddity.FLK_EMPTY:
                rows = []
            case Oddity.ENCODING_MISMATCH:
                write = papers.wrongly_declared
            case Oddity.MIXED_CASE_ZIP:
                name, checked = name[:-3] + "xMl", checked.lower()
            case Oddity.FNAME_EXTENSION:
                checked += ".Zip"
            case Oddity.FLK_TWO_FILES:
                half = (len(rows) + 1) // 2
                person = "L" + bill.name[1:]
                return {
                    name: write(build(checked, bill.bill, rows[:half])),
                    f"V{person}.XML": write(build(person, bill.bill, rows[half:])),
                }
            case _:
                pass
        return {name: write(build(checked, bill.bill, rows))}


# ---------------------------------------------------------------------- SOAP


def _call_in(body: bytes) -> tuple[str, dict[str, str]] | None:
    """Read the operation and its members, or None when the body is no call of ours."""
    parsed = parse_soap(body)
    if isinstance(parsed, str) or len(parsed.body) != 1:
        return None
    operation = etree.QName(parsed.body[0])
    if operation.namespace != NAMESPACE:
        return None
    members = {etree.QName(member).localname: (member.text or "") for member in parsed.body[0]}
    return operation.localname, members


def _answered(operation: str, *result: str | etree._Element) -> web.Response:
    return _response(operation, papers.tree(f"{{{NAMESPACE}}}{operation}Result", *result))


def _refused(operation: str, text: str) -> web.Response:
    return _response(operation, papers.tree(f"{{{NAMESPACE}}}exception", text))


def _response(operation: str, content: etree._Element) -> web.Response:
    return _soap(papers.tree(f"{{{NAMESPACE}}}{operation}Response", content))


def _fault(code: str) -> web.Response:
    said = (papers.tree("faultcode", code), papers.tree("faultstring", "Действие не поддерживается"))
    return _soap(papers.tree(f"{{{SOAP11}}}Fault", *said), status=500)


def _soap(content: etree._Element, *, status: int = 200) -> web.Response:
    envelope = papers.tree(f"{{{SOAP11}}}Envelope", papers.tree(f"{{{SOAP11}}}Body", content))
    body = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return web.Response(body=body, status=status, content_type="text/xml", charset="utf-8")
