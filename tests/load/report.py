"""Turns results into tables a person reads and goals with pass or miss."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.load.goal import Goal
from tests.load.loads import FIELD, INAYA, LARGE, NAIVE, PAUSED, XSD
from tests.load.results import Measured, Results

CONNECTIONS: Final = (8, 32)


def goals(results: Results) -> list[Goal]:
    """Judge the run: every goal is a ratio of two loads of the same run."""
    engine = results.engine.goals() if results.engine is not None else []
    signatures = results.signatures.goals() if results.signatures is not None else []
    giants = results.giants.goals() if results.giants is not None else ()
    return [*_against_naive(results), *_field(results), *_dead(results), *engine, *signatures, *giants]


def _against_naive(results: Results) -> Iterator[Goal]:
    for connections in CONNECTIONS:
        for workers in (PAUSED, XSD):
            ours = results.find(INAYA, "http", workers, connections)
            naive = results.find(NAIVE, "http", workers, connections)
            if ours is None or naive is None:
                continue
            where = f"workers {workers}, {connections} connections"
            ratio = ours.accepted_per_second / naive.accepted_per_second
            yield Goal(f"accepted per second against naive ({where})", ratio, 0.8)
            yield Goal(f"accept p99 against naive ({where})", ours.p99_ms / naive.p99_ms, 2.0, at_least=False)
            if ours.finished_per_second and naive.finished_per_second:
                ratio = ours.finished_per_second / naive.finished_per_second
                yield Goal(f"end to end at XSD level against naive ({connections} connections)", ratio, 0.5)
    ours, naive = (results.find(who, "http", LARGE, 8) for who in (INAYA, NAIVE))
    if ours and naive and ours.finished_per_second and naive.finished_per_second:
        ratio = ours.finished_per_second / naive.finished_per_second
        yield Goal("1 MB documents end to end against naive", ratio, 1.0)


def _field(results: Results) -> Iterator[Goal]:
    """Judge the whole way; the goal speaks of two cores, the driver and the recipients among what they do."""
    for one in results.measured:
        if one.workers == FIELD and one.finished_per_second:
            yield Goal(
                "documents per second of the whole way, two recipients", one.finished_per_second, 200.0
            )
            yield Goal(
                "CPU ms per document of the whole way, all of ours and PostgreSQL and RabbitMQ",
                one.cpu_total_ms,
                8.0,
                at_least=False,
            )
            if results.best_loop_ns is not None:
                yield Goal(
                    "the same at the machine's best speed of this run",
                    one.calm_cpu_ms(results.best_loop_ns),
                    8.0,
                    at_least=False,
                )


def _dead(results: Results) -> Iterator[Goal]:
    for one in results.dead:
        yield Goal(
            f"p95 beside a dead destination ({one.kind}) against without", one.ratio, 1.2, at_least=False
        )


def tables(results: Results) -> str:
    """Return the whole report as Markdown."""
    blocks = [
        f"# Bench of {results.began}{' (quick: a smoke run, numbers mean little)' if results.quick else ''}",
        table(["machine", ""], [[name, value] for name, value in results.machine.items()]),
        "## The parts alone",
        table(["part", "per second"], [[part.name, f"{part.per_second:.0f}"] for part in results.parts]),
        "## Doors and pipelines",
        table(
            ["receiver", "door", "workers", "conn.", "docs", "accepted/s", "p50 ms", "p99 ms", "finished/s"],
            [_line(one) for one in results.measured],
        ),
        "## CPU, milliseconds per document",
        table(
            [
                "receiver",
                "door",
                "workers",
                "conn.",
                "all but driver and sink",
                "machine slower by",
                "by part",
            ],
            [_cpu(one, results.best_loop_ns) for one in results.measured],
        ),
        "## Memory, MB: peak of the largest process (processes, proportional size of all)",
        table(["receiver", "door", "workers", "by part"], [_memory(one) for one in results.measured]),
    ]
    if results.dead:
        blocks += ["## Beside a dead destination: p95 from arrival to final status, ms", _dead_table(results)]
    for section in (results.engine, results.signatures, results.giants):
        for title, head, rows in section.tables() if section is not None else ():
            blocks += [f"## {title}", table(head, rows)]
    blocks += ["## Goals", goal_table(results.goals)]
    blocks += [f"NOT MEASURED: {why}" for why in results.skipped]
    return "\n\n".join(blocks) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in lines
    )


def _where(one: Measured) -> list[str]:
    return [one.receiver, one.door, one.workers]


def _line(one: Measured) -> list[str]:
    finished = "" if one.finished_per_second is None else f"{one.finished_per_second:.0f}"
    numbers = [f"{one.accepted_per_second:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", finished]
    return [*_where(one), str(one.connections), str(one.documents), *numbers]


def _cpu(one: Measured, best_loop_ns: float | None) -> list[str]:
    used = sorted(one.cpu_ms.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{part} {ms:.2f}" for part, ms in used if ms >= 0.005)
    slower = f"{one.loop_ns / best_loop_ns - 1:.0%}" if one.loop_ns and best_loop_ns else ""
    return [*_where(one), str(one.connections), f"{one.cpu_total_ms:.2f}", slower, parts]


def _memory(one: Measured) -> list[str]:
    parts = [
        f"{name} {memory.peak:.0f} ({memory.processes}, {memory.shared_out:.0f})"
        for name, memory in sorted(one.memory.items())
        if name != "epmd"
    ]
    return [*_where(one), ", ".join(parts)]


def _dead_table(results: Results) -> str:
    rows = [
        [
            d.kind,
            str(d.waiting),
            f"{d.rate:.0f}",
            *(f"{s * 1000:.0f}" for s in (d.before, d.beside, d.after)),
            f"{d.ratio:.2f}",
        ]
        for d in results.dead
    ]
    return table(["dead destination", "waiting", "load/s", "before", "beside", "after", "ratio"], rows)


def goal_table(found: Sequence[Goal]) -> str:
    """Return goals with pass or miss."""
    rows = [
        [
            goal.name,
            f"{goal.reached:.2f}",
            f"{'≥' if goal.at_least else '≤'} {goal.wanted}",
            "pass" if goal.passed else "MISS",
        ]
        for goal in found
    ]
    return table(["goal", "reached", "wanted", ""], rows)
