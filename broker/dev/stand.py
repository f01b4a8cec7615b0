"""``inaya dev``: everything of a stand as child processes of one command: servers, simulators, doors, workers."""

import asyncio
import base64
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from argon2 import PasswordHasher

from broker.adapter_kit import Destination
from broker.adapter_kit.clocks import SystemClock
from broker.archive import MasterKeys
from broker.bus.health import takes_documents
from broker.dev.endpoints import (
    Authority,
    Clinic,
    Endpoints,
    Operator,
    Partner,
    Pki,
    Signer,
    publish_endpoints,
    withdraw_endpoints,
)
from broker.dev.envelopes import Envelopes
from broker.dev.install import InstallPolicy, Missing, ensure_gost_engine
from broker.dev.postgres import private_postgres
from broker.dev.rabbitmq import private_rabbitmq
from broker.dev.state import write_private
from broker.dev.supervisor import ChildSpec, Supervisor
from broker.dev.trust import write_trust
from broker.dev.world import Signers, Vendor, World
from broker.document.submission import Mode
from broker.partners.credential import Credential, hash_secret, make_secret, read_secret
from broker.settings import cards
from broker.store.database import Database, open_database
from broker.store.destinations import DestinationStore
from broker.store.migrate import migrate
from broker.store.operators import OperatorStore
from broker.store.partners import PartnerStore
from broker.trust import ProviderUnavailable, Suite
from broker.trust.openssl.engine import SETTING as GOST_ENGINE

SIMULATORS: Final = ("remd", "gis-soap", "tfoms")
OPERATOR: Final = "operator"
DOOR_PATIENCE: Final = 60.0
"""Seconds a stand waits for its AMQP door before it says that it is ready."""
ROOTS: Final = "roots.pem"
_SUITE_NAMES: Final = {Suite.RSA_SHA256: "rsa-sha256", Suite.GOST2012_256: "gost2012-256"}
ENVIRONMENT: Final = "environment.json"
"""The variables of the broker's processes (0600), so that a terminal beside the stand can use them."""


class StandOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a stand is run; ``amqp`` False keeps RabbitMQ out, ``packs`` are official packs for the broker.

    ``log_level`` is that of every child; ``tuning`` replaces fields of every destination (its pace, its timeout); ``sim_check`` False makes the simulators
    believe what they are given. ``signed_envelopes`` False lets the exchange with РЭМД go unsigned both ways.
    """

    state_dir: Path
    port: int | None = None
    install: InstallPolicy = InstallPolicy.ALLOWED
    database_url: str = ""
    amqp: bool = True
    packs: str = ""
    workers: int = 1
    log_level: str = ""
    tuning: dict[str, Any] = {}
    sim_check: bool = True
    signed_envelopes: bool = True


class StandFailed(Exception):  # noqa: N818  the text is for the person at the terminal
    """The stand cannot run; the text says why and what to do."""


class Stand:
    """A stand being built: what its parts need to know of each other."""

    def __init__(self, crew: Supervisor, options: StandOptions) -> None:
        self.crew = crew
        self.options = options
        self.state = crew.state
        self.world = World()
        self.signers = Signers.open(self.state.room("pki"), self.world)
        self.everybody = [self.signers]
        self.http_port = self.state.port("http", options.port)
        self.peer_port = self.state.port("peer")
        self.ports = {name: self.state.port(f"sim-{name}") for name in SIMULATORS}
        self.workers = {
            name: self.state.port(name) for name in (f"work-{n}" for n in range(1, options.workers + 1))
        }
        self.simulators = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.key = self.state.secret("master")

    @property
    def master_key(self) -> bytes:
        """The master key of this stand: 32 bytes made of its kept secret."""
        return sha256(self.key.encode()).digest()

    def secret_of(self, vendor: Vendor) -> str:
        """Return the vendor's secret, made once."""
        kept = self.state.secret(f"partner-{vendor.id}")
        if read_secret(kept) is None:
            key_id = secrets.token_hex(6)
            kept = make_secret(key_id, secrets.token_urlsafe(32), Mode.PRODUCTION)
            self.state.keep(f"partner-{vendor.id}", kept)
        return kept

    def environment(self, database: str, amqp: str) -> dict[str, str]:
        """Return the variables of the broker's own processes."""
        room = self.state.room("config")
        destinations = room / "destinations.json"
        tuned = [
            msgspec.structs.replace(d, **self.options.tuning)
            for d in map(self._signed, self.world.destinations(self.simulators))
        ]
        write_private(destinations, msgspec.json.encode(tuned))
        level = {"INAYA_LOG_LEVEL": self.options.log_level} if self.options.log_level else {}
        return (
            _plain_environment()
            | _given_settings()
            | level
            | {
                "INAYA_DATABASE_URL": database,
                "INAYA_AMQP_URL": amqp,
                "INAYA_HTTP_PORT": str(self.http_port),
                "INAYA_PEER_PORT": str(self.peer_port),
                "INAYA_MASTER_KEY": base64.b64encode(self.master_key).decode(),
                "INAYA_DESTINATIONS": str(destinations),
                "INAYA_CLOCK_FILE": str(self.state.path / "clock"),
                "INAYA_PACKS_DIR": self.options.packs,
                "INAYA_RULES_CACHE": str(self.state.room("rules")),
                "INAYA_TRUST_DIR": str(self.state.room("trust")),
            }
        )

    def _signed(self, destination: Destination) -> Destination:
        """Let the exchange with РЭМД be signed both ways, by ГОСТ where the engine can be had."""
        if destination.adapter != "remd" or not self.options.signed_envelopes:
            return destination
        return self._envelopes().told_to_us(destination)

    def _envelopes(self) -> Envelopes:
        best = self.everybody[-1]
        return Envelopes.open(best.directory, best.ca)

    def child(
        self, name: str, arguments: Sequence[str], environment: dict[str, str], url: str = ""
    ) -> ChildSpec:
        """Describe a child that runs one ``inaya`` command."""

        async def healthy() -> bool:
            return await answers(url)

        return ChildSpec(
            name=name,
            command=(sys.executable, "-m", "broker", *arguments),
            env=environment,
            cwd=Path(__file__).resolve().parents[2],
            log=self.state.log(name),
            ready=healthy if url else None,
        )

    def simulator(self, name: str) -> ChildSpec:
        """Describe a simulator."""
        registers = {
            "remd": self.world.remd_registers,
            "gis-soap": self.world.gis_registers,
            "tfoms": self.world.tfoms_registers,
        }
        params = self.state.room("config") / f"sim-{name}.json"
        told = registers[name]()
        if name == "remd" and self.options.signed_envelopes:
            told["security"] = self._envelopes().told_to_them()
        write_private(params, msgspec.json.encode(told))
        arguments = ["sim", name, "--port", str(self.ports[name]), "--params", str(params)]
        arguments += ["--state", str(self.state.room("sim") / f"{name}.jsonl")]
        arguments += ["--clock", str(self.state.path / "clock")]
        if name == "remd":
            arguments += ["--trust", str(self.state.room("trust"))]
        if self.options.log_level:
            arguments += ["--log-level", self.options.log_level]
        if not self.options.sim_check:
            arguments.append("--no-check")
        return self.child(f"sim-{name}", arguments, _plain_environment(), f"{self.simulators[name]}/healthz")

    def endpoints(self, database: str, amqp: str | None) -> Endpoints:
        """Return what ``endpoints.json`` says."""
        http = f"http://127.0.0.1:{self.http_port}"
        return Endpoints(
            http=http,
            console=f"{http}/console/",
            peer=f"http://127.0.0.1:{self.peer_port}",
            amqp=amqp,
            database=database,
            operator=Operator(OPERATOR, self.state.secret("operator")),
            partners=tuple(
                Partner(
                    vendor.id,
                    self.secret_of(vendor),
                    tuple(Clinic(c.oid, c.region, c.in_oms) for c in vendor.clinics),
                )
                for vendor in self.world.vendors
            ),
            simulators=self.simulators,
            metrics={
                "serve": f"{http}/metrics",
                **{name: f"http://127.0.0.1:{port}/metrics" for name, port in self.workers.items()},
            },
            pki=self._pki(),
        )

    def _pki(self) -> Pki:
        people = []
        for clinic in self.world.clinics:
            doctor = self.world.population.doctor(clinic, 0)
            people.append((f"doctor-{doctor.snils}", "AUTHOR", doctor.snils))
            people.append((f"clinic-{clinic.ogrn}", "ORGANIZATION", ""))
        own = self.signers.directory
        return Pki(
            ca=str(own / ROOTS),
            crl=str(own / "ca.crl"),
            signers=tuple(
                Signer(
                    role,
                    snils,
                    _SUITE_NAMES[its.suite],
                    str(its.directory / f"{name}.pem"),
                    str(its.directory / f"{name}.key"),
                )
                for its in self.everybody
                for name, role, snils in people
            ),
            authorities=tuple(
                Authority(
                    _SUITE_NAMES[its.suite], str(its.directory / "ca.pem"), str(its.directory / "ca.crl")
                )
                for its in self.everybody
            ),
        )

    async def add_gost(self) -> None:
        """Give everybody a certificate of ГОСТ too; say why not where the engine cannot be had."""
        engine = await ensure_gost_engine(self.options.install, tell=self.crew.tell)
        if isinstance(engine, Missing):
            self.crew.tell(f"Без ГОСТ: {engine} Документы подписываются RSA.")
            return
        try:
            found = await asyncio.to_thread(
                Signers.open, self.signers.directory, self.world, Suite.GOST2012_256
            )
        except ProviderUnavailable as unavailable:
            self.crew.tell(f"Без ГОСТ: {unavailable.reason} Документы подписываются RSA.")
            return
        self.everybody.append(found)

    def publish_authorities(self) -> None:
        """Write what vouches for the signers: revocation lists, and every root in one file."""
        for its in self.everybody:
            (its.directory / "ca.crl").write_bytes(its.ca.crl())
        roots = b"".join(its.ca.certificate_pem for its in self.everybody)
        (self.signers.directory / ROOTS).write_bytes(roots)
        names = ((_SUITE_NAMES[its.suite], its.ca) for its in self.everybody)
        write_trust(self.state.room("trust"), names)

    async def seed(self, database: Database) -> None:
        """Onboard the invented vendors and clinics; harmless when done before."""
        now = SystemClock().now()
        pepper = MasterKeys({0: self.master_key}).derive("pepper")
        partners = PartnerStore(database)
        known = {card.oid for card in (await partners.clinics([c.oid for c in self.world.clinics])).values()}
        for card in self.world.cards():
            if card.oid not in known:
                await partners.put_clinic(card, {}, now)
        for vendor in self.world.vendors:
            await partners.add_partner(vendor.id, vendor.title, now)
            presented = read_secret(self.secret_of(vendor))
            assert presented is not None
            credential = Credential(presented.key_id, vendor.id, presented.mode)
            await partners.add_credential(credential, hash_secret(presented.secret, pepper), now)
            for clinic in vendor.clinics:
                await partners.link(clinic.oid, vendor.id, now)
        destinations = DestinationStore(database)
        version, _ = await destinations.routing()
        if version == 0:
            await destinations.activate_routing(self.world.routing(), "dev", now)
        hashed = PasswordHasher().hash(self.state.secret("operator"))
        await OperatorStore(database).put(OPERATOR, hashed, "admin", now)


def read_environment(state_dir: Path) -> dict[str, str] | None:
    """Return the variables of a stand's processes, for operator's commands; None where there was no stand."""
    try:
        return msgspec.json.decode((state_dir / ENVIRONMENT).read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return None


def _plain_environment() -> dict[str, str]:
    names = ("PATH", "HOME", "LANG", "TZ", GOST_ENGINE)
    kept = {key: os.environ[key] for key in names if key in os.environ}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _given_settings() -> dict[str, str]:
    """Return the settings somebody gave this command: its children obey them too."""
    return {card.variable: os.environ[card.variable] for card in cards() if card.variable in os.environ}


async def answers(url: str) -> bool:
    """Tell whether a URL answers 200."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=timeout) as http, http.get(url) as response:
            return response.status == 200
    return False


async def _until_documents_are_taken(amqp_url: str) -> None:
    """Wait until partners' exchange is there; on a busy machine quorum queues take their time, and HTTP needs none."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DOOR_PATIENCE):
            while not await takes_documents(amqp_url):  # noqa: ASYNC110  RabbitMQ sets no event
                await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def running_stand(options: StandOptions) -> AsyncIterator[Endpoints]:
    """Run a stand while the context lasts; raise ``StandFailed`` in words when it cannot run."""
    async with contextlib.AsyncExitStack() as stack:
        crew = await stack.enter_async_context(Supervisor(options.state_dir))
        withdraw_endpoints(crew.state.path)
        stand = Stand(crew, options)
        server = await stack.enter_async_context(
            private_postgres(crew, policy=options.install, url=options.database_url)
        )
        if isinstance(server, Missing):
            raise StandFailed(server.reason)
        amqp = None
        if options.amqp:
            auth = f"http://127.0.0.1:{stand.http_port}/rabbitmq"
            node = await stack.enter_async_context(
                private_rabbitmq(crew, policy=options.install, auth_url=auth)
            )
            if isinstance(node, Missing):
                crew.tell(f"Без AMQP: {node.reason} Двери — только HTTP, шина local.")
            else:
                amqp = node
        await migrate(server.url)
        async with open_database(server.url, size=2) as database:
            await stand.seed(database)
        await stand.add_gost()
        stand.publish_authorities()

        async def start(spec: ChildSpec) -> None:
            child = await crew.start(spec)
            stack.push_async_callback(crew.stop, child)

        for name in SIMULATORS:
            await start(stand.simulator(name))
        environment = stand.environment(server.url, amqp.url if amqp else "")
        write_private(stand.state.path / ENVIRONMENT, msgspec.json.encode(environment))
        health = f"http://127.0.0.1:{stand.http_port}/readyz"
        await start(stand.child("serve", ["serve"], environment, health))
        for name, port in stand.workers.items():
            await start(stand.child(name, ["work"], environment | {"INAYA_METRICS_PORT": str(port)}))
        address = f"amqp://127.0.0.1:{amqp.port}/" if amqp else None
        if amqp is not None:
            await _until_documents_are_taken(amqp.url)
        endpoints = stand.endpoints(server.url, address)
        stack.enter_context(publish_endpoints(stand.state.path, endpoints))
        yield endpoints
