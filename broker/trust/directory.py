"""The directory of trust an operator keeps: read it into a snapshot, or say which file cannot be used and why.

``roots/`` and ``intermediates/`` hold certificates, ``crls/`` revocation lists, each as PEM (several in a file) or DER;
``trust.toml`` the profiles and where lists are fetched, ``signing.toml`` rules of who signs. Only roots must be there.
"""

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning
from msgspec import Meta

from broker.document.codes import load_codes
from broker.trust.certificate import READ_ERRORS, load_certificate, quiet
from broker.trust.policy import HARD
from broker.trust.signing_rules import SigningRule, SigningRulesRefused, load_signing_rules
from broker.trust.snapshot import CrlMode, TrustProfile, TrustSnapshot

ROOTS: Final = "roots"
INTERMEDIATES: Final = "intermediates"
CRLS: Final = "crls"
POLICY: Final = "trust.toml"
RULES: Final = "signing.toml"
MAX_BYTES: Final = 256 * 1024 * 1024
"""Of all files together; the lists of large authorities take some ten megabytes each."""
_NOTES: Final = (".md", ".txt")


class TrustRefused(Exception):  # noqa: N818  a verdict about a directory, named as one
    """The directory cannot be used; the text names the file and says why, in Russian."""


class ListSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a revocation list is fetched: ``file`` in ``crls/``, ``url`` of the authority's distribution point."""

    file: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}$")]
    url: Annotated[str, Meta(pattern=r"^https?://[^\s]{1,500}$")]


class TrustFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``trust.toml``: a profile for each mode, and the lists to fetch."""

    production: TrustProfile = TrustProfile()
    test: TrustProfile = TrustProfile(crl=CrlMode.SOFT)
    lists: tuple[ListSource, ...] = ()


def read_directory(directory: Path) -> TrustSnapshot:
    """Read everything; raise ``TrustRefused`` naming the file that cannot be used, ``OSError`` when it cannot be read."""
    if not directory.is_dir():
        raise TrustRefused(f"каталога {directory} нет")
    if sum(size for _, size, _ in traces(directory)) > MAX_BYTES:
        raise TrustRefused(f"в каталоге {directory} больше {MAX_BYTES // 1024 // 1024} МиБ")
    policy = read_policy(directory)
    roots = _certificates(directory / ROOTS)
    if not roots:
        raise TrustRefused(f"в {ROOTS}/ нет ни одного корневого сертификата")
    return TrustSnapshot(
        roots=roots,
        intermediates=_certificates(directory / INTERMEDIATES),
        crls=tuple(sorted({der for path in files_of(directory / CRLS) for der in read_lists(path)})),
        profiles={"production": policy.production, "test": policy.test},
        rules=_rules(directory / RULES),
    )


def read_policy(directory: Path) -> TrustFile:
    """Read ``trust.toml``, defaults where there is none; raise ``TrustRefused``."""
    path = directory / POLICY
    if not path.exists():
        return TrustFile()
    try:
        policy = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), TrustFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise TrustRefused(f"{POLICY}: {error}") from error
    for profile in (policy.production, policy.test):
        for code in profile.weights:
            _refuse_weight(code)
    names = [one.file for one in policy.lists]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise TrustRefused(f"{POLICY}: список {twice} указан дважды")
    return policy


def _refuse_weight(code: str) -> None:
    known = {card.id.removeprefix("signature.") for card in load_codes() if card.id.startswith("signature.")}
    if code in HARD:
        raise TrustRefused(
            f"{POLICY}: вес {code} не меняется: подпись с такой ошибкой — не подпись документа"
        )
    if code not in known:
        near = difflib.get_close_matches(code, known, n=1)
        hint = f"; похоже, имелось в виду {near[0]}" if near else ""
        raise TrustRefused(f"{POLICY}: замечания {code} нет{hint}")


def _rules(path: Path) -> tuple[SigningRule, ...]:
    if not path.exists():
        return ()
    try:
        return load_signing_rules(path).rules
    except SigningRulesRefused as error:
        raise TrustRefused(str(error)) from error


def files_of(directory: Path) -> list[Path]:
    """Return the files of a part of the directory, but for hidden ones and notes; none where there is no such part."""
    if not directory.is_dir():
        return []
    found = [path for path in directory.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() not in _NOTES)


def _certificates(directory: Path) -> tuple[bytes, ...]:
    return tuple(sorted({der for path in files_of(directory) for der in read_certificates(path)}))


def read_certificates(path: Path) -> list[bytes]:
    """Return the certificates of a file as DER; raise ``TrustRefused``."""
    raw = path.read_bytes()
    try:
        return [load_certificate(der).public_bytes(Encoding.DER) for der in _plain(raw)]
    except READ_ERRORS as error:
        raise TrustRefused(
            f"{path.parent.name}/{path.name}: это не сертификат X.509 (PEM или DER)"
        ) from error


def read_lists(path: Path) -> list[bytes]:
    """Return the revocation lists of a file as DER; raise ``TrustRefused``."""
    return lists_of(path.read_bytes(), f"{path.parent.name}/{path.name}")


def lists_of(raw: bytes, name: str) -> list[bytes]:
    """Return the revocation lists in some bytes as DER; raise ``TrustRefused`` naming them."""
    try:
        with quiet(CryptographyDeprecationWarning):
            return [x509.load_der_x509_crl(der).public_bytes(Encoding.DER) for der in _plain(raw)]
    except READ_ERRORS as error:
        raise TrustRefused(f"{name}: это не список отзыва X.509 (PEM или DER)") from error


def _plain(raw: bytes) -> list[bytes]:
    """Take the PEM armour off; bytes without one are DER already."""
    return [der for _, _, der in pem.unarmor(raw, multiple=True)] if pem.detect(raw) else [raw]


def traces(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of change of every file, to tell whether anything changed; empty where it is not there."""
    return tuple(sorted(_traces(directory)))


def _traces(directory: Path) -> Iterator[tuple[str, int, int]]:
    for part in ("", ROOTS, INTERMEDIATES, CRLS):
        try:
            entries = list(os.scandir(directory / part))
        except OSError:
            continue
        for entry in entries:
            if entry.is_file() and not entry.name.startswith("."):
                told = entry.stat()
                yield f"{part}/{entry.name}", told.st_size, told.st_mtime_ns
