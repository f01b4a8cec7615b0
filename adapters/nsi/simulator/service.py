"""The doors of the simulated service: ``/port/rest/…`` with the key in the query, and the published archives."""

import io
import re
import zipfile
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from adapters.nsi.simulator.publications import Publication, Publications
from broker.adapter_kit.simulation import Simulation

_ARCHIVE: Final = re.compile(r"(?P<oid>\d+(?:\.\d+)+)_(?P<version>\d+(?:\.\d+)+)_csv\.zip")
DEMO_KEY: Final = "00000000-0000-4000-8000-000000000000"
"""The key it knows when none is named."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """``directory`` of dictionary files; ``keys`` it accepts; ``longest_page`` rows whatever was asked."""

    directory: str = ""
    keys: tuple[str, ...] = (DEMO_KEY,)
    longest_page: int = 2000


class Service:
    """The REST operations over what is published now."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._settings = msgspec.convert(dict(simulation.setup.params), ServiceSettings)
        directory = self._settings.directory
        self._published = Publications(Path(directory) if directory else None)

    def routes(self) -> list[web.RouteDef]:
        """List the routes of the service."""
        return [
            web.get("/port/rest/passport", self._passport),
            web.get("/port/rest/data", self._data),
            web.get("/port/rest/versions", self._versions),
            web.get("/port/rest/searchDictionary", self._search),
            web.get("/api/dataFiles/{name}", self._archive),
        ]

    async def _passport(self, request: web.Request) -> web.Response:
        refusal, edition = self._asked(request)
        return refusal or _answer(edition.passport if edition else {})

    async def _data(self, request: web.Request) -> web.Response:
        refusal, edition = self._asked(request)
        if refusal or edition is None:
            return refusal or _refused("Справочник не найден", "NOT_FOUND")
        page, size = _number(request, "page", 1), _number(request, "size", 200)
        if page < 1 or size < 1:
            return _refused("Параметры page и size — целые числа от 1", "BAD_PAGE")
        size = min(size, self._settings.longest_page)
        rows = _filtered(edition, request.query.get("filters", ""))
        names = [name for name in request.query.get("columns", "").split(",") if name] or edition.columns
        shown = [
            [
                {"column": name, "value": value or None}
                for name, value in zip(edition.columns, row, strict=True)
                if name in names
            ]
            for row in rows[(page - 1) * size : page * size]
        ]
        return _ok({"total": len(rows), "list": shown})

    async def _versions(self, request: web.Request) -> web.Response:
        refusal, edition = self._asked(request)
        if refusal or edition is None:
            return refusal or _refused("Справочник не найден", "NOT_FOUND")
        versions = self._published.editions()[edition.oid]
        page, size = _number(request, "page", 1), _number(request, "size", 200)
        shown = list(reversed(versions))[(page - 1) * size : page * size]
        return _ok({"total": len(versions), "list": [{"version": version} for version in shown]})

    async def _search(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal:
            return refusal
        page, size = _number(request, "page", 1), _number(request, "size", 200)
        oids = sorted(self._published.editions())
        newest = [self._published.get(oid) for oid in oids[(page - 1) * size : page * size]]
        lines = [
            {"oid": one.oid, "version": one.version, "fullName": one.passport["fullName"]}
            for one in newest
            if one is not None
        ]
        return _ok({"total": len(oids), "list": lines})

    async def _archive(self, request: web.Request) -> web.Response:
        named = _ARCHIVE.fullmatch(request.match_info["name"])
        edition = self._published.get(named["oid"], named["version"]) if named else None
        if edition is None:
            return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{edition.oid}_{edition.version}.csv", edition.file)
        return web.Response(body=packed.getvalue(), content_type="application/zip")

    def _asked(self, request: web.Request) -> tuple[web.Response | None, Publication | None]:
        """Return the edition a request names, or how it is refused."""
        refusal = self._refusal(request)
        if refusal:
            return refusal, None
        edition = self._published.get(request.query.get("identifier", ""), request.query.get("version", ""))
        return (None if edition else _refused("Справочник не найден", "NOT_FOUND")), edition

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Turn down by the knob ``code`` (an HTTP status, or words of the service) or for a wrong key."""
        forced = self._simulation.forced_code()
        if forced and forced.isdigit():
            return web.Response(status=int(forced), headers={"Retry-After": "60"})
        if forced:
            return _refused(forced, "FORCED")
        if request.query.get("userKey") not in self._settings.keys:
            return _refused("Указан неверный ключ пользователя userKey", "WRONG_KEY")
        return None


def _number(request: web.Request, name: str, otherwise: int) -> int:
    text = request.query.get(name, str(otherwise))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0


def _filtered(edition: Publication, filters: str) -> list[tuple[str, ...]]:
    """Keep the rows of ``COLUMN|value``."""
    column, _, value = filters.partition("|")
    if column not in edition.columns:
        return list(edition.rows)
    place = edition.columns.index(column)
    return [row for row in edition.rows if row[place] == value]


def _ok(said: dict[str, Any]) -> web.Response:
    return _answer({"result": "OK", "resultText": None, "resultCode": None, **said})


def _refused(text: str, code: str) -> web.Response:
    return _answer({"result": "ERROR", "resultText": text, "resultCode": code})


def _answer(said: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(said), content_type="application/json", charset="utf-8")
