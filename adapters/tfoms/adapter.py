"""The way of a package to a fund and of the fund's word back.

deliver: token → SendProtocolMO → ProtocolUNID, then we wait. poll: GetProtocolStatusMO → a name of a state; a refusal is
read case by case from GetProtocolErrorsMO (ФЛК) or GetProtocolForMO (предварительный МЭК).
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from adapters.tfoms import verdicts
from adapters.tfoms.privacy import Censor, scrub
from adapters.tfoms.protocol import Answer, Stage, checked_files, read_answer, rows, stage_of
from adapters.tfoms.service import Given, Reply, Spoken, call
from adapters.tfoms.settings import Settings, mo_code, read_settings
from adapters.tfoms.tokens import Tokens
from broker.adapter_kit import (
    AnswerTable,
    Awaiting,
    Context,
    Held,
    InDoubt,
    Outcome,
    Parcel,
    Registered,
    Rejected,
    Unavailable,
)
from broker.adapter_kit.passport import load_passport
from broker.document.finding import Finding
from broker.document.receipt import Receipt
from broker.document.registry_name import RegistryName, bare_name, parse_registry_name, person_names
from broker.document.zip_reading import ZipRefusal, read_zip

_HERE: Final = Path(__file__).parent
_PROTOCOL_TRIES: Final = 3
_STRANGER: Final = "tfoms.answer_of_another_package"
_NO_PROTOCOL: Final = (
    "Счёт принят, но протокол фонда получить не удалось: проверьте отказы по случаям в его кабинете."
)
_UNID: Final = re.compile(r"[0-9A-Za-z{}_.:-]{1,80}")


class _Visit(msgspec.Struct, frozen=True):
    """Everything one call of the broker needs: the parcel, where it goes, how the fund is set up, when to stop.

    ``ends_at`` is loop time: sign-in and every question to the fund share one patience.
    """

    parcel: Parcel
    context: Context
    settings: Settings
    mo: str
    ends_at: float


class TfomsAdapter:
    """Carries registries of bills to the protocol service of a fund; tokens are all it remembers."""

    def __init__(self) -> None:
        self.passport = load_passport(_HERE / "passport.toml")
        self.table = AnswerTable.load(_HERE / "answers.toml")
        self._tokens = Tokens()

    async def deliver(self, parcel: Parcel, context: Context) -> Outcome:
        """Hand the package over exactly as submitted; the fund's number of it is the correlation."""
        visit = self._visit(parcel, context)
        if isinstance(visit, Held):
            return visit
        reply = await self._ask(visit, "SendProtocolMO", {"data": parcel.content})
        if not isinstance(reply, Given):
            return await self._refusal(visit, reply)
        answer = await _opened(reply, "sendprotocolmoresult")
        unid = "" if isinstance(answer, str) else answer.find("Answer", "ProtocolUNID")
        if isinstance(answer, str) or not _UNID.fullmatch(unid):
            # taken for sure or not at all, and no number to ask by
            return InDoubt("tfoms.unid_lost")
        state = {"unid": unid, "contour": visit.settings.contour, "package": await _package(parcel)}
        return self._awaiting(visit, state, scrub(answer.find("Answer", "Information")))

    async def poll(self, parcel: Parcel, context: Context) -> Outcome:
        """Ask where the package stands; reading twice is harmless, so nothing here is ever in doubt."""
        visit = self._visit(parcel, context)
        if isinstance(visit, Held):
            return visit
        if not parcel.state.get("unid"):
            return Held(
                "tfoms.unid_missing", "Номер протокола (ProtocolUNID) не известен: его внесёт оператор."
            )
        answer = await self._read(visit, "GetProtocolStatusMO")
        if not isinstance(answer, Answer):
            return answer
        name = answer.find("PROTOCOL_STATUS", "NAME")
        stage = stage_of(name)
        match stage:
            case Stage.FLK_FAILED:
                return await self._refused(visit, stage, "GetProtocolErrorsMO")
            case Stage.MEK_FAILED:
                return await self._refused(visit, stage, "GetProtocolForMO")
            case Stage.MEK_PASSED:
                return await self._passed(visit)
            case Stage.REGISTERED | Stage.QUEUED | Stage.FLK_PASSED:
                return self._awaiting(visit, parcel.state, stage)
            case None:
                return self._awaiting(visit, parcel.state, scrub(name) or "состояние не названо")

    async def probe(self, context: Context) -> bool:
        """Tell whether the fund signs us in."""
        settings = self._settings(context)
        if isinstance(settings, Held):
            return False
        until = asyncio.get_running_loop().time() + settings.timeout
        return isinstance(await self._tokens.get(settings, context, until), str)

    # ------------------------------------------------------------------ verdicts

    async def _refused(self, visit: _Visit, stage: Stage, operation: str) -> Outcome:
        answer = await self._protocol(visit, stage, operation)
        if not isinstance(answer, Answer):
            return answer
        found = await self._findings(visit, answer, stage)
        return Rejected(found or (verdicts.no_rows(stage),), str(stage))

    async def _passed(self, visit: _Visit) -> Outcome:
        """Read the fund's protocol of an accepted bill: rows in it are cases refused one by one."""
        answer = await self._protocol(visit, Stage.MEK_PASSED, "GetProtocolForMO")
        match answer:
            case Answer():
                found = await self._findings(visit, answer, Stage.MEK_PASSED)
                return Registered(_receipt(visit, "partial" if found else "full"), found)
            case Held(reason=reason) if reason != _STRANGER:
                return Registered(_receipt(visit, "full", [_NO_PROTOCOL]))
            case _:
                return answer

    async def _protocol(self, visit: _Visit, stage: Stage, operation: str) -> Answer | Outcome:
        """Fetch the paper behind a verdict: one that is late or unreadable is asked for again a few times."""
        answer = await self._read(visit, operation)
        if isinstance(answer, Answer):
            return _of_another(answer, visit.parcel) or answer
        if isinstance(answer, Unavailable) and not answer.reason.startswith("tfoms.answer_"):
            return answer
        tries = int(visit.parcel.state.get("tries", "0")) + 1
        if tries < _PROTOCOL_TRIES:
            return self._awaiting(visit, {**visit.parcel.state, "tries": str(tries)}, stage)
        return Held("tfoms.protocol_missing", f"Фонд сообщил «{stage}», но протокол получить не удалось.")

    async def _findings(self, visit: _Visit, answer: Answer, stage: Stage) -> tuple[Finding, ...]:
        def work() -> tuple[Finding, ...]:
            found = rows(answer, prefer=visit.settings.format)
            if not found:
                return ()
            return verdicts.row_findings(found, stage, Censor(visit.parcel.content), self.table)

        return await asyncio.to_thread(work)

    async def _refusal(self, visit: _Visit, reply: Spoken | Unavailable | InDoubt | Held) -> Outcome:
        if not isinstance(reply, Spoken):
            return reply
        said = await asyncio.to_thread(lambda: Censor(visit.parcel.content).clean(reply.text))
        return verdicts.spoken_outcome(reply.text, said, self.table)

    def _awaiting(self, visit: _Visit, state: dict[str, str], stage: str) -> Awaiting:
        return Awaiting(
            correlation=state["unid"],
            look_again_at=visit.context.clock.now() + visit.settings.poll_after,
            state=state,
            stage=str(stage),
        )

    # ------------------------------------------------------------------ calls

    def _settings(self, context: Context) -> Settings | Held:
        return read_settings(
            context, timeout=self.passport.limits.timeout, poll_every=self.passport.waiting.poll_every
        )

    def _visit(self, parcel: Parcel, context: Context) -> _Visit | Held:
        code = mo_code(parcel)
        if isinstance(code, Held):
            return code
        settings = self._settings(context)
        if isinstance(settings, Held):
            return settings
        ends_at = asyncio.get_running_loop().time() + settings.timeout
        return _Visit(parcel, context, settings, code, ends_at)

    async def _read(self, visit: _Visit, operation: str) -> Answer | Outcome:
        """Ask for something about the package; whatever goes wrong, asking again later is right."""
        reply = await self._ask(visit, operation, {"protUNID": visit.parcel.state["unid"]})
        match reply:
            case Given():
                answer = await _opened(reply, f"{operation.lower()}result")
                return Unavailable(f"tfoms.answer_{answer}") if isinstance(answer, str) else answer
            case InDoubt(reason=reason):
                return Unavailable(reason)
            case _:
                return await self._refusal(visit, reply)

    async def _ask(self, visit: _Visit, operation: str, members: Mapping[str, str | bytes]) -> Reply | Held:
        """Call the protocol service with a token; a token it no longer knows is renewed once (nothing was taken).

        Signing in may take half of the patience: a package sent in what little is left would end in doubt for nothing.
        """
        stale = ""
        signed_by = visit.ends_at - visit.settings.timeout / 2
        for _ in range(2):
            token = await self._tokens.get(visit.settings, visit.context, signed_by, instead_of=stale)
            if not isinstance(token, str):
                return self._not_signed_in(token)
            left = visit.ends_at - asyncio.get_running_loop().time()
            reply = await call(
                visit.context.http,
                visit.settings.prot_url,
                operation,
                {"token": token, "MOCode": visit.mo, **members},
                timeout=max(left, 0.05),
                request_id=str(visit.parcel.message_id),
            )
            if not (isinstance(reply, Spoken) and _is_stale(reply.text, visit.settings)):
                return reply
            stale = token
        return Unavailable("tfoms.token_refused")

    def _not_signed_in(self, reply: Spoken | Unavailable) -> Unavailable | Held:
        if isinstance(reply, Unavailable):
            return reply
        outcome = verdicts.spoken_outcome(reply.text, scrub(reply.text), self.table, code="login")
        assert isinstance(outcome, Unavailable | Held)
        return outcome


def _is_stale(text: str, settings: Settings) -> bool:
    return re.search(settings.token_expired, text, re.IGNORECASE | re.DOTALL) is not None


async def _opened(reply: Given, leaf: str) -> Answer | str:
    return await asyncio.to_thread(read_answer, reply.leaves.get(leaf, ""))


def _receipt(visit: _Visit, result: str, warnings: list[str] | None = None) -> Receipt:
    return Receipt(
        provider=visit.context.destination.id,
        registered_at=visit.context.clock.now(),
        gis_id=visit.parcel.state["unid"],
        warnings=warnings or [],
        result=result,
        stage=Stage.MEK_PASSED,
    )


async def _package(parcel: Parcel) -> str:
    """Return the name of the package's main file, or an empty string when it bears none of the known form."""
    work: Callable[[bytes], RegistryName | None] = _main_name
    name = await asyncio.to_thread(work, parcel.content)
    return name.text if name else ""


def _main_name(content: bytes) -> RegistryName | None:
    entries = read_zip(content)
    if isinstance(entries, ZipRefusal):
        return None
    names = (parse_registry_name(bare_name(entry.name)) for entry in entries)
    return next((name for name in names if name), None)


def _of_another(answer: Answer, parcel: Parcel) -> Held | None:
    """Refuse to read a protocol that speaks of other files than ours: a fund's number can be given out twice."""
    name = parse_registry_name(parcel.state.get("package", ""))
    checked = checked_files(answer)
    if name is None or not checked or checked & {name.text, *person_names(name)}:
        return None
    return Held(
        _STRANGER,
        "Фонд вернул протокол о другом пакете под номером нашего: оператор сверит номера с фондом.",
    )
