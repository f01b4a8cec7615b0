"""Partner secrets ``inaya_<keyid>_<random>`` (test: ``inaya_test_<keyid>_<random>``): made once, kept only as a keyed hash."""

import hmac
import re
from datetime import datetime
from typing import Final

import msgspec

from broker.document.submission import Mode

_TEST: Final = "-test"
_SECRET: Final = re.compile(r"inaya_(?:(test)_)?([a-z0-9]{12})_([A-Za-z0-9_-]{43})")


class Credential(msgspec.Struct, frozen=True):
    """Whose secret it is, in which mode and (when it was replaced) until when it may be used."""

    key_id: str
    partner_id: str
    mode: Mode
    until: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether it may still be used: a replaced secret lives on for its grace."""
        return self.until is None or now < self.until


class Presented(msgspec.Struct, frozen=True):
    """A well-formed secret somebody presented."""

    key_id: str
    mode: Mode
    secret: str


def make_secret(key_id: str, token: str, mode: Mode) -> str:
    """Compose a secret from a 12-character key id and 43 characters of 32 random bytes."""
    return f"inaya_{'test_' if mode is Mode.TEST else ''}{key_id}_{token}"


def read_secret(text: str) -> Presented | None:
    """Take a presented secret apart, or return None when it has not our form."""
    match = _SECRET.fullmatch(text)
    if match is None:
        return None
    return Presented(match[2], Mode.TEST if match[1] else Mode.PRODUCTION, text)


def hash_secret(secret: str, pepper: bytes) -> bytes:
    """Return what is stored: HMAC-SHA256 under the pepper (a high-entropy secret needs no slow hash)."""
    return hmac.digest(pepper, secret.encode(), "sha256")


def login_of(partner_id: str, mode: Mode) -> str:
    """Return the AMQP login of a partner in a mode: its id, with ``-test`` for test credentials."""
    return partner_id + _TEST if mode is Mode.TEST else partner_id


def partner_of(login: str) -> tuple[str, Mode]:
    """Return the partner and the mode a login stands for; partner ids must therefore never end in ``-test``."""
    if login.endswith(_TEST):
        return login.removesuffix(_TEST), Mode.TEST
    return login, Mode.PRODUCTION


def is_same(hashed: bytes, presented: bytes) -> bool:
    """Compare two hashes in constant time."""
    return hmac.compare_digest(hashed, presented)
