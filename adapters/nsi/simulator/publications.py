"""Which editions does the simulated service publish, and what stands in each? Read anew from its directory when asked.

Files: ``<OID>_<version>.csv`` and, where there is one, ``<OID>_<version>_passport.json`` beside it. The reading is the
simulator's own: were it the broker's, both could be wrong in the same way.
"""

import csv
import io
import re
from pathlib import Path
from typing import Any, Final

import msgspec

_NAME: Final = re.compile(r"(?P<oid>\d+(?:\.\d+)+)_(?P<version>\d+(?:\.\d+)+)\.csv", re.IGNORECASE)
_GENDERS: Final = "ID,NAME\n1,Мужской\n2,Женский\n3,Неопределенный\n"
_BUILT_IN: Final = ("1.2.643.5.1.13.13.11.1040", "2.1", "Пол пациента", _GENDERS)
"""Published where no directory is named, so that the service is never empty."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """One edition: what its passport says and its rows, column by column in the order of the file."""

    oid: str
    version: str
    passport: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    file: bytes


class Publications:
    """What the directory holds at the moment of the question."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._read: dict[tuple[str, str], tuple[int, Publication]] = {}

    def editions(self) -> dict[str, list[str]]:
        """Return the versions by OID, oldest first."""
        found: dict[str, list[str]] = {}
        for oid, version in self._paths():
            found.setdefault(oid, []).append(version)
        for versions in found.values():
            versions.sort(key=lambda version: tuple(map(int, version.split("."))))
        return found

    def get(self, oid: str, version: str = "") -> Publication | None:
        """Return an edition, the newest one without ``version``."""
        versions = self.editions().get(oid, [])
        wanted = version or (versions[-1] if versions else "")
        if wanted not in versions:
            return None
        path = self._paths()[oid, wanted]
        if path is None:
            return _publication(*_BUILT_IN[:2], _GENDERS.encode(), {"fullName": _BUILT_IN[2]})
        changed = path.stat().st_mtime_ns
        known = self._read.get((oid, wanted))
        if known is None or known[0] != changed:
            beside = path.with_name(f"{oid}_{wanted}_passport.json")
            said = msgspec.json.decode(beside.read_bytes(), type=dict[str, Any]) if beside.exists() else {}
            known = self._read[oid, wanted] = changed, _publication(oid, wanted, path.read_bytes(), said)
        return known[1]

    def _paths(self) -> dict[tuple[str, str], Path | None]:
        if self._directory is None:
            return {(_BUILT_IN[0], _BUILT_IN[1]): None}
        found: dict[tuple[str, str], Path | None] = {}
        for path in sorted(self._directory.rglob("*.csv")):
            named = _NAME.fullmatch(path.name)
            if named:
                found[named["oid"], named["version"]] = path
        return found


def _publication(oid: str, version: str, data: bytes, said: dict[str, Any]) -> Publication:
    text = data.decode("utf-8-sig")
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    passport = {
        "result": "OK",
        "resultText": None,
        "resultCode": None,
        "oid": oid,
        "version": version,
        "rowsCount": len(rows),
        "publishDate": "01.01.2026 00:00",
        "fullName": f"Справочник {oid}",
        "fields": [{"field": name, "dataType": "VARCHAR", "alias": name} for name in header],
        "keys": [],
        "archive": False,
        **said,
    }
    return Publication(
        oid=oid,
        version=version,
        passport=passport,
        columns=tuple(header),
        rows=tuple(tuple(row) for row in rows),
        file=data,
    )
