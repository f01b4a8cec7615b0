"""Content at rest: opens only where it was sealed, only unchanged, also after the keys were rotated."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.archive import Codec, MasterKeys, Tampered

KEYS = MasterKeys({0: b"a" * 32})
ROW = uuid.UUID(int=7)


@given(st.binary(max_size=4096), st.uuids())
def test_what_was_sealed_opens_for_the_same_row(plain: bytes, row: uuid.UUID):
    codec = Codec(KEYS)
    assert codec.open(codec.seal(plain, row), row) == plain


def test_a_body_moved_to_another_row_does_not_open():
    codec = Codec(KEYS)
    with pytest.raises(Tampered):
        codec.open(codec.seal(b"<a/>", ROW), uuid.UUID(int=8))


@given(st.data())
def test_no_bit_can_be_changed_unnoticed(data: st.DataObject):
    codec = Codec(KEYS)
    sealed = bytearray(codec.seal(b"<document>text</document>", ROW))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Tampered):
        codec.open(bytes(sealed), ROW)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_in_one_way(rubbish: bytes):
    with pytest.raises(Tampered):
        Codec(KEYS).open(rubbish, ROW)


def test_after_a_rotation_the_new_key_seals_and_both_open():
    old = Codec(KEYS)
    sealed = old.seal(b"<a/>", ROW)
    rotated = Codec(MasterKeys({0: b"a" * 32, 1: b"b" * 32}))
    assert rotated.open(sealed, ROW) == b"<a/>"
    fresh = rotated.seal(b"<a/>", ROW)
    assert fresh[1] == 1
    with pytest.raises(Tampered):
        old.open(fresh, ROW)


def test_derived_keys_differ_by_purpose_and_survive_a_rotation():
    rotated = MasterKeys({0: b"a" * 32, 1: b"b" * 32})
    assert rotated.derive("pepper") == KEYS.derive("pepper") != KEYS.derive("ids")


def test_the_same_bytes_are_never_sealed_alike():
    codec = Codec(KEYS)
    assert codec.seal(b"<a/>", ROW) != codec.seal(b"<a/>", ROW)


def test_what_would_unpack_beyond_all_bounds_is_refused():
    """A frame that promises more than ``MAX_PLAIN`` must not be followed."""
    codec = Codec(KEYS)
    sealed = codec.seal(b"\0" * (64 * 1024 * 1024 + 1), ROW)
    assert len(sealed) < 64 * 1024
    with pytest.raises(Tampered):
        codec.open(sealed, ROW)


def test_nothing_readable_is_left_in_sealed_bytes():
    secret = os.urandom(16).hex().encode()
    assert secret not in Codec(KEYS).seal(b"<name>" + secret + b"</name>", ROW)


def test_threads_share_a_codec_without_spoiling_each_others_bytes():
    codec = Codec(KEYS)
    plains = [os.urandom(50_000) + bytes([n]) * 300_000 for n in range(8)]

    def there_and_back(plain: bytes) -> bool:
        return all(codec.open(codec.seal(plain, ROW), ROW) == plain for _ in range(60))

    with ThreadPoolExecutor(len(plains)) as threads:
        assert all(threads.map(there_and_back, plains))
