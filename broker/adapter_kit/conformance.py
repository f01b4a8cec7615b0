"""What it means to be an adapter: the suite every adapter passes, ours and a third party's alike.

Subclass ``AdapterConformance`` in a test module under a name that begins with ``Test``, say what your adapter is by
overriding the hooks, and run pytest. The suite brings the stage: your simulator on a loopback port, a peer door it can
call, hostile servers, a clock.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from aiohttp import web

from broker.adapter_kit.answers import AnswerTable
from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import (
    HostileServer,
    Misbehaviour,
    PeerDoor,
    Stage,
    SteppedClock,
    a_parcel,
    context_for,
    next_attempt,
    private_words,
    serving,
    unused_url,
)
from broker.adapter_kit.outcome import (
    Awaiting,
    Delivered,
    Held,
    InDoubt,
    Outcome,
    Registered,
    Rejected,
    Unavailable,
)
from broker.adapter_kit.parcel import Parcel
from broker.adapter_kit.passport import InDoubtPolicy, ReceiptMode
from broker.adapter_kit.port import Adapter, LooksUp, PeerRequest, Polls, Probes, Receives, Refuse
from broker.adapter_kit.simulation import SimDocument, SimulatorSetup

_HARMLESS = (Unavailable, InDoubt, Held)
"""What an unreadable answer may come to: nothing that ends the document's way."""

_MALFORMED: tuple[bytes, ...] = (
    b"",
    b"<",
    bytes(range(256)),
    b"<html><body/></html>",
    b"{}",
    b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    b'<?xml version="1.0" encoding="UTF-8"?><a>\xff\xfe</a>',
    b"<a>" + b"x" * (10 * 1024 * 1024) + b"</a>",
)


class AdapterConformance:
    """The suite. ``networked`` is False for an adapter that calls nobody (no simulator, no hostile servers)."""

    networked: ClassVar[bool] = True
    burst: ClassVar[int] = 20

    # ------------------------------------------------------------------ hooks

    def adapter(self) -> Adapter:
        """Return the adapter under test."""
        raise NotImplementedError

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        """Return its simulator; not asked for when ``networked`` is False."""
        raise NotImplementedError

    def simulator_params(self) -> dict[str, object]:
        """Return the simulator's settings: registers in which the good parcels are right."""
        return {}

    def destination(self, url: str) -> Destination:
        """Return a destination whose counterpart lives at ``url`` (no path, no trailing slash)."""
        raise NotImplementedError

    def parcel(self, number: int) -> Parcel:
        """Return a good parcel; another number is another document."""
        return a_parcel(number)

    def refused_parcels(self) -> Sequence[Parcel]:
        """Return parcels the simulator refuses, ideally with personal data in its answer."""
        return ()

    async def received(self, stage: Stage, parcel: Parcel) -> SimDocument | None:
        """Return what the counterpart holds of a parcel."""
        for document in await stage.documents():
            if document.local_uid.lower() == parcel.local_uid.lower():
                return document
        return None

    def folder(self) -> Path:
        """Return the adapter's folder with passport, README and answer table."""
        return Path(inspect.getfile(type(self.adapter()))).parent

    def answers(self) -> AnswerTable | None:
        """Return the adapter's answer table, by default ``answers.toml`` of its folder."""
        path = self.folder() / "answers.toml"
        return AnswerTable.load(path) if path.exists() else None

    # ------------------------------------------------------------------ the stage

    @asynccontextmanager
    async def stage(self, *, state: Path | None = None) -> AsyncIterator[Stage]:
        """Put adapter, simulator, peer door and clock together."""
        adapter, clock = self.adapter(), SteppedClock()
        door = PeerDoor(adapter)
        setup = SimulatorSetup(clock=clock, state=state, params=self.simulator_params())
        simulated = self.simulator(setup) if self.networked else web.Application()
        async with serving(door.application()) as own, serving(simulated) as url:
            destination = self.destination(url)
            peer_url = f"{own}/peer/{destination.id}"
            async with context_for(destination, clock=clock, peer_url=peer_url) as context:
                door.context = context
                yield Stage(adapter, context, door, url)

    async def deliver_to(self, url: str, parcel: Parcel) -> Outcome:
        """Deliver to an address that is no counterpart at all, with little patience."""
        destination = msgspec.structs.replace(self.destination(url), timeout=0.6)
        async with context_for(destination, peer_url="http://127.0.0.1:9/peer/x") as context:
            return await self.adapter().deliver(parcel, context)

    # ------------------------------------------------------------------ papers

    def test_the_passport_is_complete(self) -> None:
        """Name, title, types and sources are there; the verbs fit what the passport promises."""
        adapter = self.adapter()
        passport = adapter.passport
        assert passport.name
        assert passport.title
        assert passport.types
        assert passport.sources
        assert passport.receipt is not ReceiptMode.POLL or isinstance(adapter, Polls)
        assert passport.receipt is not ReceiptMode.CALLBACK or (
            isinstance(adapter, Receives) and passport.endpoints
        )
        assert passport.in_doubt is not InDoubtPolicy.LOOKUP or isinstance(adapter, LooksUp)

    def test_the_quality_scale_gives_reasons(self) -> None:
        """Every line is done, todo or exempt, and what is not done says why."""
        quality = self.adapter().passport.quality
        assert quality
        for line in quality:
            assert line.status in {"done", "todo", "exempt"}, line.rule
            assert line.why or line.status == "done", f"{line.rule}: говорите почему"

    def test_passport_and_readme_lie_beside_the_adapter(self) -> None:
        """Operators read both."""
        assert (self.folder() / "passport.toml").is_file()
        assert (self.folder() / "README.md").is_file()

    def test_every_answer_row_catches_its_sample(self) -> None:
        """A sample must be caught by its own row, not by one above it; all rows speak Russian."""
        table = self.answers()
        if table is None:
            pytest.skip("the adapter has no answer table")
        for row in table.rows:
            assert row.say, f"{row.code or row.text}: no text for people"
            if row.sample:
                assert table.match(row.code, row.sample) is row, f"{row.code}: {row.sample}"

    # ------------------------------------------------------------------ the good way

    @pytest.mark.asyncio
    async def test_a_good_parcel_reaches_its_verdict(self) -> None:
        """It is registered or delivered, at once or after the verdict was awaited."""
        async with self.stage() as stage:
            outcome = await stage.send_and_settle(self.parcel(1))
        assert isinstance(outcome, Registered | Delivered), outcome
        assert outcome.receipt.provider

    @pytest.mark.asyncio
    async def test_the_counterpart_holds_the_very_bytes(self) -> None:
        """SHA-256 of what arrived is that of what was handed over."""
        async with self.stage() as stage:
            parcel = self.parcel(2)
            await stage.send_and_settle(parcel)
            held = await self.received(stage, parcel)
        assert held is not None
        assert held.sha256 == parcel.digest

    @pytest.mark.asyncio
    async def test_many_parcels_at_once_all_reach_their_verdicts(self) -> None:
        """Nothing is shared between calls that must not be."""
        async with self.stage() as stage:
            parcels = [self.parcel(100 + number) for number in range(self.burst)]
            outcomes = await asyncio.gather(*map(stage.send_and_settle, parcels))
            held = [await self.received(stage, parcel) for parcel in parcels]
        assert all(isinstance(outcome, Registered | Delivered) for outcome in outcomes), outcomes
        assert [one.sha256 for one in held if one] == [parcel.digest for parcel in parcels]

    @pytest.mark.asyncio
    async def test_the_counterpart_survives_a_restart(self, tmp_path: Path) -> None:
        """What the simulator took is there when it starts again."""
        if not self.networked:
            pytest.skip("no simulator")
        parcel = self.parcel(3)
        async with self.stage(state=tmp_path / "sim") as stage:
            await stage.send_and_settle(parcel)
        async with self.stage(state=tmp_path / "sim") as stage:
            held = await self.received(stage, parcel)
        assert held is not None
        assert held.sha256 == parcel.digest

    # ------------------------------------------------------------------ doubt

    @pytest.mark.asyncio
    async def test_a_parcel_sent_twice_is_registered_once(self) -> None:
        """The passport's policy for doubt must hold when the first attempt did arrive."""
        async with self.stage() as stage:
            parcel = self.parcel(4)
            await stage.send_and_settle(parcel)
            await self._resolve_doubt(stage, parcel)

    @pytest.mark.asyncio
    async def test_a_lost_answer_is_doubt_and_resolved_without_a_double(self) -> None:
        """The counterpart did the work and its answer was cut off."""
        if not self.networked:
            pytest.skip("no network")
        async with self.stage() as stage:
            parcel = self.parcel(5)
            await stage.faults(dropAnswer=1)
            outcome = await stage.send(parcel)
            await stage.faults()
            assert isinstance(outcome, InDoubt), outcome
            await self._resolve_doubt(stage, parcel)

    async def _resolve_doubt(self, stage: Stage, parcel: Parcel) -> None:
        again = next_attempt(parcel)
        adapter = stage.adapter
        match adapter.passport.in_doubt:
            case InDoubtPolicy.OPERATOR:
                pytest.skip("a person decides")
            case InDoubtPolicy.REPEAT:
                outcome = await stage.send_and_settle(again)
            case InDoubtPolicy.LOOKUP:
                assert isinstance(adapter, LooksUp)
                found = await adapter.lookup(parcel, stage.context)
                outcome = (
                    await stage.settle(parcel, found)
                    if isinstance(found, Registered | Delivered | Awaiting)
                    else await stage.send_and_settle(again)
                )
        assert isinstance(outcome, Registered | Delivered), outcome
        held = await self.received(stage, parcel)
        assert held is not None
        assert held.registrations <= 1

    # ------------------------------------------------------------------ a hostile world

    @pytest.mark.asyncio
    async def test_a_refused_connection_is_unavailability(self) -> None:
        """Nothing was sent, so trying again doubles nothing."""
        if not self.networked:
            pytest.skip("no network")
        outcome = await self.deliver_to(await unused_url(), self.parcel(6))
        assert isinstance(outcome, Unavailable), outcome

    @pytest.mark.asyncio
    @pytest.mark.parametrize("misbehaviour", list(Misbehaviour))
    async def test_no_answer_of_a_hostile_server_ends_the_way(self, misbehaviour: Misbehaviour) -> None:
        """Silence and cut answers are doubt; 429 and 503 unavailability; noise never refuses a document."""
        if not self.networked:
            pytest.skip("no network")
        parcel = self.parcel(7)
        async with HostileServer(misbehaviour).open() as server:
            outcome = await self.deliver_to(server.url, parcel)
        assert isinstance(outcome, _HARMLESS), outcome
        said = msgspec.json.encode(outcome).decode()
        assert not [word for word in private_words(parcel) if word in said], "personal data in a reason"
        match misbehaviour:
            case Misbehaviour.SILENT | Misbehaviour.ABORTED | Misbehaviour.TRUNCATED:
                assert isinstance(outcome, InDoubt), outcome
            case Misbehaviour.UNAVAILABLE | Misbehaviour.TOO_MANY:
                assert isinstance(outcome, Unavailable), outcome

    @pytest.mark.asyncio
    async def test_the_message_id_is_in_the_request(self) -> None:
        """Whatever comes back can be tied to the attempt row."""
        if not self.networked:
            pytest.skip("no network")
        parcel = self.parcel(8)
        async with HostileServer(Misbehaviour.SERVER_ERROR).open() as server:
            await self.deliver_to(server.url, parcel)
        sent = b"".join(server.requests).replace(b"-", b"").lower()
        assert parcel.message_id.hex.encode() in sent

    @pytest.mark.asyncio
    async def test_a_bare_parcel_is_answered_with_an_outcome(self) -> None:
        """Without canonical document, signatures and metadata nothing is raised."""
        bare = msgspec.structs.replace(self.parcel(9), document=None, signatures=(), metadata={})
        async with self.stage() as stage:
            outcome = await stage.send(bare)
        assert isinstance(outcome, Outcome)

    @pytest.mark.asyncio
    async def test_the_probe_tells_the_living_from_the_dead(self) -> None:
        """A probe is True at the simulator, False where nobody listens."""
        adapter = self.adapter()
        if not self.networked or not isinstance(adapter, Probes):
            pytest.skip("the adapter cannot ask")
        async with self.stage() as stage:
            assert await adapter.probe(stage.context)
        destination = msgspec.structs.replace(self.destination(await unused_url()), timeout=1)
        async with context_for(destination) as context:
            assert not await adapter.probe(context)

    # ------------------------------------------------------------------ privacy

    @pytest.mark.asyncio
    async def test_refusals_carry_no_personal_data(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither findings, reasons nor logs name a person."""
        refused = self.refused_parcels()
        if not refused:
            pytest.skip("the adapter names no refused parcels")
        with caplog.at_level(logging.DEBUG):
            async with self.stage() as stage:
                for parcel in refused:
                    outcome = await stage.send_and_settle(parcel)
                    assert isinstance(outcome, Rejected), outcome
                    assert outcome.findings
                    said = msgspec.json.encode(outcome).decode() + caplog.text
                    for word in private_words(parcel):
                        assert word not in said, "personal data in a finding or a log"

    # ------------------------------------------------------------------ callbacks

    def _receiver(self) -> Receives:
        adapter = self.adapter()
        if not isinstance(adapter, Receives):
            pytest.skip("nobody calls this adapter")
        return adapter

    @pytest.mark.asyncio
    @pytest.mark.parametrize("body", _MALFORMED, ids=range(len(_MALFORMED)))
    async def test_a_malformed_callback_is_refused(self, body: bytes) -> None:
        """Noise at the peer door is answered and changes nothing."""
        adapter = self._receiver()
        async with context_for(self.destination("http://127.0.0.1:9")) as context:
            for endpoint in self.adapter().passport.endpoints:
                call = PeerRequest(
                    endpoint=endpoint, method="POST", path="/", query={}, headers={}, body=body
                )
                reply = await adapter.receive(call, context)
                assert isinstance(reply, Refuse), reply
                assert 400 <= reply.status < 600

    @pytest.mark.asyncio
    async def test_a_repeated_callback_says_the_same(self) -> None:
        """Reading a stored callback is a pure function of its bytes, under any clock and in any context."""
        adapter = self._receiver()
        async with self.stage() as stage:
            await stage.send_and_settle(self.parcel(10))
            if not stage.door.callbacks:
                pytest.skip("the counterpart does not call back")
            callback = stage.door.callbacks[-1]
            first = await adapter.interpret(callback, stage.context)
            second = await adapter.interpret(callback, stage.context)
            async with context_for(stage.context.destination) as elsewhere:
                third = await adapter.interpret(callback, elsewhere)
        assert list(first) == list(second) == list(third)

    @pytest.mark.asyncio
    async def test_a_callback_about_a_stranger_names_the_stranger(self) -> None:
        """An unknown correlation is taken and kept for the operator; it never speaks of another attempt."""
        adapter = self._receiver()
        async with self.stage() as stage:
            parcel = self.parcel(11)
            await stage.send_and_settle(parcel)
            if not stage.door.callbacks:
                pytest.skip("the counterpart does not call back")
            callback = stage.door.callbacks[-1]
            stranger = next_attempt(next_attempt(parcel)).message_id
            body = _renamed(callback.body, str(parcel.message_id), str(stranger))
            if body == callback.body:
                pytest.skip("the callback does not carry the message id in clear")
            verdicts = await adapter.interpret(msgspec.structs.replace(callback, body=body), stage.context)
        assert all(verdict.correlation != str(parcel.message_id) for verdict in verdicts)


def _renamed(body: bytes, before: str, after: str) -> bytes:
    return body.replace(before.encode(), after.encode()).replace(before.upper().encode(), after.encode())
