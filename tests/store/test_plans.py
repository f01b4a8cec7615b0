"""Plans made while tables were empty serve for the life of a session: none may read what only waits beside its own rows."""

import json
from typing import Final

import pytest
from builders import NOW

from broker.store.database import Database
from broker.store.sql import queries

OTHERS: Final = 5000
FEW: Final = 400
"""Pages of indexes and tables one statement over three rows may look at; all rows of the others lie on thousands."""
NONE: Final = "array[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()]"
TASKS: Final = "array[1, 2, 3]::bigint[]"
STATEMENTS: Final = {
    "tasks.finish": ("bigint[], bigint[]", f"{TASKS}, {TASKS}"),
    "tasks.postpone": (
        "bigint[], bigint[], timestamptz[], text[], smallint[]",
        f"{TASKS}, {TASKS}, array[now()], array[''], array[1::smallint]",
    ),
    "tasks.extend": ("bigint[], bigint[], interval", f"{TASKS}, {TASKS}, '1 minute'"),
    "tasks.release": ("bigint[], bigint[]", f"{TASKS}, {TASKS}"),
    "deliveries.begin": (
        "uuid[], uuid[], bigint[], timestamptz[], bigint[], interval",
        f"{NONE}, {NONE}, {TASKS}, array[now(), now(), now()], {TASKS}, '1 minute'",
    ),
    "deliveries.predecessors": ("uuid[]", NONE),
    "deliveries.earlier_attempts": ("uuid[]", NONE),
    "deliveries.states": ("uuid[]", NONE),
    "deliveries.states_for_change": ("uuid[]", NONE),
    "deliveries.documents_of": ("uuid[]", NONE),
    "deliveries.siblings": ("uuid[]", NONE),
    "deliveries.apply": (
        "uuid[], text[], text[], text[], timestamptz[], timestamptz[], text[], text[], text[], timestamptz[], timestamptz[]",
        f"{NONE}, {', '.join(['null'] * 10)}",
    ),
    "deliveries.end_attempts": (
        "uuid[], timestamptz[], text[], text[], int[], text[]",
        f"{NONE}, {', '.join(['null'] * 5)}",
    ),
    "documents.sizes": ("uuid[]", NONE),
    "documents.for_work": ("uuid[]", NONE),
    "documents.previous_versions": ("uuid[]", NONE),
    "documents.advance": ("uuid[], int[], text[], timestamptz[]", f"{NONE}, null, null, null"),
    "documents.keep_canonicals": ("uuid[], bytea[]", f"{NONE}, null"),
    "destinations.relay_behind": ("", ""),
}


async def fill(database: Database) -> None:
    """Let others' documents, deliveries, tasks and events stand there, all of them waiting."""
    await database.execute(
        "insert into partner (id, title, created_at) values ('vendor-alpha', 'П', $1)", NOW
    )
    await database.execute(
        "insert into document (id, partner_id, clinic_oid, region, mode, door, type, kind, message_id, local_uid, status, "
        "received_at, status_at, digest, size, set_key, version) "
        "select gen_random_uuid(), 'vendor-alpha', 'c', '77', 'test', 'http', 'semd', '1', n::text, n::text, 'accepted', $1, $1, '', 1, "
        "'set-' || n, 1 from generate_series(1, $2::int) n",
        NOW, OTHERS,
    )  # fmt: skip
    await database.execute(
        "insert into delivery (id, document_id, partner_id, clinic_oid, mode, destination, required, rule, status, local_uid, "
        "set_key, version, created_at, status_at, deadline_at) "
        "select gen_random_uuid(), gen_random_uuid(), 'vendor-alpha', 'c', 'test', 'd', true, '', 'queued', n::text, 'set-' || n, 2, $1, "
        "$1, $1 from generate_series(1, $2::int) n",
        NOW, OTHERS,
    )  # fmt: skip
    await database.execute(
        "insert into attempt (id, delivery_id, number, claim, correlation, started_at, digest) "
        "select gen_random_uuid(), gen_random_uuid(), 1, 1, n::text, $1, '' from generate_series(1, $2::int) n",
        NOW, OTHERS,
    )  # fmt: skip
    await database.execute(
        "insert into content (document_id, body) "
        "select gen_random_uuid(), '' from generate_series(1, $1::int) n",
        OTHERS,
    )
    await database.execute(
        "insert into task (queue, lane, subject, due_at) "
        "select 'q', 'c', gen_random_uuid(), $1 from generate_series(1, $2::int) n",
        NOW, OTHERS,
    )  # fmt: skip
    await database.execute(
        "insert into journal (id, event, at, partner_id, feed, body) "
        "select gen_random_uuid(), 'e', $1, 'vendor-alpha', true, '{}' from generate_series(1, $2::int) n",
        NOW, OTHERS,
    )  # fmt: skip


async def read_by_all(database: Database, *, planned_empty: bool) -> dict[str, int]:
    """Return the pages each statement looks at; its plan is made before others' rows are there, or after."""
    read = {}
    async with database.pool.acquire() as connection:
        await connection.execute("vacuum analyze task")  # as whoever comes by at a quiet hour does
        if not planned_empty:
            await fill(database)
        for name, (types, arguments) in STATEMENTS.items():
            file, _, query = name.partition(".")
            declared, given = (f"({types})", f"({arguments})") if types else ("", "")
            await connection.execute(f"prepare {query} {declared} as {queries(file)[query]}")
            await connection.execute(f"execute {query} {given}")
        if planned_empty:
            await fill(database)
        for name, (_, arguments) in STATEMENTS.items():
            run = f"execute {name.partition('.')[2]}" + (f" ({arguments})" if arguments else "")
            plan = json.loads(await connection.fetchval(f"explain (analyze, buffers, format json) {run}"))[0]
            read[name] = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return read


@pytest.mark.parametrize("planned_empty", [True, False])
async def test_a_statement_reads_its_own_rows_alone_whenever_it_was_planned(
    own_database: Database, *, planned_empty: bool
):
    read = await read_by_all(own_database, planned_empty=planned_empty)
    assert {name: pages for name, pages in read.items() if pages > FEW} == {}
