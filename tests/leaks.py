"""Searches text for people: names in any case, numbers with any punctuation, however the text was encoded on its way."""

import base64
import io
import re
import zipfile
from collections.abc import Iterable
from urllib.parse import unquote_plus

from broker.document.submission import Submission

_DIGITS = re.compile(r"(?<!\d)\d{10,20}(?!\d)")
_SNILS = re.compile(r"(?<!\d)\d{3}[\s.\-_]*\d{3}[\s.\-_]*\d{3}[\s.\-_]*\d{2}(?!\d)")
_GROUPED = re.compile(r"(?<!\d)\d{4}[\s.\-_]\d{4}[\s.\-_]\d{4}[\s.\-_]\d{4}(?!\d)")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_OCTETS = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_NAMES = re.compile(r"<(?:\w+:)?(?:family|given|Patronymic|FAM|IM|OT)(?:\s[^>]*)?>\s*([^<]+?)\s*<")
_NUMBERS = re.compile(
    r'root="1\.2\.643\.100\.3"[^>]*?extension="(\d{11})"|extension="(\d{11})"[^>]*?root="1\.2\.643\.100\.3"'
    r"|<(?:\w+:)?(?:NPOLIS|ENP|SNILS|Number)>\s*([\d\- ]{10,20})\s*<"
)


def readings(text: str) -> Iterable[str]:
    """Yield a text as it is and as it would read unescaped: percent-encoded, JSON escapes, octets of UTF-8."""
    yield text
    if "%" in text:
        yield unquote_plus(text)
    if "\\u" in text:
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    if "\\x" in text:
        yield _OCTETS.sub(
            lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "replace"), text
        )


def leaks(text: str, secrets: Iterable[str]) -> set[str]:
    """Return the secrets a text holds.

    A number counts when it stands alone: digits within a longer run of digits (an instant, an id) are chance.
    """
    words = {one.casefold(): one for one in secrets if not is_number(one)}
    numbers = {plain(one): one for one in secrets if is_number(one)}
    found: set[str] = set()
    for reading in readings(text):
        shown = {plain(one) for shape in (_DIGITS, _SNILS, _GROUPED) for one in shape.findall(reading)}
        found |= {numbers[one] for one in shown & numbers.keys()}
        folded = reading.casefold()
        found |= {secret for word, secret in words.items() if word in folded}
    return found


def is_number(secret: str) -> bool:
    """Tell whether a secret is digits with at most punctuation."""
    return plain(secret).isdigit()


def plain(number: str) -> str:
    """Return the number without its punctuation."""
    return re.sub(r"[\s.\-_]", "", number)


def people_of(submission: Submission) -> set[str]:
    """Return every name, СНИЛС and policy number written in what was handed over, a registry's archive included."""
    found: set[str] = set()
    for text in _texts(submission):
        for name in _NAMES.findall(text):
            found |= {name, *name.split("-")[:1]}
        for groups in _NUMBERS.findall(text):
            found |= {plain(one) for one in groups if one}
    return {one for one in found if len(one) > 3}


def _texts(submission: Submission) -> Iterable[str]:
    try:
        content = base64.b64decode(submission.content.data)
    except ValueError:
        return
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                inner = archive.read(name)
                if inner[:2] == b"PK":
                    with zipfile.ZipFile(io.BytesIO(inner)) as nested:
                        yield from (_decoded(nested.read(one)) for one in nested.namelist())
                else:
                    yield _decoded(inner)
    else:
        yield _decoded(content)


def _decoded(content: bytes) -> str:
    windows = b"windows-1251" in content[:100].lower()
    return content.decode("windows-1251" if windows else "utf-8", "replace")
