"""The floors of the tree hold: every import contract is kept, and the contracts know every room."""

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

from tree import ROOT


def test_every_import_contract_is_kept():
    """In a process of its own: among tests, ``adapters`` could be found as the tests of adapters."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_contracts_name_every_room():
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter", encoding="utf-8")
    floors = contracts["importlinter:contract:floors"]["layers"].split("\n")
    named = [word.strip("() ") for line in floors for word in line.split("|") if word.strip()]
    there = {
        path.name.removesuffix(".py")
        for path in (ROOT / "broker").iterdir()
        if (path / "__init__.py").exists() or path.suffix == ".py"
    } - {"__init__", "__main__"}
    assert sorted(named) == sorted(there)
