"""What the doors really answer fits what /openapi.json promises, and the pages are served as they are generated."""

import base64
from typing import Any

import msgspec
import pytest
from builders import a_submission
from jsonschema import Draft202012Validator, FormatChecker

from broker.api.asyncapi import TOLD
from broker.assembly.describing import asyncapi_page, openapi_page


@pytest.fixture(scope="module")
def partner(a_folder_house):
    return a_folder_house.partners[0]


@pytest.fixture(scope="module")
async def described(partner) -> dict[str, Any]:
    return (await partner.call("GET", "/openapi.json")).body


async def test_the_served_descriptions_are_the_generated_ones(partner, described):
    assert described == openapi_page()
    assert (await partner.call("GET", "/asyncapi.json")).body == asyncapi_page()


async def test_the_handbook_is_served_without_foreign_assets(partner):
    contents = await partner.call("GET", "/docs/")
    assert contents.status == 200
    assert "default-src 'none'" in contents.headers["Content-Security-Policy"]
    errors = await partner.call("GET", "/docs/reference/errors")
    assert "partner.unauthorized" in errors.body.decode()
    assert (await partner.call("GET", "/docs/nope")).status == 404


def fits(described: dict[str, Any], method: str, path: str, answer: Any) -> list[str]:
    """Return how an answer differs from its description; an undescribed status is a difference."""
    responses = described["paths"][path][method]["responses"]
    told = responses.get(str(answer.status))
    if told is None:
        return [f"{answer.status} is not described"]
    media = answer.headers["Content-Type"].partition(";")[0]
    content = told.get("content", {})
    if media not in content:
        return [f"{media} is not described, {list(content)} are"]
    schema = content[media]["schema"] | {"components": described["components"]}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer.body)]


async def test_the_way_of_a_document_is_answered_as_described(partner, described, world, signers):
    submission = a_submission(world, signers)
    documents = "/api/v1/documents"
    first = await partner.submit(submission, wait=25, until="final")
    assert fits(described, "post", documents, first) == []
    again = await partner.submit(submission)
    assert again.status == 200
    assert fits(described, "post", documents, again) == []
    one = f"{documents}/{first.body['id']}"
    for path in ("", "/events", "/report"):
        answer = await partner.call("GET", one + path)
        assert answer.status == 200
        assert fits(described, "get", f"{documents}/{{id}}{path}", answer) == []
    assert fits(described, "get", documents, await partner.call("GET", documents)) == []
    late = await partner.call("POST", f"{one}/cancel")
    assert late.status == 409
    assert fits(described, "post", f"{documents}/{{id}}/cancel", late) == []


async def test_the_feed_holds_described_events_only(partner, described, world, signers):
    await partner.submit(a_submission(world, signers), wait=25, until="final")
    answer = await partner.call("GET", "/api/v1/events")
    assert answer.body["events"]
    assert fits(described, "get", "/api/v1/events", answer) == []
    assert {event["event"] for event in answer.body["events"]} <= {name.value for name in TOLD}
    payload = asyncapi_page()["components"]["messages"]["event"]["payload"]
    validator = Draft202012Validator(payload | {"components": asyncapi_page()["components"]})
    assert [error.message for event in answer.body["events"] for error in validator.iter_errors(event)] == []


async def test_a_judgement_without_keeping_is_answered_as_described(partner, described, world, signers):
    submission = msgspec.to_builtins(a_submission(world, signers))
    answer = await partner.call("POST", "/api/v1/validate", json=submission)
    assert answer.status == 200
    assert fits(described, "post", "/api/v1/validate", answer) == []
    prepared = await partner.call("POST", "/api/v1/prepare", json=submission | {"signatures": []})
    assert prepared.status == 200
    assert fits(described, "post", "/api/v1/prepare", prepared) == []
    careless = base64.b64decode(submission["content"]["data"]).replace(b"tel:+7", b"8 ")
    careless = b"\xef\xbb\xbf" + careless.replace(b"</ClinicalDocument>", b"<title/></ClinicalDocument>")
    submission["content"]["data"] = base64.b64encode(careless).decode()
    changed = await partner.call("POST", "/api/v1/prepare", json=submission | {"signatures": []})
    assert changed.body["changes"]
    assert changed.body["reported"]
    assert fits(described, "post", "/api/v1/prepare", changed) == []
    refused = await partner.call("POST", "/api/v1/prepare?without=x", json=submission | {"signatures": []})
    assert fits(described, "post", "/api/v1/prepare", refused) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("post", "/api/v1/documents", b"{", {}, 400),
        ("post", "/api/v1/documents", b"{}", {}, 422),
        ("post", "/api/v1/documents", b"<x/>", {"Content-Type": "application/xml"}, 415),
        ("get", "/api/v1/documents", None, {"Authorization": "Bearer nobody"}, 401),
        ("get", "/api/v1/documents?from=yesterday", None, {}, 400),
        ("get", "/api/v1/events?after=nowhere", None, {}, 400),
        ("post", "/api/v1/registrations", b"[", {}, 400),
    ],
)
async def test_a_refusal_is_a_described_problem(partner, described, method, path, body, headers, status):
    kind = {"Content-Type": "application/json"} if body is not None else {}
    answer = await partner.call(method.upper(), path, data=body, headers=kind | headers)
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert fits(described, method, path.partition("?")[0], answer) == []
