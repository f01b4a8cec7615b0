"""Attacks on envelopes: each is refused with its own code, and the peer's key signed nothing it did not mean to."""

import base64
import copy
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from envelope_attacks import ATTACKS, WSU_ID, Tree
from lxml import etree
from trust_stand import NS, SOAP11, ForeignEnvelope, Stand, opened, trusting

from broker.trust import PeerTrust, VerifiedEnvelope, WssCode, WssRefusal


def code_of(enveloped: Stand, data: bytes, now: datetime | None = None, **profile: object) -> WssCode | None:
    result = opened(data, trusting(enveloped, **profile), enveloped, now)
    return result.code if isinstance(result, WssRefusal) else None


def signed(enveloped: Stand, **changes: object) -> Tree:
    return ForeignEnvelope(issued=enveloped.system, **changes).sign()


def test_the_envelope_the_attacks_start_from_is_good(enveloped: Stand) -> None:
    assert code_of(enveloped, etree.tostring(signed(enveloped))) is None


@pytest.mark.parametrize(("attack", "code"), ATTACKS)
def test_an_attacked_envelope_is_refused(
    enveloped: Stand, attack: Callable[[Tree], None], code: WssCode
) -> None:
    root = signed(enveloped)
    attack(root)
    assert code_of(enveloped, etree.tostring(root)) is code


def test_another_signer_is_refused_even_with_a_certificate_of_the_same_authority(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.stranger).send()
    assert code_of(enveloped, data) is WssCode.UNKNOWN_CERTIFICATE


def test_a_swapped_certificate_is_refused(enveloped: Stand) -> None:
    """The stranger signs and shows the pinned certificate; or the peer signs and somebody swaps the token."""
    root = ForeignEnvelope(issued=enveloped.stranger).sign()
    token = root.find(".//wsse:BinarySecurityToken", NS)
    token.text = base64.b64encode(enveloped.system.certificate).decode()
    assert code_of(enveloped, etree.tostring(root)) is WssCode.BAD_SIGNATURE
    root = signed(enveloped)
    token = root.find(".//wsse:BinarySecurityToken", NS)
    token.text = base64.b64encode(enveloped.stranger.certificate).decode()
    assert code_of(enveloped, etree.tostring(root)) is WssCode.UNKNOWN_CERTIFICATE
    token.text = "не base64"
    assert code_of(enveloped, etree.tostring(root)) is WssCode.UNKNOWN_CERTIFICATE


@pytest.mark.parametrize("part", ["Timestamp", "MessageID", "Action", "To"])
def test_an_unsigned_part_is_refused(enveloped: Stand, part: str) -> None:
    names = tuple(name for name in ("Body", "Timestamp", "MessageID", "Action", "To") if name != part)
    data = ForeignEnvelope(issued=enveloped.system, signed=names).send()
    peer = trusting(enveloped)
    assert opened(data, peer, enveloped) == WssRefusal(WssCode.UNSIGNED_PART, part)


def test_an_unsigned_body_is_refused_whatever_the_profile_says(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.system, signed=("Timestamp", "MessageID")).send()
    assert code_of(enveloped, data, required=()) is WssCode.UNSIGNED_PART


def test_a_peer_that_signs_something_of_its_own_is_refused(enveloped: Stand) -> None:
    """Targets come from a closed list: a signature over an element we do not know proves nothing to us."""
    foreign = ForeignEnvelope(
        issued=enveloped.system, signed=("Body", "Timestamp", "MessageID", "Action", "To", "own")
    )
    tree = foreign.tree()
    etree.SubElement(tree[0], "own").set(WSU_ID, "own")
    assert code_of(enveloped, etree.tostring(foreign.sign(tree))) is WssCode.REFERENCE


def test_the_same_part_signed_twice_is_refused(enveloped: Stand) -> None:
    names = ("Body", "Timestamp", "MessageID", "Action", "To", "Body")
    assert (
        code_of(enveloped, ForeignEnvelope(issued=enveloped.system, signed=names).send()) is WssCode.REFERENCE
    )


def test_too_many_references_are_refused_before_any_work(enveloped: Stand) -> None:
    root = signed(enveloped)
    info = root.find(".//ds:SignedInfo", NS)
    for _ in range(200):
        info.append(copy.deepcopy(info[-1]))
    assert code_of(enveloped, etree.tostring(root)) is WssCode.STRUCTURE


def test_a_comment_cannot_truncate_a_signed_value(enveloped: Stand) -> None:
    """Comments are outside the signature: a reader that stops at one would see half a value."""
    data = (
        etree.tostring(signed(enveloped))
        .replace(b"success", b"suc<!-- x -->cess")
        .replace(b"m-1", b"m<!---->-1")
    )
    result = opened(data, trusting(enveloped), enveloped)
    assert isinstance(result, VerifiedEnvelope)
    assert result.body_element()[0][0].text == "success"
    assert result.message_id == "m-1"


def test_a_processing_instruction_cannot_truncate_a_signed_value(enveloped: Stand) -> None:
    data = etree.tostring(signed(enveloped)).replace(b"success", b"suc<?x y?>cess")
    result = opened(data, trusting(enveloped), enveloped)
    assert isinstance(result, VerifiedEnvelope)
    assert result.body_element()[0][0].text == "success"


@pytest.mark.parametrize(
    "doctype",
    [
        b"<!DOCTYPE x>",
        b'<!DOCTYPE x [<!ENTITY a "b">]>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "http://evil.invalid/">]>',
        b"<!DOCTYPE x [<!ATTLIST r id ID #IMPLIED>]>",
    ],
)
def test_a_doctype_is_refused(enveloped: Stand, doctype: bytes) -> None:
    assert code_of(enveloped, doctype + etree.tostring(signed(enveloped))) is WssCode.DOCTYPE


def test_an_entity_bomb_is_refused(enveloped: Stand) -> None:
    layers = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x"}">' for i in range(12))
    bomb = f"<!DOCTYPE x [{layers}]><x>&e11;</x>".encode()
    assert code_of(enveloped, bomb) in {WssCode.DOCTYPE, WssCode.MALFORMED}


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (timedelta(minutes=-7), WssCode.FROM_FUTURE),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=13), None),
        (timedelta(minutes=14), WssCode.STALE),
        (timedelta(days=30), WssCode.STALE),
    ],
)
def test_a_stale_timestamp_is_refused_but_clocks_may_differ(
    enveloped: Stand, shift: timedelta, code: WssCode | None
) -> None:
    assert code_of(enveloped, ForeignEnvelope(issued=enveloped.system).send(), enveloped.now + shift) is code


@pytest.mark.parametrize(
    ("created", "expires", "code"),
    [
        ("2026-03-02T09:29:00Z", "2027-03-02T09:29:00Z", WssCode.FROM_FUTURE),
        ("2026-03-02T09:29:00Z", "2026-03-02T09:29:00Z", WssCode.STALE),
        ("2026-03-02T09:31:00Z", "2026-03-02T09:29:00Z", WssCode.STALE),
        ("2026-03-02T12:29:00+03:00", "2026-03-02T12:39:00+03:00", None),
        ("2026-03-02T09:29:00.1234567Z", "2026-03-02T09:39:00.1234567Z", None),
        ("2026-03-02T09:29:00", "2026-03-02T09:39:00", WssCode.STRUCTURE),
        ("yesterday", "tomorrow", WssCode.STRUCTURE),
        ("", "", WssCode.STRUCTURE),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", WssCode.STRUCTURE),
    ],
)
def test_a_signed_timestamp_must_make_sense(
    enveloped: Stand, created: str, expires: str, code: WssCode | None
) -> None:
    data = ForeignEnvelope(issued=enveloped.system, created=created, expires=expires).send()
    assert code_of(enveloped, data) is code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", WssCode.MALFORMED),
        (b"not xml", WssCode.MALFORMED),
        (b"<a>", WssCode.MALFORMED),
        (b"<a/>", WssCode.NOT_SOAP),
        (b"\xff\xfe\x00", WssCode.MALFORMED),
        (f"<s:Envelope xmlns:s='{SOAP11}'/>".encode(), WssCode.STRUCTURE),
        (f"<s:Envelope xmlns:s='{SOAP11}'><s:Header/><s:Body/></s:Envelope>".encode(), WssCode.NO_SIGNATURE),
        (f"<s:Envelope xmlns:s='{SOAP11}'><s:Body/><s:Header/></s:Envelope>".encode(), WssCode.STRUCTURE),
    ],
)
def test_what_is_no_signed_envelope_is_refused(enveloped: Stand, data: bytes, code: WssCode) -> None:
    assert code_of(enveloped, data) is code


def test_an_envelope_over_the_limit_is_refused_without_parsing(enveloped: Stand) -> None:
    assert code_of(enveloped, b"<" * 1001, limit=1000) is WssCode.TOO_LARGE


def test_nobody_is_trusted_when_nothing_is_pinned(enveloped: Stand) -> None:
    result = opened(
        ForeignEnvelope(issued=enveloped.system).send(),
        PeerTrust(certificates=(), suites={enveloped.suite}),
        enveloped,
    )
    assert result == WssRefusal(WssCode.UNKNOWN_CERTIFICATE)


def test_a_repeated_message_is_recognisable_by_the_caller(enveloped: Stand) -> None:
    """Replay is the caller's duty; the verdict hands over what it needs: the signed id and how long to remember it."""
    data = ForeignEnvelope(issued=enveloped.system).send()
    peer = trusting(enveloped)
    first, second = (opened(data, peer, enveloped) for _ in range(2))
    assert isinstance(first, VerifiedEnvelope)
    assert isinstance(second, VerifiedEnvelope)
    assert first.message_id == second.message_id != ""
    assert first.replay_until is not None
    assert code_of(enveloped, data, first.replay_until) is WssCode.STALE
