"""What a simulator took survives its death, and its file stays as large as what it holds."""

from contextlib import closing
from pathlib import Path

from broker.adapter_kit.simulation import SimStore


def test_the_last_value_of_every_key_comes_back_in_the_order_of_the_keys(tmp_path: Path):
    path = tmp_path / "sim" / "remd.jsonl"
    with closing(SimStore(path)) as store:
        for number in range(100):
            store.put("documents", "b", number)
            store.put("documents", "a", -number)
    with closing(SimStore(path)) as again:
        assert list(again.items("documents", int)) == [("b", 99), ("a", -99)]
    assert len(path.read_bytes().splitlines()) == 2


def test_a_line_torn_by_a_kill_spoils_none_that_comes_after_it(tmp_path: Path):
    path = tmp_path / "remd.jsonl"
    with closing(SimStore(path)) as store:
        store.put("documents", "a", 1)
    with path.open("ab") as file:
        file.write(b'["documents","b",')
    with closing(SimStore(path)) as store:
        store.put("documents", "c", 3)
    with closing(SimStore(path)) as store:
        assert list(store.items("documents", int)) == [("a", 1), ("c", 3)]
    assert not path.with_name("remd.jsonl.new").exists()
