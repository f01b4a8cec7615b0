"""Nothing is left for later, every exception from a rule has its reason, and bugs are caught only where they are recorded."""

import ast
import re

from tree import comments, modules, name_of, source, syntax, tracked

MARK = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
NOQA = re.compile(r"noqa(?::\s*(?P<codes>[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*))?(?P<reason>.*)")
IGNORE = re.compile(r"type:\s*ignore(?P<codes>\[[\w,\s-]+\])?(?P<reason>.*)")

OUTERMOST = {
    "broker/api/app.py": "a request",
    "broker/assembly/serving.py": "the readiness page: any trouble means not ready",
    "broker/bus/handling.py": "a message handler",
    "broker/bus/intake.py": "an intake message",
    "broker/bus/supervision.py": "a duty of the connection",
    "broker/compute/pool.py": "a task of a compute process",
    "broker/console/session.py": "a request of the console",
    "broker/ingress/amqp.py": "a parked message, which must stop nobody",
    "broker/ingress/peer.py": "a call of a state system, the adapter's promise",
    "broker/store/batcher.py": "a shared commit: the error is handed to the one caller whose item it is",
    "broker/work/callbacks.py": "a stored callback, the adapter's promise",
    "broker/work/deliver.py": "a batch, and the adapter's promise",
    "broker/work/reconcile.py": "a call to a registry, the adapter's promise",
    "broker/work/loop.py": "a worker's loop",
}
"""Where ``except Exception`` may stand: outermost loops that record a bug and go on."""


def test_no_mark_for_later_is_left_anywhere():
    left = []
    for path in tracked():
        if path.suffix in {".py", ".sql", ".toml", ".sh", ".md", ".yaml", ".yml", ".html", ".css", ".js"}:
            text = path.read_text(encoding="utf-8")
            left += [f"{name_of(path)}: {found[0]}" for found in MARK.finditer(text)]
    assert left == []


def test_every_silenced_rule_is_named_and_explained_on_its_line():
    silent = []
    for path in modules():
        for comment in comments(path):
            for pattern in (NOQA, IGNORE):
                found = pattern.search(comment.text)
                if found and not (found["codes"] and len(found["reason"].strip(" -—#")) >= 5):
                    silent.append(f"{comment.path}:{comment.line} {comment.text}")
    assert silent == []


def _caught(node: ast.ExceptHandler) -> set[str]:
    if isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None:
        return set()  # tidies up and lets the error go on
    if node.type is None:
        return {"everything"}
    return {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}


def test_every_kind_of_error_is_caught_only_in_an_outermost_loop():
    wide = {
        name_of(path)
        for path in modules("broker", "adapters")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ExceptHandler)
        and _caught(node) & {"Exception", "BaseException", "everything"}
    }
    assert wide <= set(OUTERMOST), "an outermost loop records the bug; everything else names what it expects"
    assert set(OUTERMOST) <= wide, "a line of the list is stale"


def test_only_a_command_prints():
    printing = {
        name_of(path)
        for path in modules("broker", "adapters")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"breakpoint", "print"}
    }
    assert printing <= {"broker/cli/terminal.py"}


def test_no_work_of_ours_is_mocked():
    mocking = [
        name_of(p) for p in modules("tests") if re.search(r"unittest\.mock|\bMagicMock\b|mocker", source(p))
    ]
    assert [name for name in mocking if name != "tests/house/test_honesty.py"] == []


def test_no_tracked_file_names_a_place_on_somebodys_machine():
    place = re.compile(r"(?<![\w.}/])/(?:home|root|work|Users)/\w")
    named = []
    for path in tracked():
        if path.suffix not in {".lock", ".png", ".pem", ".der", ".zip", ".p7s"}:
            text = path.read_text(encoding="utf-8", errors="ignore")
            named += [f"{name_of(path)}: {text[m.start() : m.start() + 40]!r}" for m in place.finditer(text)]
    assert named == []


def test_durability_is_never_switched_off():
    loose = re.compile(
        r"(fsync|synchronous_commit|full_page_writes)['\"]?\s*[=:,]\s*['\"]?(off|false|no\b)", re.IGNORECASE
    )
    found = []
    for path in tracked():
        if (
            path.suffix in {".py", ".sql", ".toml", ".yaml", ".yml", ".sh", ".conf"}
            and path.name != "test_honesty.py"
        ):
            found += [f"{name_of(path)}: {m[0]}" for m in loose.finditer(path.read_text(encoding="utf-8"))]
    assert found == []


def test_the_private_postgresql_of_a_stand_is_told_to_keep_fsync_on():
    stand = next(p for p in modules("broker") if name_of(p) == "broker/dev/postgres.py")
    text = source(stand)
    assert re.search(r"fsync['\"]?\s*[=:,]\s*['\"]?on", text), (
        "say it, so that no inherited setting can switch it off"
    )
