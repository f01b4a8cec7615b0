"""OpenAPI 3.1, made of the routes' data and the structs that decode and encode: nothing is written twice."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from broker.api.route import Answer, Parameter, Route
from broker.api.shapes import PROMISING
from broker.api.submitting import MultipartSubmission
from broker.document.submission import Submission
from broker.document.written import promised

VERSION: Final = "3.1.0"
MULTIPART: Final = "multipart/form-data"
_REF: Final = "#/components/schemas/{name}"
_TAGS: Final = {
    "documents": "Документы: сдать, узнать исход, отозвать",
    "events": "События партнёра",
    "checks": "Проверка и подготовка без сохранения",
    "onboarding": "Подключение клиник",
    "clinics": "Клиники и ключи (оператор)",
    "operator": "Работа оператора",
}
_SECURITY: Final[dict[str, list[dict[str, list[str]]]]] = {
    "partner": [{"partner": []}],
    "operator": [{"operator": []}, {"session": []}],
    "anyone": [],
}
_SCHEMES: Final = {
    "partner": {"type": "http", "scheme": "bearer", "description": "Ключ партнёра: inaya_<id>_<секрет>"},
    "operator": {"type": "http", "scheme": "basic", "description": "Логин и пароль оператора"},
    "session": {"type": "apiKey", "in": "cookie", "name": "session", "description": "Вход в консоль"},
}

Json = dict[str, Any]


def openapi(routes: Sequence[Route], *, version: str, cookie: str = "session") -> Json:
    """Describe the routes; ``version`` is the product's, ``cookie`` names the console's session."""
    shapes = list(_shapes(routes))
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    by_shape = {id(shape): schema for shape, schema in zip(shapes, schemas, strict=True)}
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, by_shape)
    tags = sorted({route.tag for route in routes})
    page = {
        "openapi": VERSION,
        "info": {
            "title": "Иная ИС",
            "version": version,
            "description": "Приём документов клиник и исходы из РЭМД, ГИС и ТФОМС. Ошибки — RFC 9457.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": _TAGS.get(tag, tag)} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": promising(components),
            "securitySchemes": _SCHEMES | {"session": _SCHEMES["session"] | {"name": cookie}},
        },
    }
    return plain(page)


def promising(components: Json) -> Json:
    """Say in the schemas which fields are always there; what a struct can do without is not required to decode it."""
    for shape in PROMISING:
        if shape.__name__ in components:
            components[shape.__name__]["required"] = promised(shape)
    return components


def plain(page: Json) -> Json:
    """Return the page as a reader of its JSON sees it: defaults are JSON, names of one word are told apart by room."""
    text = msgspec.json.encode(page).decode()
    for name in page["components"]["schemas"]:
        if "." in name:
            room, word = name.split(".")[1], name.rpartition(".")[2]
            text = text.replace(f'"{name}"', f'"{room.capitalize()}{word}"')
            text = text.replace(
                f'"{_REF.format(name=name)}"', f'"{_REF.format(name=room.capitalize() + word)}"'
            )
    return msgspec.json.decode(text, type=Json)


def _shapes(routes: Sequence[Route]) -> Iterator[Any]:
    """Yield every shape once, in the order of the routes."""
    seen: set[int] = set()
    for route in routes:
        told = [route.request, *(answer.shape for answer in route.answers.values())]
        if MULTIPART in route.request_media:
            told.append(MultipartSubmission)
        for shape in told:
            if shape is not None and shape is not bytes and id(shape) not in seen:
                seen.add(id(shape))
                yield shape


def _operation(route: Route, schemas: dict[int, Json]) -> Json:
    described: Json = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
        "security": _SECURITY[route.who],
        "responses": {
            str(status): _response(route.answers[status], schemas) for status in sorted(route.answers)
        },
    }
    if route.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.request is not None:
        described["requestBody"] = {
            "required": True,
            "content": {media: {"schema": _request(media, route, schemas)} for media in route.request_media},
        }
    return described


def _request(media: str, route: Route, schemas: dict[int, Json]) -> Json:
    if route.request is bytes:
        return {"type": "string", "contentMediaType": media}
    if media != MULTIPART:
        return schemas[id(route.request)]
    assert route.request is Submission, "multipart is a form of the submission only"
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {
        "type": "object",
        "required": ["metadata", "content"],
        "properties": {
            "metadata": schemas[id(MultipartSubmission)],
            "content": file,
            "signature": {"type": "array", "items": file},
        },
    }


def _response(answer: Answer, schemas: dict[int, Json]) -> Json:
    described: Json = {"description": answer.meaning}
    if answer.shape is not None:
        described["content"] = {answer.media_type: {"schema": schemas[id(answer.shape)]}}
    elif answer.media_type != "application/json":
        described["content"] = {answer.media_type: {"schema": {"type": "string"}}}
    return described


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.meaning,
        "required": parameter.required or parameter.where == "path",
        "schema": parameter.schema,
    }
