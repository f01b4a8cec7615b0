"""What РЭМД says to us, read from XML into plain values and judged by the answer table.

Elements are found by local name, whatever their prefix or namespace, because editions of the service differ.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from lxml import etree

from adapters.remd.names import Names
from adapters.remd.privacy import without_personal_data
from broker.adapter_kit import (
    Answer,
    AnswerTable,
    Held,
    InDoubt,
    Outcome,
    Registered,
    Rejected,
    Unavailable,
    Verdict,
)
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.receipt import Receipt

TABLE: Final = AnswerTable.load(Path(__file__).with_name("answers.toml"))
PROVIDER: Final = "РЭМД"
SUCCESS: Final = frozenset({"success", "ok"})
_MAX_ITEMS: Final = 500
_EMDR_ID: Final = re.compile(r"\b\d{1,3}\.\d{2}\.\d{2}\.\d{2}\.\d{9}\b")
AT_ENTRY: Final = "отказ при приёме"
"""Stage of a refusal told in the answer itself: structure and identity only, nothing of the document was checked."""
AFTER_CHECK: Final = "отказ после проверки"
"""Stage of a refusal told by callback, after the full check."""
_HELD_REASONS: Final[dict[str, str]] = {"VALIDATION_ERROR": "destination.clinic_not_linked"}
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")
"""What stands where a code should and does not look like one is no code: it would become a label and part of ours."""
_SPELLINGS: Final[tuple[str, str]] = ("RECIPIENT_", "RECEPIENT_")
"""РЭМД itself writes the first, the dictionary the second."""


class Item(msgspec.Struct, frozen=True):
    """One code and text of an answer, the text as it came."""

    code: str
    text: str


class RegistryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as РЭМД describes it."""

    emdr_id: str = ""
    local_uid: str = ""
    document_version: int | None = None
    registered_at: datetime | None = None
    store_till_date: date | None = None
    warnings: tuple[Item, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer or a callback: status in lower case, items of an error, the registration of a success."""

    status: str
    relates_to: str = ""
    items: tuple[Item, ...] = ()
    registration: RegistryItem | None = None


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Iterate over child elements with a local name."""
    for child in element:
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            yield child


def child(element: etree._Element, name: str) -> etree._Element | None:
    """Return the first child element with a local name."""
    return next(children(element, name), None)


def text_of(element: etree._Element | None, name: str) -> str:
    """Return the text of the first child with a local name, or an empty string."""
    found = child(element, name) if element is not None else None
    return (found.text or "").strip() if found is not None else ""


def read_reply(element: etree._Element, names: Names) -> Reply:
    """Read a response or a result; what is missing or unreadable stays empty."""
    registration = child(element, names.registry_item)
    items = _items(child(element, names.errors), names)
    message = text_of(element, names.message)
    if not items and message:
        items = (Item("", message),)
    return Reply(
        status=text_of(element, names.status).lower(),
        relates_to=text_of(element, names.relates_to_message),
        items=items,
        registration=None if registration is None else read_registration(registration, names),
    )


def read_registration(element: etree._Element, names: Names) -> RegistryItem:
    """Read a registryItem of a result or an item of a search."""
    version = text_of(element, names.document_version)
    moment = text_of(element, names.registration_date_time) or text_of(element, names.registration_date)
    return RegistryItem(
        emdr_id=text_of(element, names.emdr_id),
        local_uid=text_of(element, names.local_uid),
        document_version=int(version)
        if version.isascii() and version.isdigit() and len(version) < 6
        else None,
        registered_at=_moment(moment),
        store_till_date=_day(text_of(element, names.store_till_date)),
        warnings=_items(child(element, names.registration_warnings), names),
    )


def _items(group: etree._Element | None, names: Names) -> tuple[Item, ...]:
    if group is None:
        return ()
    found = [
        Item(
            _code(text_of(item, names.code)),
            " ".join(text_of(item, names.message).split()),
        )
        for item in children(group, names.item)
    ]
    return tuple(found[:_MAX_ITEMS])


def _code(text: str) -> str:
    return text.replace(*_SPELLINGS) if _CODE.fullmatch(text) else ""


def _moment(text: str) -> datetime | None:
    """Read xs:dateTime or xs:date; without a zone it is no instant and stays unknown."""
    try:
        if len(text) > 10 and "T" not in text:  # xs:date with a zone: 2025-01-15+03:00
            text = f"{text[:10]}T00:00:00{text[10:]}"
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def registered(item: RegistryItem) -> Registered:
    """Turn a registration into the outcome, its warnings beside it."""
    findings = tuple(finding(one) for one in item.warnings)
    warnings = [f"{one.code}: {without_personal_data(one.text)}" for one in item.warnings]
    return Registered(
        Receipt(
            provider=PROVIDER,
            emdr_id=item.emdr_id or None,
            document_version=item.document_version,
            registered_at=item.registered_at,
            store_till_date=item.store_till_date,
            warnings=warnings,
        ),
        tuple(msgspec.structs.replace(one, severity=Severity.WARNING) for one in findings),
        unknown_codes(item.warnings),
    )


def unknown_codes(items: tuple[Item, ...]) -> tuple[str, ...]:
    """Return the codes no row describes, "?" for an item without one."""
    strange = {one.code for one in items if TABLE.match(one.code, one.text) is None}
    return tuple(sorted({code or "?" for code in strange}))


def finding(item: Item) -> Finding:
    """Turn one answer into a finding free of personal data."""
    row = TABLE.match(item.code, item.text)
    masked = without_personal_data(item.text)
    return (
        TABLE.finding(item.code, masked, origin="remd") if row is None else _described(item.code, masked, row)
    )


def _described(code: str, masked: str, row: Answer) -> Finding:
    return Finding(
        layer=Layer.REGISTRY,
        severity=Severity.WARNING if row.verdict is Verdict.WARNING else Severity.ERROR,
        code=f"remd.{code or 'unknown'}",
        message=row.say,
        fix=row.fix or None,
        value=masked or None,
        responsible=row.responsible,
        source=Source.OFFICIAL,
        remd_code=code or None,
    )


def judged(items: tuple[Item, ...], *, ours: bool) -> Outcome:
    """Say what a refusal means.

    ``ours``: an earlier attempt of this delivery may have been registered, so «уже зарегистрирован» is our success.
    One item that demands mending outweighs those that ask to wait; the findings name them all.
    """
    rows = [(item, TABLE.match(item.code, item.text)) for item in items]
    by_verdict: dict[Verdict, tuple[Item, Answer]] = {}
    for item, row in rows:
        if row is not None:
            by_verdict.setdefault(row.verdict, (item, row))
    strange = unknown_codes(items)
    if Verdict.REGISTERED in by_verdict:
        return _registered_before(by_verdict[Verdict.REGISTERED][0], ours=ours)
    unknown = any(row is None for _, row in rows)
    if Verdict.REJECTED in by_verdict or unknown or not rows:
        return Rejected(tuple(map(finding, items)) or (_unexplained(),), unknown=strange)
    if Verdict.HELD in by_verdict:
        item, row = by_verdict[Verdict.HELD]
        return Held(_HELD_REASONS.get(item.code, f"remd.{item.code}"), row.say, row.hold)
    if Verdict.UNAVAILABLE in by_verdict:
        item, row = by_verdict[Verdict.UNAVAILABLE]
        return Unavailable(
            f"remd.{item.code or 'unknown'}",
            timedelta(seconds=row.after) if row.after else None,
            row.say,
            slows=row.slows,
            wants_file=row.wants_file,
        )
    return Rejected(tuple(map(finding, items)))


def _registered_before(item: Item, *, ours: bool) -> Outcome:
    number = _EMDR_ID.search(item.text)
    if not ours:
        taken = finding(item)
        taken = msgspec.structs.replace(taken, code="destination.local_uid_taken")
        return Rejected((taken,), taken_as=number[0] if number else "?")
    warning = f"{item.code}: зарегистрирован прежней отправкой"
    return Registered(Receipt(provider=PROVIDER, emdr_id=number[0] if number else None, warnings=[warning]))


def _unexplained() -> Finding:
    return Finding(
        layer=Layer.REGISTRY,
        severity=Severity.ERROR,
        code="remd.unknown",
        message="РЭМД отказал, не назвав причины.",
        fix="Оператор обратится в поддержку РЭМД.",
        responsible=Responsible.OPERATOR,
        source=Source.OFFICIAL,
    )


def faulted(text: str, *, ours: bool = False) -> Outcome:
    """Say what a SOAP Fault means: a described text speaks for itself, any other asks to try again (remd.md §6.1)."""
    row = TABLE.match("", text)
    if row is None:
        return Unavailable("destination.soap_fault", None, without_personal_data(text))
    return judged((Item("", text),), ours=ours)


def staged(outcome: Outcome, *, at_entry: bool) -> Outcome:
    """Say of a refusal whether it came at the entry or after the check."""
    if not isinstance(outcome, Rejected):
        return outcome
    return msgspec.structs.replace(outcome, stage=AT_ENTRY if at_entry else AFTER_CHECK, at_entry=at_entry)


def answered(reply: Reply, *, ours: bool) -> Outcome | None:
    """Return the verdict an answer holds; None for a bare success, which means accepted and not yet registered."""
    if reply.status in SUCCESS:
        if reply.registration is not None and reply.registration.emdr_id:
            return registered(reply.registration)
        return None
    if reply.items or reply.status == "error":
        return judged(reply.items, ours=ours)
    return InDoubt("destination.answer_unknown_status")
