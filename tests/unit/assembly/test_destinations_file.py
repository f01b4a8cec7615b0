"""The file of destinations: what is wrong in it is said so that an operator can mend it."""

import json
from pathlib import Path

import pytest

from broker.assembly.foundation import read_destinations
from broker.settings import SettingsError

REMD = {"id": "remd", "adapter": "remd"}


def written(room: Path, *destinations: object) -> str:
    path = room / "destinations.json"
    path.write_text(json.dumps(destinations), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("mode", ["test", "production", "any"])
def test_a_destination_takes_test_documents_real_ones_or_both(tmp_path: Path, mode: str):
    (read,) = read_destinations(written(tmp_path, REMD | {"mode": mode}))
    assert read.mode == mode


def test_without_a_word_it_takes_test_documents_only(tmp_path: Path):
    assert read_destinations(written(tmp_path, REMD))[0].mode == "test"


@pytest.mark.parametrize("mode", ["prod", "Test", "", None, ["test"]])
def test_a_mode_there_is_not_is_refused_in_words(tmp_path: Path, mode: object):
    wrong = {"id": "gis.77", "adapter": "gis_soap", "mode": mode, "secrets": {"guid": "тайна"}}
    with pytest.raises(SettingsError) as refused:
        read_destinations(written(tmp_path, REMD, wrong))
    assert "направление gis.77: режима mode = " in str(refused.value)
    assert "укажите test, production или any" in str(refused.value)
    assert "тайна" not in str(refused.value)


def test_other_mistakes_are_named_by_their_place(tmp_path: Path):
    with pytest.raises(SettingsError, match="timeout"):
        read_destinations(written(tmp_path, REMD | {"timeout": "долго"}))
