"""From bytes to an arrival: every way it can be malformed has its code, and no value is ever quoted back."""

import base64
import uuid

import msgspec
import pytest
from builders import CLINIC, NOW
from hypothesis import given
from hypothesis import strategies as st

from broker.document.lifecycle import DocumentStatus
from broker.document.submission import Mode, Submission
from broker.intake.gates import Fresh, Repeat, Seen, judge
from broker.intake.read import (
    MAX_CONTENT,
    Sender,
    check_head,
    decode_base64,
    decode_submission,
    make_arrival,
    read_parts,
)
from broker.intake.refusal import Refusal

SENDER = Sender("vendor-alpha", Mode.PRODUCTION, "http")
SECRET = "Пробный-Секрет"


def a_body(**changes: object) -> bytes:
    fields = {"clinic": CLINIC, "kind": "306", "content": {"data": base64.b64encode(b"<a/>").decode()}}
    return msgspec.json.encode(fields | changes)


def read(body: bytes) -> Submission:
    submission = decode_submission(body)
    assert isinstance(submission, Submission), submission
    return submission


@given(st.binary(max_size=300))
def test_any_bytes_are_a_submission_or_a_refusal_with_a_cure(body: bytes):
    answer = decode_submission(body)
    assert isinstance(answer, Submission) or (answer.code.startswith("partner.") and answer.fix)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(["clinic", "content", "kind", "signatures", "metadata", "type", "messageId"]), JSON)
def test_any_json_in_any_field_is_a_submission_or_a_refusal(field: str, value: object):
    answer = decode_submission(a_body(**{field: value}))
    assert isinstance(answer, Submission | Refusal)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (a_body(фамилия=SECRET), ["фамилия"]),
        (a_body(kind={"x": SECRET}), ["kind"]),
        (a_body(metadata={"patient": {"localId": 7}}), ["metadata.patient.localId"]),
        (a_body(signatures=[{"kind": SECRET, "data": ""}]), ["signatures"]),
        (msgspec.json.encode({"clinic": CLINIC}), ["content"]),
    ],
)
def test_a_wrong_field_is_named_with_its_path_and_never_with_its_value(body: bytes, words: list[str]):
    refusal = decode_submission(body)
    assert isinstance(refusal, Refusal)
    assert all(word in refusal.detail for word in words), refusal.detail
    assert SECRET not in refusal.detail


def test_a_bom_is_forgiven():
    assert read(b"\xef\xbb\xbf" + a_body()).kind == "306"


@given(st.binary(max_size=500), st.integers(1, 90), st.sampled_from(["\n", "\r\n", "\n\t"]))
def test_base64_may_hold_line_breaks_and_armour(data: bytes, width: int, end: str):
    text = base64.b64encode(data).decode()
    broken = end.join(text[place : place + width] for place in range(0, len(text), width))
    assert decode_base64(broken, 1000) == data
    assert decode_base64(f"-----BEGIN CMS-----{end}{broken}{end}-----END CMS-----", 1000) == data


@given(st.text(max_size=60))
def test_what_is_no_base64_is_none_and_nothing_is_guessed(text: str):
    decoded = decode_base64(text, 1000)
    if decoded is not None:
        bare = "".join(text.split())
        assert base64.b64encode(decoded).decode() == bare or "-----" in text


def test_content_at_the_limit_is_taken_and_one_byte_over_it_is_not():
    at = base64.b64encode(b"x" * MAX_CONTENT).decode()
    over = base64.b64encode(b"x" * (MAX_CONTENT + 1)).decode()
    assert not isinstance(read_parts(read(a_body(content={"data": at}))), Refusal)
    refusal = read_parts(read(a_body(content={"data": over})))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("partner.content_too_large", 413)


def test_a_signature_that_is_no_base64_is_kept_for_a_finding():
    stored = read_parts(read(a_body(signatures=[{"kind": "organization", "data": "%%%"}])))
    assert not isinstance(stored, Refusal)
    assert (stored.signatures[0].data, stored.signatures[0].broken) == (b"", "%%%")


@pytest.mark.parametrize("key", ["", " ", "a b", "ключ", "x" * 201, "a\n"])
def test_a_message_id_must_be_printable_and_short(key: str):
    refusal = check_head(read(a_body()), key)
    assert refusal is not None
    assert refusal.code == "partner.message_id_missing"


def an_arrival_of(body: bytes, key: str = "m1", local_uid: str = ""):
    submission = read(body)
    stored = read_parts(submission)
    assert not isinstance(stored, Refusal)
    return make_arrival(
        submission,
        stored,
        SENDER,
        id=uuid.uuid4(),
        key=key,
        now=NOW,
        local_uid=local_uid,
        set_key="",
        version=1,
    )


def test_the_local_uid_is_what_the_partner_said_else_the_documents_else_the_messages():
    said = a_body(metadata={"localUid": "ABC"})
    assert an_arrival_of(said, local_uid="d").local_uid == "abc"
    assert an_arrival_of(a_body(), local_uid="d").local_uid == "d"
    assert an_arrival_of(a_body()).local_uid == "m1"


def test_fingerprints_cover_exactly_what_the_contract_calls_the_bytes():
    base = an_arrival_of(a_body())
    assert an_arrival_of(a_body(metadata={"title": "иначе"}), key="m2").fingerprint == base.fingerprint
    signed = an_arrival_of(a_body(signatures=[{"kind": "organization", "data": "QQ=="}]))
    assert signed.content_fingerprint == base.content_fingerprint
    assert signed.fingerprint != base.fingerprint
    for other in (a_body(content={"data": "QQ=="}), a_body(clinic=CLINIC[:-1] + "2")):
        assert an_arrival_of(other).content_fingerprint != base.content_fingerprint


def test_a_kind_stated_wrongly_may_be_corrected_for_the_same_document():
    base, corrected = an_arrival_of(a_body()), an_arrival_of(a_body(kind="290"))
    assert corrected.fingerprint != base.fingerprint
    assert corrected.content_fingerprint == base.content_fingerprint


def seen(fingerprint: bytes = b"f", content: bytes = b"c", *, registered: bool = False) -> Seen:
    return Seen(
        document_id=uuid.UUID(int=1),
        fingerprint=fingerprint,
        content_fingerprint=content,
        status=DocumentStatus.ROUTED,
        registered=registered,
    )


@pytest.mark.parametrize(
    ("by_message", "by_local_uid", "expected"),
    [
        (None, None, Fresh()),
        (seen(), None, Repeat(uuid.UUID(int=1))),
        (seen(b"other"), None, "partner.message_id_reused"),
        (seen(b"other"), seen(), "partner.message_id_reused"),
        (None, seen(), Repeat(uuid.UUID(int=1))),
        (None, seen(b"other", b"other"), "partner.local_uid_reused"),
        (None, seen(b"other"), Fresh(replaces=uuid.UUID(int=1))),
        (None, seen(b"other", registered=True), "partner.local_uid_reused"),
        (None, seen(registered=True), Repeat(uuid.UUID(int=1))),
        (seen(), seen(b"other", b"other"), Repeat(uuid.UUID(int=1))),
    ],
)
def test_what_the_gates_decide(by_message: Seen | None, by_local_uid: Seen | None, expected: object):
    judgement = judge(b"f", b"c", by_message, by_local_uid)
    if isinstance(expected, str):
        assert isinstance(judgement, Refusal)
        assert (judgement.code, judgement.status) == (expected, 409)
        assert judgement.fix
    else:
        assert judgement == expected
