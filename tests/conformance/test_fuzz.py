"""Whatever bytes come to a door, reading them ends in a value, in bounded time, and quotes nothing of them."""

import base64
import datetime as dt
import io
import os
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.document.finding import Finding
from broker.document.markup import Markup, parse
from broker.document.submission import Content, Metadata, SignatureKind, SignaturePart, Submission
from broker.document.zip_reading import ZipLimits, ZipRefusal, read_zip
from broker.intake.read import check_head, decode_base64, decode_submission, read_parts
from broker.intake.refusal import Refusal
from broker.normalizer import forms
from broker.normalizer.header import Peek, peek
from broker.normalizer.prepare import Prepared, prepare
from broker.samples.documents import KINDS
from broker.samples.people import Population
from broker.samples.registry import make_bills, make_registry
from broker.samples.sample import make_sample
from broker.samples.submission import encode, make_submission
from broker.validation.registry.package import open_package

pytestmark = pytest.mark.conformance

EXAMPLES = int(os.environ.get("INAYA_FUZZ_EXAMPLES", "3000"))
LONGEST = dt.timedelta(seconds=3)
"""For one input of a few kilobytes: far above what a busy machine needs, far below what backtracking takes."""
SECRET = "Тайнова-Пробная"
fuzz = settings(
    max_examples=EXAMPLES,
    deadline=LONGEST,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
CREATED = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
POPULATION = Population(11, date(2026, 1, 1))
CLINIC = POPULATION.clinic(1, region="77", in_oms=True)
SAMPLES = [make_sample(POPULATION, 3, kind=kind, clinic=CLINIC, created_at=CREATED) for kind in KINDS]
SUBMISSIONS = [make_submission(sample, lambda data, _who: data[:64]) for sample in SAMPLES]
DOCUMENTS = [base64.b64decode(one.content.data) for one in SUBMISSIONS]
SUBMISSION = encode(SUBMISSIONS[0])
BILLS = make_bills(POPULATION, CLINIC, period="2026-02", count=2)
REGISTRY = make_registry(CLINIC, BILLS, period="2026-02", packet=7)
ODD = [b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"]]>", b"<![CDATA[", b"&#0;",
       b"\xed\xa0\x80", b'"', b"\\u0000", b"\\ud800", b"9" * 400, b"[" * 200, b"PK\x05\x06", b"PK\x01\x02"]  # fmt: skip

Edit = tuple[int, int, bytes]
edits = st.lists(
    st.tuples(
        st.integers(0, 2**20), st.integers(0, 64), st.one_of(st.binary(max_size=12), st.sampled_from(ODD))
    ),
    min_size=1,
    max_size=6,
)


def spoilt(content: bytes, changes: list[Edit]) -> bytes:
    """Cut and insert at places anywhere in the bytes."""
    for place, cut, put in changes:
        at = place % (len(content) + 1)
        content = content[:at] + put + content[at + cut :]
    return content


def json_value(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(
        [
            "clinic",
            "content",
            "data",
            "kind",
            "type",
            "signatures",
            "metadata",
            "signer",
            "createdAt",
            "messageId",
            SECRET,
        ]
    )
    return st.recursive(
        leaf, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=5))
    )


values = json_value(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(max_size=20),
        st.just(SECRET),
    )
)


def must_be_an_answer(made: object) -> None:
    """A refusal has a code and a cure in Russian and quotes nothing."""
    if isinstance(made, Refusal):
        assert made.code.startswith("partner.")
        assert 400 <= made.status < 500
        assert made.detail
        assert made.fix


@fuzz
@given(st.binary(max_size=400))
def test_any_bytes_are_a_submission_or_a_refusal(body: bytes):
    must_be_an_answer(decode_submission(body))


@fuzz
@given(edits)
def test_a_spoilt_submission_is_a_submission_or_a_refusal(changes: list[Edit]):
    made = decode_submission(spoilt(SUBMISSION, changes))
    must_be_an_answer(made)
    if isinstance(made, Submission):
        must_be_an_answer(read_parts(made))
        must_be_an_answer(check_head(made, made.message_id or ""))


@fuzz
@given(values)
def test_any_json_is_a_submission_or_a_refusal_that_quotes_no_value(value: Any):
    made = decode_submission(msgspec.json.encode(value))
    must_be_an_answer(made)
    if isinstance(made, Refusal):
        assert SECRET not in made.detail.replace(f"«{SECRET}»", ""), "the name of a field alone may be told"


@fuzz
@given(
    st.text(max_size=80),
    st.lists(st.tuples(st.sampled_from(SignatureKind), st.text(max_size=80)), max_size=34),
    st.text(max_size=12),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_any_texts_in_the_fields_are_read_or_refused(
    data: str, parts: list[tuple[SignatureKind, str]], kind: str, clinic: str, key: str
):
    submission = Submission(
        clinic=clinic,
        kind=kind,
        content=Content(data=data, media_type="application/xml"),
        signatures=[SignaturePart(kind=one, data=text) for one, text in parts],
        metadata=Metadata(),
    )
    must_be_an_answer(read_parts(submission))
    must_be_an_answer(check_head(submission, key))


@fuzz
@given(st.binary(max_size=300), st.sampled_from(["\n", "\r\n", " ", "\t"]), st.integers(1, 80), st.booleans())
def test_base64_is_read_however_it_is_broken_into_lines(data: bytes, gap: str, width: int, armoured: bool):
    text = base64.b64encode(data).decode()
    lines = gap.join(text[at : at + width] for at in range(0, len(text), width))
    if armoured:
        lines = f"-----BEGIN CMS-----\n{lines}\n-----END CMS-----\n"
    assert decode_base64(lines, 1000) == data


@fuzz
@given(st.text(max_size=200))
def test_any_text_is_base64_or_is_not(text: str):
    assert decode_base64(text, 100) is None or text is not None


@fuzz
@given(st.sampled_from(DOCUMENTS), edits, st.sampled_from(["utf-8", "utf-16", "windows-1251"]))
def test_a_glance_at_a_spoilt_document_never_complains(document: bytes, changes: list[Edit], encoding: str):
    content = document.decode().encode(encoding, "replace") if encoding != "utf-8" else document
    assert isinstance(peek(spoilt(content[:8192], changes)), Peek)


@fuzz
@given(st.binary(max_size=300))
def test_a_glance_at_any_bytes_never_complains(content: bytes):
    assert isinstance(peek(content), Peek)
    assert isinstance(peek(b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + content), Peek)


def findings_of(made: object) -> None:
    if isinstance(made, tuple):
        assert made
        assert all(isinstance(one, Finding) and one.message for one in made)


@settings(fuzz, max_examples=max(EXAMPLES // 4, 100))
@given(st.sampled_from(DOCUMENTS), edits, st.sampled_from(["utf-8", "utf-16", "windows-1251"]))
def test_a_spoilt_document_is_a_tree_or_findings(document: bytes, changes: list[Edit], encoding: str):
    content = document.decode().encode(encoding, "replace") if encoding != "utf-8" else document
    findings_of(parse(spoilt(content, changes)))


@fuzz
@given(st.binary(max_size=300))
def test_any_bytes_are_a_tree_or_findings(content: bytes):
    findings_of(parse(content))


@settings(fuzz, max_examples=max(EXAMPLES // 4, 100))
@given(
    st.sampled_from(DOCUMENTS),
    edits,
    st.sampled_from(["utf-8", "utf-16", "windows-1251", "koi8-r"]),
    st.booleans(),
)
def test_a_spoilt_draft_is_prepared_once_or_refused(
    document: bytes, changes: list[Edit], encoding: str, declared: bool
):
    text = document.decode().replace("UTF-8", encoding if declared else "UTF-8", 1)
    content = spoilt(text.encode(encoding, "replace"), changes)
    made = prepare(content)
    findings_of(made)
    if isinstance(made, Prepared):
        assert isinstance(parse(made.content), Markup)
        assert (made.content == content) is (made.changes == ())
        again = prepare(made.content)
        assert isinstance(again, Prepared)
        assert (again.content, again.changes) == (made.content, ())


@fuzz
@given(st.binary(max_size=300))
def test_any_bytes_are_prepared_or_refused(content: bytes):
    findings_of(prepare(content))
    findings_of(prepare(b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + content + b"</ClinicalDocument>"))


@fuzz
@given(st.text(max_size=70))
def test_any_value_takes_its_form_once(text: str):
    for form in (
        forms.phone,
        forms.snils,
        forms.point_in_time,
        forms.trimmed,
        forms.breakable,
        forms.composed,
    ):
        assert form(form(text)) == form(text)


def opened(data: bytes) -> None:
    limits = ZipLimits(archive=64 * 1024, total=256 * 1024, entries=4)
    made = read_zip(data, limits)
    if not isinstance(made, ZipRefusal):
        assert 0 < len(made) <= limits.entries
        assert sum(len(entry.data) for entry in made) <= limits.total


@fuzz
@given(st.binary(max_size=400), edits)
def test_any_archive_is_inflated_within_its_limits_or_refused(data: bytes, changes: list[Edit]):
    opened(data)
    opened(b"PK\x03\x04" + data)
    opened(spoilt(REGISTRY, changes))


@fuzz
@given(
    st.lists(
        st.tuples(
            st.text(min_size=1, max_size=12),
            st.binary(max_size=64),
            st.integers(1, 5000),
            st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]),
        ),
        max_size=5,
    )
)
def test_an_archive_of_any_names_and_sizes_is_inflated_or_refused(files: list[tuple[str, bytes, int, int]]):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data, times, method in {one[0]: one for one in files}.values():
            archive.writestr(zipfile.ZipInfo(name), data * times, compress_type=method)
    opened(packed.getvalue())


def repacked(edit: Callable[[str, bytes], bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(REGISTRY)) as whole, zipfile.ZipFile(packed, "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, edit(name, whole.read(name)))
    return packed.getvalue()


@settings(fuzz, max_examples=max(EXAMPLES // 4, 100))
@given(edits, st.sampled_from("HL"))
def test_a_spoilt_registry_is_a_package_or_findings(changes: list[Edit], letter: str):
    data = repacked(lambda name, content: spoilt(content, changes) if name.startswith(letter) else content)
    package, findings = open_package(data, ZipLimits())
    assert package is not None or findings
