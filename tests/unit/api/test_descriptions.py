"""OpenAPI and AsyncAPI are valid, complete and say what the doors really do."""

import re

import msgspec
import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from broker.api.asyncapi import TOLD, asyncapi
from broker.api.openapi import openapi
from broker.api.route import Answer, Route
from broker.api.shapes import PROMISING, EventBody, TicketBody
from broker.assembly.describing import asyncapi_page, described_routes, openapi_page
from broker.bus.topology import DOCUMENTS, receipts_name
from broker.document.event import EventName
from broker.document.submission import Content, Submission
from broker.document.written import promised
from broker.settings import BusSettings


@pytest.fixture(scope="module")
def page():
    return openapi_page()


@pytest.fixture(scope="module")
def doors():
    return asyncapi_page()


def operations(page):
    return {
        (method, path): operation
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    }


def test_the_page_is_valid_openapi_three_one(page):
    assert page["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(page).iter_errors()] == []


def test_every_route_is_described_once(page):
    routes = {(route.method.lower(), route.path) for route in described_routes()}
    assert set(operations(page)) == routes
    ids = [operation["operationId"] for operation in operations(page).values()]
    assert len(ids) == len(set(ids))


def test_the_operations_of_the_contract_are_there(page):
    told = set(operations(page))
    for method, path in (
        ("post", "/documents"),
        ("get", "/documents"),
        ("get", "/documents/{id}"),
        ("get", "/documents/{id}/events"),
        ("get", "/documents/{id}/report"),
        ("get", "/documents/{id}/content"),
        ("put", "/documents/{id}/content"),
        ("post", "/documents/{id}/cancel"),
        ("get", "/events"),
        ("post", "/validate"),
        ("post", "/prepare"),
        ("post", "/registrations"),
        ("get", "/registrations/{id}"),
        ("post", "/registrations/{id}/approve"),
        ("post", "/partners/{id}/credentials"),
        ("patch", "/clinics/{oid}"),
    ):
        assert (method, f"/api/v1{path}") in told


def test_every_word_in_a_path_is_a_parameter_and_the_other_way_round(page):
    for (_, path), operation in operations(page).items():
        named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path


def test_every_answer_says_what_it_means_in_russian(page):
    for operation in operations(page).values():
        assert re.search("[а-я]", operation["summary"])
        for answer in operation["responses"].values():
            assert re.search("[а-яА-Я]", answer["description"])


def test_names_of_schemas_tell_nothing_of_the_program(page):
    assert [name for name in page["components"]["schemas"] if not re.fullmatch(r"[A-Za-z0-9_]+", name)] == []


def test_only_what_anybody_may_ask_is_open(page):
    free = {key for key, operation in operations(page).items() if not operation["security"]}
    assert all("registrations" in path for _, path in free)


def schema_of(page, name):
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": page["components"]})


def test_a_submission_of_the_contract_fits_its_schema_and_a_wrong_field_does_not(page):
    one = Submission(clinic="1.2.643.5.1.13.13.12.2.77.9001", content=Content(data="PA=="), kind="306")
    plain = msgspec.json.decode(msgspec.json.encode(one))
    validator = schema_of(page, "Submission")
    assert validator.is_valid(plain)
    assert not validator.is_valid(plain | {"unknown": 1})
    assert not validator.is_valid({"clinic": "x"})


def test_two_structs_of_one_name_are_told_apart():
    class Problem(msgspec.Struct):
        text: str

    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    from broker.api.problem import Problem as Other

    route = Route(
        method="GET",
        path="/x",
        operation="x",
        summary="проба",
        handler=handler,
        answers={200: Answer("да", Problem), 400: Answer("нет", Other)},
    )
    page = openapi([route], version="0")
    assert len(page["components"]["schemas"]) == 2
    assert OpenAPIV31SpecValidator(page).is_valid()


# ------------------------------------------------------------------ AMQP


def references(value):
    match value:
        case {"$ref": str(target)}:
            yield target
        case dict():
            for one in value.values():
                yield from references(one)
        case list():
            for one in value:
                yield from references(one)


def resolve(page, target):
    place = page
    for step in target.removeprefix("#/").split("/"):
        place = place[step]
    return place


def test_the_amqp_page_has_the_structure_of_asyncapi_three(doors):
    assert re.fullmatch(r"3\.0\.\d+", doors["asyncapi"])
    assert {"title", "version"} <= set(doors["info"])
    assert set(doors) <= {
        "asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations", "components",
    }  # fmt: skip
    for server in doors["servers"].values():
        assert {"host", "protocol"} <= set(server)
        assert set(re.findall(r"{(\w+)}", server["host"])) == set(server.get("variables", {}))
    for channel in doors["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
        assert channel["messages"]
    for operation in doors["operations"].values():
        assert operation["action"] in {"send", "receive"}
        assert operation["channel"]["$ref"].startswith("#/channels/")
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_every_reference_of_both_pages_resolves(page, doors):
    for one in (page, doors):
        for target in references(one):
            assert resolve(one, target) is not None


def test_the_amqp_page_speaks_of_the_queues_that_are_declared(doors):
    documents = doors["channels"]["documents"]["bindings"]["amqp"]["exchange"]
    assert (documents["name"], documents["type"]) == (DOCUMENTS.name, DOCUMENTS.kind.value)
    assert doors["channels"]["receipts"]["address"] == receipts_name("login").replace("login", "{login}")


def test_an_event_fits_the_payload_the_amqp_page_promises(doors):
    event = EventBody(
        event=EventName.DOCUMENT_ACCEPTED,
        sequence=1,
        document_id=None,
        message_id="m",
        local_uid="",
        clinic="",
        mode="test",
        status="accepted",
        occurred_at="2026-03-01T10:00:00Z",
    )
    payload = doors["components"]["messages"]["event"]["payload"] | {"components": doors["components"]}
    validator = Draft202012Validator(payload)
    assert validator.is_valid(msgspec.json.decode(msgspec.json.encode(event)))
    assert not validator.is_valid({"event": "document.accepted"})


def test_partners_are_told_exactly_the_events_of_the_contract():
    assert {name.value for name in TOLD} == {
        *(
            f"document.{word}"
            for word in ["accepted", "validated", "rejected", "routed", "unroutable", "completed", "failed"]
        ),
        *(
            f"delivery.{word}"
            for word in ["held", "awaiting", "registered", "delivered", "rejected", "dead", "cancelled"]
        ),
        "file.requested",
    }


def test_pages_say_the_version_of_the_product():
    assert asyncapi(version="9.9")["info"]["version"] == "9.9"
    assert TicketBody.__struct_fields__ == ("id", "status", "received_at", "digest", "mode")


@pytest.mark.parametrize(
    ("own", "public", "told"),
    [
        ("", "", ""),
        ("", "amqps://mq.example", ""),
        ("amqp://inaya:word@10.0.0.5:5672/", "", "amqp://10.0.0.5:5672/"),
        ("amqp://inaya:word@10.0.0.5:5672/", "amqps://mq.example:5671", "amqps://mq.example:5671/"),
        ("amqp://inaya:word@10.0.0.5:5672/", "amqps://somebody:word@mq.example/", "amqps://mq.example/"),
    ],
)
def test_partners_are_told_the_public_address_of_rabbitmq_and_nobodys_login(own: str, public: str, told: str):
    bus = BusSettings(amqp_url=own, amqp_public_url=public)
    assert bus.amqp_for_partners == told
    server = asyncapi_page(told)["servers"]["rabbitmq"]
    if told:
        assert f"{server['protocol']}://{server['host']}/" == told
        assert "variables" not in server
    else:
        assert server["host"] == "{host}"


@pytest.mark.parametrize("shape", PROMISING, ids=lambda shape: shape.__name__)
def test_pages_say_which_fields_are_always_there(page, doors, shape):
    found = [
        one["components"]["schemas"][shape.__name__]
        for one in (page, doors)
        if shape.__name__ in one["components"]["schemas"]
    ]
    assert found
    assert all(schema["required"] == promised(shape) for schema in found)
