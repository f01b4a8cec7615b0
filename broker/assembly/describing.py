"""Every operation the product serves, without running it: for OpenAPI, the reference pages and their tests."""

from importlib.metadata import version
from typing import Any

from broker.api.asyncapi import asyncapi
from broker.api.clinics import ClinicApi, clinic_routes
from broker.api.documents import DocumentApi
from broker.api.files import FileApi, file_routes
from broker.api.openapi import openapi
from broker.api.registrations import RegistrationApi, registration_routes
from broker.api.route import Route
from broker.api.routes import document_routes
from broker.api.terms import TermApi, term_routes
from broker.control.operators import COOKIE


def described_routes() -> tuple[Route, ...]:
    """Return every route; their handlers belong to objects that were never set up and must not be called."""
    return (
        *document_routes(DocumentApi.__new__(DocumentApi)),
        *file_routes(FileApi.__new__(FileApi)),
        *term_routes(TermApi.__new__(TermApi)),
        *registration_routes(RegistrationApi.__new__(RegistrationApi)),
        *clinic_routes(ClinicApi.__new__(ClinicApi)),
    )


def openapi_page() -> dict[str, Any]:
    """Return what ``/openapi.json`` serves."""
    return openapi(described_routes(), version=version("inaya"), cookie=COOKIE)


def asyncapi_page(address: str = "") -> dict[str, Any]:
    """Return what ``/asyncapi.json`` serves where partners find RabbitMQ at this address."""
    return asyncapi(version=version("inaya"), address=address)
