"""Runs cases one by one, each in a process of its own with a bound on memory and CPU; prints what became of them as JSON.

Started as a script with ``documents``, ``official`` (the same under the official rules of kind 290) or ``packs``: everything is loaded and warmed first, then each case forks, so that
only what the case itself costs is counted. CPU time and the kernel's own high-water mark are compared: no clock on a wall.
"""

import gc
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import process_time
from uuid import UUID

MIB = 1024 * 1024
ROOM = 200
"""Mebibytes a case may take beyond what was there."""
SECONDS = 1.0
_HARD_SECONDS = 8


def status(name: str) -> int:
    """A line of the kernel's account of this process, in mebibytes."""
    return int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024


def measured(run: Callable[[object], object], body: object) -> dict[str, object]:
    """What came of it, CPU seconds and mebibytes beyond the baseline."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    before, started = status("VmRSS"), process_time()
    limit = (status("VmSize") + ROOM) * MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        told = run(body)
    except MemoryError:
        told = {"codes": ["MEMORY"]}
    seconds = process_time() - started
    return {**told, "seconds": round(seconds, 3), "mib": status("VmHWM") - before}


def in_a_child(run: Callable[[object], object], make: Callable[[], object]) -> dict[str, object]:
    """Fork, make the body, run it under limits; a child that dies says by which signal."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        spent = process_time()
        body = make()
        hard = int(process_time() - spent + process_time()) + _HARD_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard + 1))
        os.write(writing, json.dumps(measured(run, body)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        return {"codes": [signal.Signals(os.WTERMSIG(ended)).name], "seconds": float("inf"), "mib": 0}
    return json.loads(said)


def official() -> tuple[Callable, dict]:
    """Documents under the largest official rules."""
    import hostile_documents
    from validation_stand import DATA

    hostile_documents.KIND = "290"
    return documents(DATA / "packs")


def documents(packs: Path | None = None) -> tuple[Callable, dict]:
    """The real way of a document through examination, warmed by a good one."""
    from hostile_documents import CREATED, DOCUMENTS, KIND, good
    from validation_stand import ROOT

    from broker.archive import StoredContent
    from broker.document.finding import Layer
    from broker.document.submission import Metadata, SubmissionType
    from broker.pipeline import ExaminationInput, Workshop, examine

    workshop = Workshop(ROOT / "schemas", packs)

    def run(body: str | bytes) -> dict[str, object]:
        content = body.encode() if isinstance(body, str) else body
        one = ExaminationInput(
            document_id=UUID(int=0),
            type=SubmissionType.SEMD,
            kind=KIND,
            clinic="",
            region="",
            mcod="",
            local_uid="",
            at=CREATED + timedelta(hours=1),
            stored=StoredContent(content, "application/xml", (), Metadata()),
        )
        found = [f for f in examine(one, workshop).findings if f.layer is not Layer.SIGNATURE]
        return {
            "codes": sorted({f.code for f in found}),
            "blocks": [f.code for f in found if f.severity == "error"][:3],
            "texts": [f"{f.message} {f.fix}"[:400] for f in found[:5]],
            "length": max((len(f.message) for f in found), default=0),
        }

    run(good())
    return run, {name: make for name, (_, make) in DOCUMENTS.items()}


def packs() -> tuple[Callable, dict]:
    """The reading of a pack, warmed by a good one."""
    from hostile_packs import PACKS
    from pack_builder import repository_files, zipped
    from validation_stand import ROOT

    from broker.document.kind import KindCatalogue
    from broker.validation.packs import PackRefused, read_pack

    catalogue = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")

    def run(body: bytes) -> dict[str, object]:
        made = read_pack(body, "pack.zip", catalogue)
        if isinstance(made, PackRefused):
            return {"codes": [made.code], "texts": [f"{made.message} {made.fix}"], "file": made.file}
        return {"codes": [finding.code for finding in made.findings], "texts": [], "file": ""}

    run(zipped(repository_files()))
    return run, {name: make for name, (_, make) in PACKS.items()}


def main(what: str, only: str = "") -> None:
    run, cases = {"documents": documents, "official": official, "packs": packs}[what]()
    gc.collect()
    gc.freeze()
    json.dump(
        {name: in_a_child(run, make) for name, make in cases.items() if only in name},
        sys.stdout,
        ensure_ascii=False,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
