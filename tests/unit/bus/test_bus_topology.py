"""The topology as values: what partners and operators rely on, in arguments both RabbitMQ series take."""

import pytest

from broker.bus import topology

KNOWN_TO_BOTH_SERIES = {
    "x-queue-type",
    "x-delivery-limit",
    "x-dead-letter-exchange",
    "x-dead-letter-strategy",
    "x-overflow",
    "x-max-length",
    "x-max-length-bytes",
}

QUEUES = [
    *topology.PARTNER_QUEUES,
    topology.hint_queue("validate"),
    topology.hint_queue("route.gis.77"),
    topology.receipts_queue("mis-17"),
]


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_every_queue_is_a_quorum_queue_with_arguments_of_both_series(queue):
    assert queue.arguments["x-queue-type"] == "quorum"
    assert set(queue.arguments) <= KNOWN_TO_BOTH_SERIES
    assert queue.purpose


def test_names_are_those_of_the_contract():
    names = [queue.name for queue in QUEUES]
    assert names == ["intake.parked", "intake", "work.validate", "route.gis.77", "receipts.mis-17"]
    assert topology.DOCUMENTS.name == "documents"
    assert topology.route_queue("remd") == "route.remd"


def test_only_hints_may_be_lost():
    assert [queue.name for queue in QUEUES if queue.expendable] == ["work.validate", "route.gis.77"]
    for queue in QUEUES:
        assert queue.expendable == (queue.arguments.get("x-overflow") == "drop-head")


def test_intake_loses_nothing_to_its_redelivery_limit():
    assert topology.INTAKE.arguments["x-dead-letter-strategy"] == "at-least-once"
    assert topology.INTAKE.arguments["x-overflow"] == "reject-publish"
    assert topology.INTAKE.arguments["x-dead-letter-exchange"] == topology.PARKING.name
    assert [binding.exchange for binding in topology.PARKED.bindings] == [topology.PARKING.name]


def test_what_documents_cannot_route_is_parked():
    assert topology.DOCUMENTS.arguments["alternate-exchange"] == topology.PARKING.name


@pytest.mark.parametrize("name", ["", "route remd", "Ц", "x" * 101])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError, match="not a queue name"):
        topology.hint_queue(name)


@pytest.mark.parametrize("login", ["", "ab", "MIS", "a.b", "a*b", "x" * 46])
def test_a_login_that_is_none_has_no_receipts(login):
    with pytest.raises(ValueError, match="not a partner's login"):
        topology.receipts_name(login)
