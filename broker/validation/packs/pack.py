"""A pack read: its files, the kinds it checks and what is doubtful in it; kept as bytes, put to work as rule sets.

A pack is known by the SHA-256 of its rule files (``ruleset.digest_of``): Schematrons and schemas of one guide change
without any other mark (semd.md §4.4). Samples and README travel with it but are no part of its identity.
"""

import contextlib
import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
import zstandard

from broker.document.zip_names import is_safe_path
from broker.validation.pack_layout import digest_of_files
from broker.validation.packs.outcome import PackFinding
from broker.validation.ruleset import RuleSet, Terms

MAX_UNPACKED: Final = 40 * 1024 * 1024
"""Bytes an encoded pack may unpack to; a pack read holds at most 32 MiB of files."""
_LEVEL: Final = 10


class PackSpoilt(Exception):  # noqa: N818  names what happened, not a kind of error
    """Stored bytes are no pack, or not the one they say they are."""


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack holds for one kind: ``xsd`` and ``schematron`` are paths inside it, versions as the files state them.

    ``templates`` are the templateId roots its rules demand of a document; several mean any of them.
    """

    kind: str
    xsd: str | None = None
    schematron: tuple[str, ...] = ()
    schematron_version: str = ""
    templates: tuple[str, ...] = ()


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """An official pack: ``files`` by POSIX path in NFC, without the directory all of them lay in.

    ``name`` is what it was handed over as, ``guide`` the OID of its implementation guide with the revision (empty when
    nothing tells), ``published`` and ``registered_from`` what its README says, ``commit`` what its archive says of the
    repository's state.
    """

    name: str
    digest: str
    files: dict[str, bytes]
    editions: tuple[Edition, ...]
    findings: tuple[PackFinding, ...] = ()
    guide: str = ""
    title: str = ""
    commit: str = ""
    published: date | None = None
    registered_from: date | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return the kinds the pack checks."""
        return tuple(edition.kind for edition in self.editions)

    @property
    def blocked(self) -> bool:
        """Tell whether an operator must override a finding, with a reason, to activate the pack."""
        return any(finding.blocks for finding in self.findings)

    def samples(self) -> tuple[str, ...]:
        """Return the paths of the documents the pack brings along."""
        return tuple(path for path in sorted(self.files) if path.lower().endswith(".xml"))

    def to_bytes(self) -> bytes:
        """Return the pack as bytes to be stored: the same pack gives the same bytes."""
        sorted_files = msgspec.structs.replace(self, files=dict(sorted(self.files.items())))
        packed = msgspec.msgpack.encode(sorted_files)
        return zstandard.ZstdCompressor(level=_LEVEL).compress(packed)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Pack":
        """Return the pack that was stored; PackSpoilt when the bytes are not what ``to_bytes`` gave."""
        try:
            if zstandard.frame_content_size(data) > MAX_UNPACKED:
                raise PackSpoilt("too large")
            plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_UNPACKED)
            pack = msgspec.msgpack.decode(plain, type=cls)
        except (zstandard.ZstdError, msgspec.DecodeError) as error:
            raise PackSpoilt("does not open") from error
        if pack.digest != digest_of_files(pack.files.items()):
            raise PackSpoilt("the digest does not fit")
        return pack

    def write(self, directory: Path) -> None:
        """Write the files under a directory that does not exist yet; it appears whole or not at all.

        Processes may write the same pack at the same time: whoever is late finds it there. OSError when it cannot be.
        """
        if directory.exists():
            return
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = directory.with_name(f".{directory.name}.{uuid4().hex}")
        try:
            for path, content in self.files.items():
                if not is_safe_path(path):
                    raise PackSpoilt("a path leads outside")
                target = fresh / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            fresh.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):
                _rename(fresh, directory)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _rename(fresh: Path, directory: Path) -> None:
    try:
        fresh.rename(directory)
    except OSError:
        if not directory.is_dir():
            raise


def rule_sets(directory: Path, terms: Mapping[str, Terms]) -> tuple[RuleSet, ...]:
    """Return the rule sets of a pack written to a directory: one for each kind named, under its terms."""
    return tuple(RuleSet.from_pack(directory, kind, given) for kind, given in terms.items())
