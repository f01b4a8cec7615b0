"""The state directory: lock, ports, secrets, rights; and the file of addresses."""

import json
import socket
from pathlib import Path

import pytest

from broker.dev.endpoints import (
    Clinic,
    Endpoints,
    Operator,
    Partner,
    Pki,
    Signer,
    publish_endpoints,
    read_endpoints,
)
from broker.dev.state import StateDir, StateDirBusyError, StateDirUnusableError, free_port, port_is_free


def test_ports_and_secrets_stay_the_same_after_a_restart(state_dir: Path) -> None:
    first = StateDir.open(state_dir)
    ports = [first.port(name) for name in ("http", "peer", "amqp")]
    secret = first.secret("operator")
    again = StateDir.open(state_dir)
    assert [again.port(name) for name in ("http", "peer", "amqp")] == ports
    assert len(set(ports)) == 3
    assert again.secret("operator") == secret
    assert again.secret("other") != secret


def test_a_port_somebody_took_meanwhile_is_replaced(state_dir: Path) -> None:
    kept = StateDir.open(state_dir).port("http")
    with socket.create_server(("127.0.0.1", kept)):
        assert not port_is_free(kept)
        fresh = StateDir.open(state_dir).port("http")
    assert fresh != kept
    assert StateDir.open(state_dir).port("http") == fresh


def test_a_wanted_port_is_taken_as_it_is(state_dir: Path) -> None:
    wanted = free_port()
    assert StateDir.open(state_dir).port("http", wanted) == wanted
    assert StateDir.open(state_dir).port("http") == wanted


def test_a_port_a_client_has_just_left_counts_as_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()
    assert port_is_free(port)


def test_two_stands_on_one_directory_get_a_clear_message(state_dir: Path) -> None:
    with StateDir.open(state_dir).lock():
        with (
            pytest.raises(StateDirBusyError, match="другой inaya dev") as caught,
            StateDir.open(state_dir).lock(),
        ):
            pass
        assert caught.value.pid.isdigit()
    with StateDir.open(state_dir).lock():
        pass


def test_a_new_directory_lets_accounts_pass_and_hides_what_it_holds(state_dir: Path) -> None:
    state = StateDir.open(state_dir)
    state.secret("word")
    state.port("http")
    assert state_dir.stat().st_mode & 0o777 == 0o711
    for path in (state.room("logs"), state_dir / "secrets.json", state_dir / "ports.json"):
        assert path.stat().st_mode & 0o077 == 0


def test_the_rights_of_an_existing_directory_are_left_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    StateDir.open(tmp_path).secret("word")
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_spoilt_file_and_an_impossible_place_are_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(StateDirUnusableError, match="испорчен"):
        StateDir.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDirUnusableError, match="недоступен"):
        StateDir.open(tmp_path / "file" / "state")


def test_a_grown_log_is_set_aside(state_dir: Path) -> None:
    state = StateDir.open(state_dir)
    with state.log("serve").open("wb") as log:
        log.truncate(17 * 1024 * 1024)
    assert not state.log("serve").exists()
    assert (state_dir / "logs" / "serve.log.1").exists()


def an_endpoints() -> Endpoints:
    return Endpoints(
        http="http://127.0.0.1:1",
        console="http://127.0.0.1:1/console/",
        peer="http://127.0.0.1:2/peer",
        database="postgresql://inaya@127.0.0.1:3/inaya",
        operator=Operator("operator", "word"),
        partners=(
            Partner(
                "mis-demo", "inaya_test_1_x", (Clinic("1.2.643.5.1.13.13.12.2.77.9001", "77", oms=True),)
            ),
        ),
        simulators={"remd": "http://127.0.0.1:4"},
        pki=Pki("ca.pem", "ca.crl", (Signer("AUTHOR", "00000000000", "rsa", "a.pem", "a.key"),)),
    )


def test_the_addresses_stand_while_the_stand_is_ready_and_only_its_owner_reads_them(tmp_path: Path) -> None:
    with publish_endpoints(tmp_path, an_endpoints()) as path:
        assert path == tmp_path / "endpoints.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert read_endpoints(tmp_path) == an_endpoints()
        written = json.loads(path.read_bytes())
        assert [*written] == [
            "http",
            "console",
            "peer",
            "amqp",
            "database",
            "operator",
            "partners",
            "simulators",
            "metrics",
            "pki",
        ]
        assert written["amqp"] is None
        assert written["partners"][0]["clinics"][0] == {
            "oid": "1.2.643.5.1.13.13.12.2.77.9001",
            "region": "77",
            "oms": True,
        }
    assert list(tmp_path.iterdir()) == []
    assert read_endpoints(tmp_path) is None
