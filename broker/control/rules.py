"""What operators do with rules: put packs and dictionaries into force, change weights, go back; one or two of them decide."""

import difflib
from collections.abc import Sequence
from datetime import date
from typing import Final

from broker.adapter_kit.clock import Clock
from broker.document.finding import Layer
from broker.intake.refusal import Refusal
from broker.store.rules import EMPTY, ArtefactCard, Draft, Form, InForce, OutdatedError, Revision, RuleStore
from broker.validation.profiles import LAYERS, known_rules
from broker.validation.rulebook import (
    BookAct,
    BookStatus,
    DictionaryEntry,
    PackEntry,
    Rulebook,
    Switch,
)
from broker.validation.ruleset import Weight
from broker.validation.schematron.port import EngineChoice

Outcome = Revision | Refusal
_WEIGHTS: Final = {Weight.ERROR: "блокирует", Weight.WARNING: "предупреждает", Weight.OFF: "выключено"}
_AGAIN: Final = "Посмотрите, что действует сейчас, и повторите."


class RuleDesk:
    """The acts; ``four_eyes``: what one operator proposes another one puts into force."""

    def __init__(self, store: RuleStore, clock: Clock, *, four_eyes: bool) -> None:
        self.store = store
        self._clock = clock
        self.four_eyes = four_eyes

    async def activate(
        self,
        kind: str,
        digest: str,
        *,
        starts: date | None,
        ends: date | None = None,
        reason: str,
        actor: str,
        in_spite: bool = False,
        engine: EngineChoice = EngineChoice.NATIVE,
    ) -> Outcome:
        """Put a stored pack into force for a kind, to be run by ``engine``; ``in_spite`` of what its import found."""
        card = await self.store.find(Form.PACK, digest)
        if card is None:
            return _refused("operator.pack_unknown", 404, "Такого пакета нет, или начало отпечатка не одно.",
                            "Назовите отпечаток целиком: inaya schemas list.")  # fmt: skip
        refusal = _unfit(card, kind, in_spite=in_spite)
        if refusal is not None:
            return refusal
        if starts and ends and ends < starts:
            return _refused("operator.term_wrong", 422, "Последний день раньше первого.", "Исправьте сроки.")
        entry = PackEntry(kind=kind, digest=card.digest, starts=starts, ends=ends, engine=engine)
        since = f" с {starts:%d.%m.%Y}" if starts else ""
        until = f" по {ends:%d.%m.%Y}" if ends else ""
        by = ", проверяет Saxon" if engine is EngineChoice.SAXON else ""
        what = f"вид {kind}: {card.title or card.name}, Schematron {_version(card, kind)}, {card.digest[:12]}{since}{until}{by}"
        base = await self.store.book()
        return await self._change(base, BookAct.ACTIVATE, what, reason, base.book.with_pack(entry), actor)

    async def deactivate(self, kind: str, digest: str, *, reason: str, actor: str) -> Outcome:
        """Take a pack out of force for a kind: the kind is judged by what else there is for it."""
        base = await self.store.book()
        found = [e for e in base.book.packs if e.kind == kind and e.digest.startswith(digest)]
        if len({e.digest for e in found}) != 1:
            return _refused(
                "operator.pack_not_active", 404, f"Такой пакет для вида {kind} не действует.", _AGAIN
            )
        what = f"вид {kind}: снят набор {found[0].digest[:12]}"
        return await self._change(
            base, BookAct.DEACTIVATE, what, reason, base.book.without_pack(kind, found[0].digest), actor
        )

    async def dictionaries(self, entries: Sequence[DictionaryEntry], *, reason: str, actor: str) -> Outcome:
        """Put editions of dictionaries into force together."""
        base = await self.store.book()
        changed = base.book
        for entry in entries:
            changed = changed.with_dictionary(entry)
        names = ", ".join(f"{entry.oid} {entry.version}" for entry in entries[:5])
        more = f" и ещё {len(entries) - 5}" if len(entries) > 5 else ""
        what = f"справочники: {names}{more}"
        return await self._change(base, BookAct.DICTIONARIES, what, reason, changed, actor)

    async def drop_dictionary(self, oid: str, version: str, *, reason: str, actor: str) -> Outcome:
        """Leave an edition of a dictionary out."""
        base = await self.store.book()
        what = f"справочник {oid} {version} не применяется"
        changed = base.book.without_dictionary(oid, version)
        return await self._change(base, BookAct.DICTIONARIES, what, reason, changed, actor)

    async def switch(self, switch: Switch, *, actor: str) -> Outcome:
        """Give a layer or a rule another weight."""
        fault = _wrong(switch)
        if fault:
            return _refused("operator.switch_wrong", 422, fault, "Исправьте слой или имя правила.")
        base = await self.store.book()
        what = f"{_named(switch)}: {_WEIGHTS[switch.severity]}"
        return await self._change(
            base, BookAct.SWITCH, what, switch.reason, base.book.with_switch(switch), actor
        )

    async def unswitch(self, target: tuple[str, str, str, str], *, reason: str, actor: str) -> Outcome:
        """Give a layer or a rule its own weight back."""
        base = await self.store.book()
        found = next((one for one in base.book.switches if one.target == target), None)
        if found is None:
            return _refused("operator.switch_unknown", 404, "Такого изменения веса нет.", _AGAIN)
        what = f"{_named(found)}: свой вес"
        return await self._change(base, BookAct.SWITCH, what, reason, base.book.without_switch(target), actor)

    async def rollback(self, revision: int, *, reason: str, actor: str) -> Outcome:
        """Bring an earlier state of the book back, 0 for the state before the first; nothing in between is lost."""
        base = await self.store.book()
        earlier = await self.store.revision(revision) if revision != EMPTY else None
        if revision != EMPTY and (earlier is None or earlier.status is not BookStatus.PAST):
            return _refused("operator.revision_unknown", 404, f"Прежней редакции {revision} нет.",
                            "Редакции перечисляет inaya schemas history.")  # fmt: skip
        body = Rulebook() if earlier is None else earlier.body
        what = f"возврат к редакции {revision} ({earlier.what})" if earlier else "возврат к правилам поставки"
        return await self._change(base, BookAct.ROLLBACK, what, reason, body, actor)

    async def approve(self, revision: int, *, actor: str) -> Outcome:
        """Put what another operator proposed into force."""
        return await self._decide(revision, BookStatus.ACTIVE, actor)

    async def withdraw(self, revision: int, *, actor: str) -> Outcome:
        """Put a proposal aside: one's own or another's."""
        return await self._decide(revision, BookStatus.WITHDRAWN, actor)

    async def _decide(self, revision: int, status: BookStatus, actor: str) -> Outcome:
        proposal = await self.store.revision(revision)
        if proposal is None or proposal.status is not BookStatus.PROPOSED:
            return _no_proposal(revision)
        if status is BookStatus.ACTIVE and self.four_eyes and proposal.proposed_by == actor:
            return _refused("operator.second_person", 403, "Своё предложение вводит в действие другой оператор.",
                            "Попросите коллегу: правило четырёх глаз включено настройкой INAYA_FOUR_EYES.")  # fmt: skip
        try:
            done = await self.store.decide(proposal, status, actor, self._clock.now())
        except OutdatedError as error:
            return _outdated(error)
        decided = await self.store.revision(revision)
        return decided if done and decided is not None else _no_proposal(revision)

    async def _change(
        self, base: InForce, act: BookAct, what: str, reason: str, body: Rulebook, actor: str
    ) -> Outcome:
        if not reason.strip():
            return _refused(
                "operator.reason_missing", 422, "Без причины правила не меняются.", "Напишите причину."
            )
        if body == base.book:
            return _refused("operator.nothing_changed", 409, "Так всё и действует: менять нечего.", _AGAIN)
        draft = Draft(based_on=base.revision, act=act, what=what, reason=reason.strip()[:1000], body=body)
        try:
            return await self.store.add(draft, actor, self._clock.now(), decided=not self.four_eyes)
        except OutdatedError as error:
            return _outdated(error)


def _unfit(card: ArtefactCard, kind: str, *, in_spite: bool) -> Refusal | None:
    """Say why a pack may not be put into force for a kind."""
    editions = {edition["kind"]: edition for edition in card.summary.get("editions", ())}
    if kind not in editions:
        has = ", ".join(sorted(editions)) or "ни одного"
        return _refused("operator.pack_without_kind", 422, f"В пакете нет правил вида {kind}; есть: {has}.",
                        "Назовите вид из пакета или другой пакет.")  # fmt: skip
    faults = [text for text in (editions[kind].get("faults") or ()) if text]
    if faults:
        return _refused("operator.pack_broken", 422, f"Правила вида {kind} не собираются: {'; '.join(faults)}",
                        "Возьмите исправленный пакет.")  # fmt: skip
    doubts = [f["message"] for f in card.summary.get("findings", ()) if f.get("severity") == "error"]
    if doubts and not in_spite:
        return _refused("operator.pack_doubtful", 409, f"При загрузке пакета найдено: {'; '.join(doubts)}",
                        "Проверьте пакет; если он верен, повторите с --in-spite и причиной.")  # fmt: skip
    return None


def _wrong(switch: Switch) -> str:
    """Say why a switch would do nothing: numbers of official rules are not known in advance, ours are."""
    if switch.layer not in LAYERS:
        return (
            f"Вес слоя {switch.layer.value} не меняется: нечитаемый документ и негодная подпись — не мнение."
        )
    if switch.layer is Layer.SCHEMATRON or switch.rule is None or switch.rule in known_rules():
        return ""
    near = difflib.get_close_matches(switch.rule, known_rules(), n=1)
    return f"Правила {switch.rule} нет." + (f" Похоже, имелось в виду {near[0]}." if near else "")


def _version(card: ArtefactCard, kind: str) -> str:
    found = (e.get("schematronVersion") for e in card.summary.get("editions", ()) if e["kind"] == kind)
    return next(found, "") or "без номера"


def _named(switch: Switch) -> str:
    about = f"вид {switch.kind}" if switch.kind else "все виды"
    profile = f", режим {switch.profile}" if switch.profile else ""
    rule = f", правило {switch.rule}" if switch.rule else ""
    return f"{about}{profile}, слой {switch.layer.value}{rule}"


def _no_proposal(revision: int) -> Refusal:
    return _refused(
        "operator.no_proposal", 404, f"Предложения {revision} нет: оно решено или отозвано.", _AGAIN
    )


def _outdated(error: OutdatedError) -> Refusal:
    return _refused("operator.rules_changed", 409,
                    f"Правила тем временем изменились: действует редакция {error.revision}.",
                    "Предложите изменение заново: оно было сделано от прежней редакции.")  # fmt: skip


def _refused(code: str, status: int, message: str, fix: str) -> Refusal:
    return Refusal(code, status, message, fix)
