"""A third party's adapter, installed as a distribution of its own, is found, listed and passes the suite.

Nothing in ``broker/`` is changed for it: the test installs the example without network into a folder of its own and
looks at it from fresh processes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "thirdparty" / "inaya_adapter_example"

LISTING = """
import json
from importlib.metadata import entry_points
from broker.adapter_kit import Adapter
found = {}
for point in entry_points(group="inaya.adapters"):
    adapter = point.load()
    assert isinstance(adapter, Adapter), point.name
    found[point.name] = [adapter.passport.name, adapter.passport.title, point.dist.name]
print(json.dumps(found))
"""


def run(target: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a copy of the example (a build leaves marks in its folder) with no network and no dependencies."""
    work = tmp_path_factory.mktemp("thirdparty")
    shutil.copytree(EXAMPLE, work / "source")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q"]
    done = run(
        ROOT,
        "-m",
        "pip",
        "install",
        *options,
        "--target",
        str(work / "site"),
        str(work / "source"),
        cwd=work,
    )
    assert done.returncode == 0, done.stderr
    shutil.copytree(EXAMPLE / "tests", work / "tests")
    return work


def test_it_is_found_beside_our_own_adapters(installed: Path):
    done = run(installed / "site", "-c", LISTING, cwd=installed)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["archive_http"] == [
        "archive_http",
        "Архив клиники по HTTP (пример стороннего адаптера)",
        "inaya-adapter-example",
    ]
    assert found["folder"][2] == "inaya"


def test_it_passes_the_conformance_suite(installed: Path):
    done = run(
        installed / "site",
        "-m",
        "pytest",
        "-q",
        "-c",
        str(installed / "source" / "pyproject.toml"),
        str(installed / "tests"),
        cwd=installed,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_broker_does_not_know_it():
    named = [
        path
        for folder in ("broker", "adapters")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".toml"} and "archive_http" in path.read_text(encoding="utf-8")
    ]
    assert named == []
    assert "archive_http" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
