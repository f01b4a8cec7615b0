"""The floors of the tree hold: every import contract is kept."""

from importlinter import api
from importlinter.cli import lint_imports
from tree import ROOT


def test_every_import_contract_is_kept(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True, verbose=False)
    assert status == 0, capsys.readouterr().out


def test_the_contracts_name_every_room(monkeypatch):
    monkeypatch.chdir(ROOT)
    contracts = {c["id"]: c for c in api.read_configuration(str(ROOT / ".importlinter"))["contracts_options"]}
    layers = contracts["floors"]["layers"]
    rooms = {word.strip("() ") for line in layers for word in line.split("|")}
    there = {
        path.name.removesuffix(".py")
        for path in (ROOT / "broker").iterdir()
        if (path / "__init__.py").exists() or path.suffix == ".py"
    } - {"__init__", "__main__"}
    assert rooms == there
