"""How is НСИ asked? GET with the key in the query, which therefore never reaches a text: troubles have texts of their own.

Shapes: remd.md §7.1 (passport and data seen in real answers; ``searchDictionary`` and ``versions`` are recalled, so their
answers are read by the names of members that passports have).
"""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
import msgspec

from adapters.nsi.answers import refused
from broker.adapter_kit.dictionaries import (
    EditionFiles,
    EditionPassport,
    Listed,
    SourceSettings,
    SourceTrouble,
)

T = TypeVar("T")
_CHUNK: Final = 256 * 1024
_CATALOGUE_PAGE: Final = 200
_MOST_PAGES: Final = 20_000
"""Pages of one edition: a service that gives a row at a time is not followed for ever."""
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
_LATER: Final = timedelta(minutes=10)


class _Field(msgspec.Struct):
    field: str


class _Said(msgspec.Struct, rename="camel"):
    result: str = "OK"
    result_text: str | None = None
    result_code: str | None = None


class _Passport(_Said, rename="camel"):
    oid: str = ""
    version: str = ""
    full_name: str | None = ""
    publish_date: str | None = ""
    rows_count: int | None = None
    fields: list[_Field] = []


class _Page(_Said, rename="camel"):
    total: int = 0
    rows: list[msgspec.Raw] = msgspec.field(default_factory=list, name="list")


class _Line(msgspec.Struct, rename="camel"):
    oid: str = ""
    version: str = ""
    full_name: str | None = ""


class _Catalogue(_Said, rename="camel"):
    lines: list[_Line] = msgspec.field(default_factory=list, name="list")


class NsiSource:
    """The service of nsi.rosminzdrav.ru behind the port ``DictionarySource``."""

    def __init__(self, http: aiohttp.ClientSession, settings: SourceSettings) -> None:
        self._http = http
        self._settings = settings

    async def passport(self, oid: str, version: str = "") -> EditionPassport | SourceTrouble:
        """Return the passport of an edition, of the newest one without ``version``."""
        got = await self._rest("passport", _Passport, identifier=oid, version=version)
        if isinstance(got, SourceTrouble):
            return got
        read, raw = got
        if read.oid != oid or not read.version or (version and read.version != version):
            return _malformed("паспорт не того справочника или не той версии")
        return EditionPassport(
            oid=oid,
            version=read.version,
            full_name=read.full_name or "",
            published=read.publish_date or "",
            rows=read.rows_count,
            columns=tuple(one.field for one in read.fields),
            raw=raw,
        )

    async def versions(self, oid: str) -> tuple[str, ...] | SourceTrouble:
        """Return the versions ever published of a dictionary, as the service lists them."""
        found: list[str] = []
        for page in range(1, 100):
            got = await self._rest(
                "versions", _Catalogue, identifier=oid, page=str(page), size=str(_CATALOGUE_PAGE)
            )
            if isinstance(got, SourceTrouble):
                return got
            fresh = [line.version for line in got[0].lines if line.version and line.version not in found]
            found += fresh
            if not fresh:
                break
        return tuple(found)

    async def search(self, page: int = 1) -> tuple[Listed, ...] | SourceTrouble:
        """Return one page of the catalogue."""
        got = await self._rest("searchDictionary", _Catalogue, page=str(page), size=str(_CATALOGUE_PAGE))
        if isinstance(got, SourceTrouble):
            return got
        return tuple(
            Listed(line.oid, line.version, line.full_name or "") for line in got[0].lines if line.oid
        )

    async def fetch(self, oid: str, version: str = "") -> EditionFiles | SourceTrouble:
        """Bring an edition whole: its passport and every page, or the archive of CSV."""
        passport = await self.passport(oid, version)
        if isinstance(passport, SourceTrouble):
            return passport
        rows = await (self._archive(passport) if self._settings.bulk else self._pages(passport))
        if isinstance(rows, SourceTrouble):
            return rows
        name = f"{oid}_{passport.version}_passport.json"
        return EditionFiles(passport=passport, files={name: passport.raw, **rows})

    async def _archive(self, passport: EditionPassport) -> dict[str, bytes] | SourceTrouble:
        name = f"{passport.oid}_{passport.version}_csv.zip"
        got = await self._get(f"/api/dataFiles/{name}", {})
        return got if isinstance(got, SourceTrouble) else {name: got}

    async def _pages(self, passport: EditionPassport) -> dict[str, bytes] | SourceTrouble:
        """Ask page after page until all rows are there; a service that gives fewer rows a page than asked is believed."""
        files: dict[str, bytes] = {}
        rows, size = 0, 0
        for number in range(1, _MOST_PAGES + 1):
            got = await self._rest(
                "data",
                _Page,
                identifier=passport.oid,
                version=passport.version,
                page=str(number),
                size=str(self._settings.page_size),
            )
            if isinstance(got, SourceTrouble):
                return got
            page, raw = got
            rows += len(page.rows)
            size += len(raw)
            if page.total > self._settings.max_rows or size > self._settings.max_answer:
                return SourceTrouble(
                    reason="nsi.source_too_large", text="Справочник больше допустимого размера."
                )
            files[f"{passport.oid}_{passport.version}_part{number}.json"] = raw
            if rows >= page.total:
                return files if rows == page.total else _malformed("строк пришло больше, чем объявлено")
            if not page.rows:
                return _malformed("страницы кончились раньше, чем объявленные строки")
        return _malformed("страниц слишком много")

    async def _rest(self, operation: str, shape: type[T], **query: str) -> tuple[T, bytes] | SourceTrouble:
        asked = {"userKey": self._settings.user_key, **{name: text for name, text in query.items() if text}}
        raw = await self._get(f"/port/rest/{operation}", asked)
        if isinstance(raw, SourceTrouble):
            return raw
        try:
            said = msgspec.json.decode(raw, type=_Said)
            if said.result.upper() != "OK":
                return refused(said.result_text or "", said.result_code or "", secret=self._settings.user_key)
            return msgspec.json.decode(raw, type=shape), raw
        except msgspec.DecodeError:
            return _malformed("ответ не той формы")

    async def _get(self, path: str, query: dict[str, str]) -> bytes | SourceTrouble:
        trouble = _unavailable("нет ответа")
        for attempt in range(max(self._settings.attempts, 1)):
            if attempt:
                await asyncio.sleep(self._settings.pause)
            got = await self._try(path, query)
            if isinstance(got, bytes):
                return got
            trouble = got
            if trouble.reason not in {"nsi.source_unavailable", "nsi.source_limit"}:
                break
        return trouble

    async def _try(self, path: str, query: dict[str, str]) -> bytes | SourceTrouble:
        """Ask once. Redirects are not followed: the key in the query is for this service alone."""
        settings = self._settings
        try:
            async with (
                asyncio.timeout(settings.timeout),
                self._http.get(
                    settings.url.rstrip("/") + path, params=query, allow_redirects=False
                ) as response,
            ):
                if response.status != HTTPStatus.OK:
                    return _by_status(response.status)
                parts, size = [], 0
                async for part in response.content.iter_chunked(_CHUNK):
                    parts.append(part)
                    size += len(part)
                    if size > settings.max_answer:
                        return SourceTrouble(
                            reason="nsi.source_too_large", text="Ответ службы НСИ больше допустимого размера."
                        )
                return b"".join(parts)
        except TimeoutError:
            return _unavailable("ответа нет дольше отведённого времени")
        except (aiohttp.ClientError, OSError, ValueError):
            # the error's own text may hold the address with the key, so it is left untold
            return _unavailable("соединение не удалось")


def _by_status(status: int) -> SourceTrouble:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return SourceTrouble(
            reason="nsi.source_key", text=f"Служба НСИ не приняла ключ доступа (HTTP {status}).", whole=True
        )
    if status == HTTPStatus.NOT_FOUND:
        return SourceTrouble(
            reason="nsi.source_missing", text="В НСИ нет такого файла или такой операции (HTTP 404)."
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return SourceTrouble(
            reason="nsi.source_limit",
            text="Служба НСИ просит обращаться реже (HTTP 429).",
            retry_after=_LATER,
        )
    if status in _BUSY:
        return _unavailable(f"HTTP {status}")
    return _malformed(f"HTTP {status}")


def _unavailable(why: str) -> SourceTrouble:
    return SourceTrouble(
        reason="nsi.source_unavailable", text=f"Служба НСИ недоступна: {why}.", retry_after=_LATER
    )


def _malformed(why: str) -> SourceTrouble:
    return SourceTrouble(reason="nsi.source_malformed", text=f"Ответ службы НСИ не понят: {why}.")
