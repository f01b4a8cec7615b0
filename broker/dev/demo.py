"""``inaya demo``: the main job before one's eyes: documents travel, verdicts come back, the table says whether all is well."""

import asyncio
import base64
import contextlib
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aio_pika
import aiohttp
import msgspec
from yarl import URL

from broker.adapter_kit.clocks import FileClock
from broker.bus.connection import Connection
from broker.dev.endpoints import Endpoints
from broker.dev.plan import Group, Planned, Planner
from broker.dev.stand import StandFailed, StandOptions, running_stand
from broker.dev.world import Signers, World
from broker.samples.people import Clinic, Doctor
from broker.samples.submission import encode
from broker.trust import Suite, sign_detached

LATE_SECONDS: Final = 3600
PATIENCE: Final = 150.0
"""Seconds the whole run may take before what is missing is called missing."""
LINE_SECONDS: Final = 5.0
FINAL: Final = frozenset({"completed", "rejected", "unroutable", "failed"})


class Played(msgspec.Struct, frozen=True):
    """What was sent, and by its number what is not as planned."""

    planned: Sequence[Planned]
    wrong: dict[int, str]


class Run:
    """One run against a stand that is ready."""

    def __init__(self, endpoints: Endpoints, http: aiohttp.ClientSession) -> None:
        self.endpoints = endpoints
        self.http = http
        self.secrets = {partner.id: partner.secret for partner in endpoints.partners}
        self.events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.tickets: dict[str, str] = {}
        self._cursors: dict[str, str] = {}
        self._channels: dict[str, aio_pika.abc.AbstractExchange] = {}

    async def call(self, method: str, path: str, vendor: str = "", **options: Any) -> tuple[int, Any]:
        """Call the product or a simulator and return status and JSON."""
        headers = {"Authorization": f"Bearer {self.secrets[vendor]}"} if vendor else {}
        url = path if path.startswith("http") else f"{self.endpoints.http}{path}"
        async with self.http.request(
            method, url, headers=headers | options.pop("headers", {}), **options
        ) as response:
            body = await response.read()
            return response.status, msgspec.json.decode(body) if body else None

    async def mark(self, planned: Sequence[Planned]) -> None:
        """Tell the simulated РЭМД whose answer comes late and whose twice."""
        remd = self.endpoints.simulators["remd"]
        for one in planned:
            marks = {Group.LATE: {"lateSeconds": LATE_SECONDS}, Group.TWICE: {"callbacks": 2}}.get(one.group)
            if marks:
                await self.call("PUT", f"{remd}/sim/marks/{one.local_uid}", json=marks)

    async def send(self, one: Planned) -> None:
        """Hand a document over through its door."""
        if one.door == "amqp":
            await self._publish(one)
            return
        status, body = await self.call(
            "POST",
            "/api/v1/documents",
            one.vendor,
            data=encode(one.submission),
            headers={"Content-Type": "application/json"},
        )
        if status not in {200, 202}:
            raise StandFailed(f"дверь HTTP не приняла документ: {status} {body}")
        self.tickets[one.submission.message_id or ""] = body["id"]

    async def _publish(self, one: Planned) -> None:
        exchange = self._channels[one.vendor]
        key = f"{one.vendor}.{one.submission.clinic.replace('.', '-')}"
        message = aio_pika.Message(
            encode(one.submission),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=one.submission.message_id,
            content_type="application/json",
        )
        await exchange.publish(message, key, timeout=30)

    @contextlib.asynccontextmanager
    async def amqp(self) -> Any:
        """Hold a connection per vendor, as their programs would."""
        async with contextlib.AsyncExitStack() as stack:
            for vendor, secret in self.secrets.items() if self.endpoints.amqp else ():
                address = URL(self.endpoints.amqp or "").with_user(vendor).with_password(secret)
                connection = await aio_pika.connect(address, connection_class=Connection)
                await stack.enter_async_context(connection)
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                self._channels[vendor] = await channel.get_exchange("documents", ensure=False)
            yield

    async def read_events(self) -> None:
        """Read the partners' feeds from where they were left."""
        for vendor in self.secrets:
            while True:
                query = {"after": self._cursors.get(vendor, ""), "limit": "1000"}
                _, page = await self.call("GET", "/api/v1/events", vendor, params=query)
                for event in page["events"]:
                    self.events[event["messageId"]].append(event)
                self._cursors[vendor] = page["cursor"]
                if len(page["events"]) < 1000:
                    break

    def status(self, one: Planned) -> str:
        """Return where a document stands by its events."""
        events = self.events.get(one.submission.message_id or "", [])
        return events[-1]["status"] if events else "—"

    def delivery(self, one: Planned, destination: str) -> str:
        """Return where a delivery stands by its events."""
        for event in reversed(self.events.get(one.submission.message_id or "", [])):
            delivery = event.get("delivery")
            if delivery and delivery["destination"] == destination:
                return str(delivery["status"])
        return ""

    def is_settled(self, one: Planned) -> bool:
        """Tell whether a document reached what its plan says, or something final instead."""
        if one.group is Group.UNLINKED:
            return self.delivery(one, "remd") == "held" and self.delivery(one, _region(one)) == "delivered"
        return self.status(one) in FINAL

    async def settle(self, planned: Sequence[Planned], until: float, note: str) -> None:
        """Wait for documents, showing how it goes."""
        while time.monotonic() < until:
            await self.read_events()
            settled = sum(self.is_settled(one) for one in planned)
            counts = Counter(self.status(one) for one in planned)
            shown = "  ".join(f"{status} {count}" for status, count in sorted(counts.items()))
            done = settled == len(planned)
            _show(f"{note}: {settled} из {len(planned)}   {shown}", last=done)
            if done:
                break
            await asyncio.sleep(0.3)


_shown_at = [0.0]


def _show(line: str, *, last: bool) -> None:
    """Show progress: in place on a terminal, a line every few seconds elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{line}" + ("\n" if last else ""))
    elif last or time.monotonic() - _shown_at[0] > LINE_SECONDS:
        _shown_at[0] = time.monotonic()
        sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _region(one: Planned) -> str:
    return f"gis.{one.submission.clinic.split('.')[-2]}"


def why_wrong(run: Run, one: Planned, held: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return what is not as planned, or an empty string; expectations come from the plan alone."""
    events = run.events.get(one.submission.message_id or "", [])
    status = run.status(one)
    if status != one.status:
        return f"статус {status}, ожидался {one.status}"
    if one.remd and run.delivery(one, "remd") != one.remd:
        return f"доставка в РЭМД {run.delivery(one, 'remd')}, ожидалась {one.remd}"
    findings = [finding for event in events for finding in event.get("findings", [])]
    expected = one.fault.expected if one.fault else None
    if (
        expected
        and expected.layer
        and not any(f["layer"] == expected.layer and f["severity"] == expected.severity for f in findings)
    ):
        return f"нет замечания слоя {expected.layer}"
    if one.group is Group.REFUSED and expected:
        codes = {f.get("remdCode") for f in findings}
        if not codes & set(expected.remd_codes):
            return f"РЭМД назвала {sorted(filter(None, codes))}, ожидалось {expected.remd_codes}"
    if one.group is Group.REGISTRY and {f.get("nZap") for f in findings if f.get("nZap")} != one.cases:
        return "ошибки не тех случаев"
    return bytes_wrong(one, held)


def bytes_wrong(one: Planned, held: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Compare what every simulator holds with what was submitted and with who must have registered it, once."""
    content = one.submission.content.data
    for simulator, documents in held.items():
        expected = int(simulator in one.holders)
        document = documents.get(one.held_as.lower())
        if document is None:
            if expected:
                return f"{simulator} не держит документа"
            continue
        if document["registrations"] != expected:
            return f"{simulator} зарегистрировал раз: {document['registrations']}, ожидалось {expected}"
        if (expected or document["sha256"]) and document["sha256"] != _digest(content):
            return f"{simulator} держит другие байты"
    return ""


def _digest(content: str) -> str:
    return sha256(base64.b64decode(content)).hexdigest()


async def held_by(run: Run) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what every simulator holds, by localUid."""
    held = {}
    for name, url in run.endpoints.simulators.items():
        _, documents = await run.call("GET", f"{url}/sim/documents")
        held[name] = {document["localUid"].lower(): document for document in documents}
    return held


def table(planned: Sequence[Planned], wrong: dict[int, str]) -> str:
    """Return the table of outcomes."""
    rows = []
    for group in Group:
        for door in ("http", "amqp"):
            members = [(n, one) for n, one in enumerate(planned) if (one.group, one.door) == (group, door)]
            if members:
                bad = sum(n in wrong for n, _ in members)
                expected = f"{members[0][1].status}{'/' + members[0][1].remd if members[0][1].remd else ''}"
                rows.append((group.value, door, len(members), expected, len(members) - bad, bad))
    head = ("документы", "дверь", "всего", "ожидалось (документ/РЭМД)", "верно", "неверно")
    lines = [head, *rows, ("итого", "", len(planned), "", len(planned) - len(wrong), len(wrong))]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
    )


async def play(endpoints: Endpoints, state_dir: Path) -> Played:
    """Send everything, wait for the outcomes, print the table."""
    world = World()
    signers = _signers(endpoints, state_dir, world)
    clock = FileClock(state_dir / "clock")
    now = clock.now()
    async with aiohttp.ClientSession() as http:
        run = Run(endpoints, http)
        taken = (await held_by(run))["tfoms"]
        amqp = endpoints.amqp is not None
        planner = Planner(world, _signing(signers, now), now, uuid4().hex, amqp=amqp, taken=taken)
        planned = await asyncio.to_thread(planner.plan)
        until = time.monotonic() + PATIENCE
        await run.mark(planned)
        await run.read_events()
        gate = asyncio.Semaphore(8)

        async def send(one: Planned) -> None:
            async with gate:
                await run.send(one)

        started = time.monotonic()
        async with run.amqp():
            await asyncio.gather(*(send(one) for one in planned))
        sys.stderr.write(f"Сдано {len(planned)} документов за {time.monotonic() - started:.1f} с.\n")
        prompt = [one for one in planned if one.group is not Group.LATE]
        await run.settle(prompt, until, "Исходы")
        late = [one for one in planned if one.group is Group.LATE]
        waiting = [run.delivery(one, "remd") for one in late]
        sys.stderr.write(
            f"РЭМД молчит об одном документе ({', '.join(waiting)}): часы стенда идут на час вперёд.\n"
        )
        await run.call("PUT", "/sim/clock", json={"advanceSeconds": LATE_SECONDS + 60})
        await run.settle(late, until, "Опоздавшие")
        held = await held_by(run)
        wrong = {n: why for n, one in enumerate(planned) if (why := why_wrong(run, one, held))}
        for n, one in enumerate(late):
            if waiting[n] != "awaiting_result":
                wrong[planned.index(one)] = f"до перевода часов: {waiting[n]}, ожидалось awaiting_result"
    sys.stdout.write(table(planned, wrong) + "\n")
    for n, why in sorted(wrong.items()):
        one = planned[n]
        name = one.fault.id if one.fault else ""
        sys.stdout.write(
            f"  неверно: {one.group.value} {name} {one.submission.kind or ''} {one.door}: {why}\n"
        )
    sys.stdout.flush()
    return Played(planned, wrong)


def _signers(endpoints: Endpoints, state_dir: Path, world: World) -> Signers:
    """Return those of ГОСТ where the stand has them, else those of RSA, and say which."""
    gost = any(one.suite == "gost2012-256" for one in endpoints.pki.signers)
    signers = Signers.open(state_dir / "pki", world, Suite.GOST2012_256 if gost else Suite.RSA_SHA256)
    signer = signers.signer(world.clinics[0])
    title = "ГОСТ Р 34.10-2012 (256 бит)" if gost else "RSA-SHA256: движка ГОСТ здесь нет"
    sys.stderr.write(
        f"Документы подписывают двое, врач и организация: {title}; {signer.provider} {signer.provider_version}.\n"
    )
    return signers


def _signing(signers: Signers, now: datetime) -> Any:
    def sign(data: bytes, who: Doctor | Clinic) -> bytes:
        return sign_detached(data, signers.signer(who), signing_time=now)

    return sign


async def run_demo(options: StandOptions, *, once: bool) -> int:
    """Run a stand and the demo on it; return 0 only if every document reached the outcome of its plan."""
    async with running_stand(options) as endpoints:
        played = await play(endpoints, options.state_dir)
        if not once:
            sys.stderr.write(
                f"Стенд работает. Консоль: {endpoints.console} (вход {endpoints.operator.login} / "
                f"{endpoints.operator.password})  API: {endpoints.http}/api/v1  Остановить: Ctrl-C.\n"
            )
            await asyncio.Event().wait()
    return 1 if played.wrong else 0
