"""``compose.yaml`` was never run here: at least everything it names exists."""

import json
import re
from typing import Any

import msgspec
import pytest
import yaml
from tree import ROOT

from broker.adapter_kit import Destination
from broker.assembly.foundation import discover
from broker.bus.auth import VHOST
from broker.bus.topology import EXCHANGES, PARTNER_QUEUES, hint_queue, receipts_queue
from broker.cli.entry import make_parser
from broker.ingress.rabbitmq_auth import PREFIX
from broker.routing.table import Table, check_table
from broker.settings import cards

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "inaya"}
CLASSIC_ONLY = {"x-queue-mode", "x-max-priority", "x-queue-master-locator"}
"""Arguments quorum queues or RabbitMQ 4 do not take."""


def test_every_part_of_the_product_is_there_and_doubled_where_it_scales():
    assert {"postgres", "rabbitmq", "serve", "work", "prometheus"} <= set(SERVICES)
    assert {SERVICES[name]["deploy"]["replicas"] for name in ("serve", "work")} == {2}
    assert {f"sim-{name}" for name in discover("inaya.simulators")} <= set(SERVICES)


def test_it_says_that_it_was_never_run():
    for name in ("compose.yaml", "Dockerfile", "deploy/rabbitmq.conf", "docs/prometheus.yml"):
        assert re.search("не проверялось", (ROOT / name).read_text(encoding="utf-8"), re.IGNORECASE), name


def test_the_current_series_of_the_servers_are_used():
    assert SERVICES["rabbitmq"]["image"].startswith("rabbitmq:4")
    assert int(SERVICES["postgres"]["image"].partition(":")[2]) >= 15


@pytest.mark.parametrize("name", OURS)
def test_every_variable_exists_in_the_settings(name):
    known = {card.variable for card in cards()}
    assert set(OURS[name]["environment"]) <= known
    required = {card.variable for card in cards() if card.required}
    assert required <= set(OURS[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_understood(name):
    arguments = make_parser().parse_args(OURS[name]["command"])
    assert arguments.run is not None


@pytest.mark.parametrize(
    "command", re.findall(r"compose run --rm admin (.+)", (ROOT / "compose.yaml").read_text())
)
def test_every_command_of_the_comments_is_understood(command):
    assert make_parser().parse_args(command.strip().split()).run is not None


def test_every_file_it_mounts_is_there():
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert mounted
    assert [name for name in mounted if not (ROOT / name).exists()] == []


def test_every_directory_the_image_copies_is_there():
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for line in copied for name in line.split() if not (ROOT / name).exists()] == []


def test_ports_agree_with_the_settings():
    environment = SERVICES["serve"]["environment"]
    inner = SERVICES["serve"]["ports"][0].rpartition(":")[2]
    assert inner == environment["INAYA_HTTP_PORT"]
    assert environment["INAYA_PEER_URL"].endswith(f":{environment['INAYA_PEER_PORT']}")
    prometheus = yaml.safe_load((ROOT / "docs/prometheus.yml").read_text(encoding="utf-8"))
    ports = {job["job_name"]: job["dns_sd_configs"][0]["port"] for job in prometheus["scrape_configs"]}
    assert ports == {"serve": int(inner), "work": int(environment["INAYA_METRICS_PORT"])}


def test_simulators_listen_where_the_destinations_look_for_them():
    destinations = msgspec.json.decode(
        (ROOT / "deploy/destinations.json").read_bytes(), type=list[Destination]
    )
    adapters = discover("inaya.adapters")
    for destination in destinations:
        assert destination.adapter in adapters
        host, port = re.match(r"http://([\w-]+):(\d+)", destination.url).groups()
        assert port in SERVICES[host]["command"]


def test_the_routing_table_beside_it_may_be_activated():
    table = msgspec.json.decode((ROOT / "deploy/routing.json").read_bytes(), type=Table)
    known = {one["id"] for one in json.loads((ROOT / "deploy/destinations.json").read_text())}
    assert check_table(table, frozenset(known)) == []


def test_rabbitmq_asks_the_questions_we_answer():
    text = (ROOT / "deploy/rabbitmq.conf").read_text(encoding="utf-8")
    asked = re.findall(r"auth_http\.(\w+)_path = http://serve:(\d+)(/\S+)", text)
    port = SERVICES["serve"]["environment"]["INAYA_HTTP_PORT"]
    assert asked == [(name, port, f"{PREFIX}/{name}") for name in ("user", "vhost", "resource", "topic")]
    assert VHOST == "/"


def test_queues_use_only_arguments_both_series_of_rabbitmq_know():
    queues = [*PARTNER_QUEUES, hint_queue("route.remd"), receipts_queue("partner")]
    assert all(queue.arguments["x-queue-type"] == "quorum" for queue in queues)
    used = {argument for queue in queues for argument in queue.arguments}
    assert used & CLASSIC_ONLY == set()
    assert {argument for exchange in EXCHANGES for argument in exchange.arguments} <= {"alternate-exchange"}
