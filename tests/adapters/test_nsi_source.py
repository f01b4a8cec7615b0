"""The НСИ source against its simulator over real HTTP: whole editions or a trouble in words, and never the key."""

import asyncio
import contextlib
import json
import logging
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.nsi import SOURCE
from adapters.nsi.answers import table
from adapters.nsi.simulator import create
from adapters.nsi.simulator.service import DEMO_KEY
from broker.adapter_kit.dictionaries import EditionFiles, EditionPassport, SourceSettings, SourceTrouble
from broker.adapter_kit.dictionary_sync import Current, Fresh, Missed, sync
from broker.adapter_kit.harness import HostileServer, Misbehaviour, SteppedClock, serving, unused_url
from broker.adapter_kit.simulation import SimulatorSetup
from broker.assembly.foundation import discover
from broker.document.finding import Source
from broker.validation.nsi import NsiRules, SourceFile, read_files

COLOURS = "1.2.643.5.1.13.13.99.2.77777"
SHAPES = "1.2.643.5.1.13.13.99.2.88888"
GENDERS = "1.2.643.5.1.13.13.11.1040"
KEY = "5ec2e7aa-1111-4222-8333-444455556666"


def publish(
    directory: Path, oid: str, version: str, rows: int = 5, *, header: str = "ID,NAME", **passport
) -> None:
    lines = [header, *(f'{n},"Значение {n}; вид {version}"' for n in range(1, rows + 1))]
    (directory / f"{oid}_{version}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = {"fullName": f"Справочник {version}", "keys": [{"field": "ID", "type": "PRIMARY"}]} | passport
    beside = directory / f"{oid}_{version}_passport.json"
    beside.write_text(json.dumps(said), encoding="utf-8")


@contextlib.asynccontextmanager
async def source_at(url: str, **changes):
    fields = {"url": url, "user_key": KEY, "timeout": 5, "page_size": 2, "attempts": 1, "pause": 0} | changes
    async with aiohttp.ClientSession() as http:
        yield SOURCE(http, SourceSettings(**fields))


@contextlib.asynccontextmanager
async def stage(directory: Path | None = None, *, longest_page: int = 2000, **changes):
    params: dict[str, object] = {"keys": [KEY], "longestPage": longest_page}
    if directory is not None:
        params["directory"] = str(directory)
    async with (
        serving(create(SimulatorSetup(clock=SteppedClock(), params=params))) as url,
        source_at(url, **changes) as source,
    ):
        yield source, url


async def faults(url: str, **knobs) -> None:
    async with aiohttp.ClientSession() as http, http.put(f"{url}/sim/faults", json=knobs) as answer:
        assert answer.status == 200


def dictionaries(files: EditionFiles):
    return read_files(files.files, NsiRules())


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    publish(tmp_path, COLOURS, "1.9")
    publish(tmp_path, COLOURS, "1.10")
    return tmp_path


async def test_the_newest_edition_is_brought_whole_page_by_page(shelf):
    async with stage(shelf) as (source, _):
        files = await source.fetch(COLOURS)
    assert files.passport.version == "1.10"
    assert len(files.files) == 1 + 3
    (one,) = dictionaries(files).dictionaries
    assert (one.oid, one.version, one.full_name, one.key, one.size) == (
        COLOURS,
        "1.10",
        "Справочник 1.10",
        "ID",
        5,
    )
    assert one.column("NAME")[0] == "Значение 1; вид 1.10"


async def test_an_edition_is_brought_by_its_version(shelf):
    async with stage(shelf) as (source, _):
        assert (await source.fetch(COLOURS, "1.9")).passport.version == "1.9"
        assert await source.versions(COLOURS) == ("1.10", "1.9")


async def test_a_service_that_gives_shorter_pages_than_asked_is_believed(shelf):
    async with stage(shelf, longest_page=1, page_size=500) as (source, _):
        files = await source.fetch(COLOURS)
    assert dictionaries(files).dictionaries[0].size == 5


async def test_the_archive_of_csv_gives_the_same_rows(shelf):
    async with stage(shelf) as (source, _):
        paged = await source.fetch(COLOURS)
    async with stage(shelf, bulk=True) as (source, _):
        bulk = await source.fetch(COLOURS)
    one, other = dictionaries(paged).dictionaries[0], dictionaries(bulk).dictionaries[0]
    assert one.digest == other.digest


async def test_the_catalogue_is_listed_until_an_empty_page(shelf):
    publish(shelf, SHAPES, "2.1")
    async with stage(shelf) as (source, _):
        listed = await source.search()
        assert [(one.oid, one.version) for one in listed] == [(COLOURS, "1.10"), (SHAPES, "2.1")]
        assert await source.search(2) == ()


async def test_a_simulator_without_a_directory_publishes_one_dictionary():
    async with stage() as (source, _):
        files = await source.fetch(GENDERS)
    assert dictionaries(files).dictionaries[0].column("NAME") == ["Мужской", "Женский", "Неопределенный"]


async def test_the_service_filters_and_chooses_columns_as_the_real_one_does(shelf):
    async with stage(shelf) as (_, url), aiohttp.ClientSession() as http:
        query = {
            "userKey": KEY,
            "identifier": COLOURS,
            "columns": "ID",
            "filters": "ID|3",
            "page": "1",
            "size": "9",
        }
        async with http.get(f"{url}/port/rest/data", params=query) as answer:
            said = await answer.json()
    assert said == {
        "result": "OK",
        "resultText": None,
        "resultCode": None,
        "total": 1,
        "list": [[{"column": "ID", "value": "3"}]],
    }


# ---------------------------------------------------------------------- troubles


async def trouble_of(asked) -> SourceTrouble:
    got = await asked
    assert isinstance(got, SourceTrouble), got
    assert KEY not in got.text
    assert KEY not in got.reason
    return got


async def test_a_wrong_key_closes_the_whole_source(shelf):
    async with stage(shelf, user_key="wrong") as (source, _):
        trouble = await trouble_of(source.fetch(COLOURS))
    assert (trouble.reason, trouble.whole) == ("nsi.source_key", True)


@pytest.mark.parametrize(("oid", "version"), [(SHAPES, ""), (COLOURS, "9.9")])
async def test_what_is_not_published_is_said_to_be_missing(shelf, oid, version):
    async with stage(shelf) as (source, _):
        trouble = await trouble_of(source.fetch(oid, version))
    assert (trouble.reason, trouble.whole) == ("nsi.source_missing", False)


@pytest.mark.parametrize(
    ("knobs", "reason", "whole"),
    [
        ({"unavailable": 1}, "nsi.source_unavailable", False),
        ({"dropAnswer": 1}, "nsi.source_unavailable", False),
        ({"truncate": 1}, "nsi.source_malformed", False),
        ({"code": "429"}, "nsi.source_limit", False),
        ({"code": "403"}, "nsi.source_key", True),
        ({"code": "418"}, "nsi.source_malformed", False),
        ({"code": "Доступ временно запрещён - превышен лимит запросов"}, "nsi.source_limit", False),
        ({"code": f"Ошибка 17 для {KEY}"}, "nsi.source_refused", False),
    ],
)
async def test_every_failure_is_a_value_with_its_reason(shelf, knobs, reason, whole):
    async with stage(shelf) as (source, url):
        await faults(url, **knobs)
        trouble = await trouble_of(source.fetch(COLOURS))
    assert (trouble.reason, trouble.whole) == (reason, whole)


async def test_a_failure_that_passes_is_asked_again(shelf):
    async with stage(shelf, attempts=20) as (source, url):
        await faults(url, unavailable=0.5, seed=4)
        assert isinstance(await source.fetch(COLOURS), EditionFiles)


async def test_nobody_there_and_endless_waiting_are_unavailability(shelf):
    async with source_at(await unused_url()) as source:
        assert (await trouble_of(source.passport(COLOURS))).reason == "nsi.source_unavailable"
    async with stage(shelf, timeout=0.1) as (source, url):
        await faults(url, delayMs=2000)
        trouble = await trouble_of(source.passport(COLOURS))
    assert (trouble.reason, trouble.retry_after is not None) == ("nsi.source_unavailable", True)


@pytest.mark.parametrize("misbehaviour", list(Misbehaviour))
async def test_a_server_of_any_misbehaviour_is_survived(misbehaviour):
    async with HostileServer(misbehaviour).open() as server, source_at(server.url, timeout=1) as source:
        await trouble_of(source.passport(COLOURS))


@contextlib.asynccontextmanager
async def answering(answers: dict[str, object]):
    """A service that says what it is told to, whatever is asked."""

    async def handler(request: web.Request) -> web.Response:
        return web.json_response(answers[request.path.rpartition("/")[2]])

    app = web.Application()
    app.router.add_get("/port/rest/{operation}", handler)
    async with serving(app) as url, source_at(url, max_rows=10, max_answer=100_000) as source:
        yield source


PASSPORT = {"result": "OK", "oid": COLOURS, "version": "1.1", "fullName": "Цвета"}
ROW = [{"column": "ID", "value": "1"}]


@pytest.mark.parametrize(
    ("passport", "data", "reason"),
    [
        (PASSPORT | {"oid": SHAPES}, {}, "nsi.source_malformed"),
        (PASSPORT | {"version": ""}, {}, "nsi.source_malformed"),
        (PASSPORT, {"result": "OK", "total": 5, "list": []}, "nsi.source_malformed"),
        (PASSPORT, {"result": "OK", "total": 1, "list": [ROW, ROW]}, "nsi.source_malformed"),
        (PASSPORT, {"result": "OK", "total": 99, "list": [ROW]}, "nsi.source_too_large"),
        (
            PASSPORT,
            {"result": "OK", "total": 2, "list": [[{"column": "x" * 200_000}]]},
            "nsi.source_too_large",
        ),
        (PASSPORT, {"result": "OK", "total": "many", "list": 5}, "nsi.source_malformed"),
    ],
)
async def test_an_edition_that_does_not_add_up_is_not_taken(passport, data, reason):
    async with answering({"passport": passport, "data": data}) as source:
        assert (await trouble_of(source.fetch(COLOURS))).reason == reason


async def test_a_redirect_takes_the_key_nowhere():
    asked = []

    async def away(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    app = web.Application()
    app.router.add_get("/{tail:.*}", away)
    async with serving(app) as url, source_at(url) as source:
        await trouble_of(source.passport(COLOURS))
    assert asked == ["/port/rest/passport"]


async def test_the_key_reaches_neither_a_log_nor_a_text(shelf, caplog):
    settings = SourceSettings(user_key=KEY)
    assert KEY not in repr(settings)
    assert KEY not in f"{settings}"
    with caplog.at_level(logging.DEBUG):
        async with stage(shelf) as (source, url):
            await faults(url, code=f"Ключ {KEY} не подходит")
            await trouble_of(source.passport(COLOURS))
    assert KEY not in caplog.text


def test_every_row_of_the_table_of_answers_is_marked_as_our_own_reading():
    assert {row.source for row in table()} == {Source.OWN}
    assert all(row.say.endswith(".") for row in table())


def test_the_source_and_its_simulator_are_found_by_their_entry_points():
    assert discover("inaya.dictionaries")["nsi"] is SOURCE
    assert discover("inaya.simulators")["nsi"] is create
    assert DEMO_KEY


# ---------------------------------------------------------------------- keeping up


async def outcomes(source, wanted, held, columns=None):
    return [one async for one in sync(source, wanted, held, columns)]


async def test_only_what_is_newer_is_fetched_and_one_failure_stops_nobody(shelf):
    publish(shelf, SHAPES, "2.1", header="CODE,NAME")
    async with stage(shelf) as (source, _):
        made = await outcomes(
            source,
            [COLOURS, GENDERS, SHAPES, COLOURS],
            {COLOURS: ["1.9", "1.10"], SHAPES: ["2.0"]},
            {SHAPES: ["ID", "NAME"]},
        )
    current, missed, fresh = made
    assert current == Current(COLOURS, "1.10")
    assert isinstance(missed, Missed)
    assert (missed.oid, missed.trouble.reason) == (GENDERS, "nsi.source_missing")
    assert isinstance(fresh, Fresh)
    assert (fresh.oid, fresh.added, fresh.removed, fresh.reshaped) == (SHAPES, ("CODE",), ("ID",), True)


async def test_a_new_edition_laid_into_the_directory_is_seen_at_the_next_time(shelf):
    async with stage(shelf) as (source, _):
        assert await outcomes(source, [COLOURS], {COLOURS: ["1.10"]}) == [Current(COLOURS, "1.10")]
        publish(shelf, COLOURS, "1.11", 7)
        (fresh,) = await outcomes(source, [COLOURS], {COLOURS: ["1.10"]})
    assert (fresh.files.passport.version, fresh.reshaped) == ("1.11", False)


async def test_a_source_that_answers_nobody_is_asked_once(shelf):
    asked = []

    class Counting:
        async def passport(self, oid: str, version: str = "") -> EditionPassport | SourceTrouble:
            asked.append(oid)
            return SourceTrouble(reason="nsi.source_key", text="нет", whole=True)

    made = await outcomes(Counting(), [COLOURS, SHAPES, GENDERS], {})
    assert [one.oid for one in made] == [COLOURS, SHAPES, GENDERS]
    assert asked == [COLOURS]


async def test_fetching_may_be_called_off(shelf):
    async with stage(shelf) as (source, url):
        await faults(url, delayMs=5000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await source.fetch(COLOURS)


def test_files_of_a_source_are_files_a_reader_knows():
    passport = EditionPassport(oid=COLOURS, version="1.1", raw=b"{}")
    files = EditionFiles(passport=passport, files={f"{COLOURS}_1.1_passport.json": b"{}"})
    assert [SourceFile(name, data).version for name, data in files.files.items()] == ["1.1"]
