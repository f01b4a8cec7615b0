"""A long-lived process that is set up wrong says so in one line, for a person, and ends with two."""

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

KEY = base64.b64encode(b"k" * 32).decode()


def start(process: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a process of the house with exactly these variables, to its end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INAYA_")}
    environment |= {f"INAYA_{name}": value for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, "-m", "broker", process],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("process", ["serve", "work"])
def test_a_bad_file_of_destinations_is_one_russian_line_and_status_two(process: str, tmp_path: Path):
    path = tmp_path / "destinations.json"
    path.write_text('[{"id": "remd", "adapter": "remd", "mode": "боевой"}]', encoding="utf-8")
    ended = start(
        process, DATABASE_URL="postgresql://127.0.0.1:1/none", MASTER_KEY=KEY, DESTINATIONS=str(path)
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("inaya: INAYA_DESTINATIONS")
    assert re.search("направление remd: режима .* нет", line)
