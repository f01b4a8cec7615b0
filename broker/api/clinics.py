"""Clinics and secrets over HTTP, for operators."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.api.bodies import READ, TooLarge, collect
from broker.api.operators import OPERATOR
from broker.api.problem import Problem as ProblemBody
from broker.api.problem import answer, of_refusal, problem
from broker.api.route import Answer, Parameter, Route
from broker.control.filing import Filing
from broker.control.onboarding import NewSecret, NotFound, Onboarding, Released
from broker.document.submission import Mode
from broker.intake.read import explain_field
from broker.partners.clinic import RemdLink
from broker.store.partners import ClinicPatch

LARGEST: Final = 64 * 1024
Short = Annotated[str, Meta(max_length=200)]


class Contact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the clinic itself is reached about its documents."""

    phone: Short = ""
    email: Short = ""


class FileEndpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a clinic hands out the files it keeps, and the key our questions are signed with; an empty address forgets it."""

    url: Annotated[str, Meta(max_length=500)] = ""
    key: Short = ""


class ClinicChange(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What to change; absent fields stay, ``params`` by destination, null forgets a parameter."""

    title: Short | None = None
    oms: bool | None = None
    mcod: Annotated[str, Meta(pattern=r"^(\d{6})?$")] | None = None
    client_entity_id: Short | None = None
    storage: Annotated[str, Meta(pattern="^(broker|clinic)$")] | None = None
    file_endpoint: FileEndpoint | None = None
    remd_link: RemdLink | None = None
    params: dict[Short, dict[Short, Annotated[str, Meta(max_length=1000)] | None]] = {}
    contact: Contact | None = None
    reason: Annotated[str, Meta(max_length=1000)] = ""

    def patch(self) -> ClinicPatch:
        """Return the change as the store takes it."""
        return ClinicPatch(
            title=self.title,
            oms=self.oms,
            mcod=self.mcod,
            client_entity_id=self.client_entity_id,
            storage=self.storage,
            remd_link=self.remd_link,
            card=None if self.contact is None else {"contact": msgspec.to_builtins(self.contact)},
            params=self.params,
        )


class Reason(msgspec.Struct, frozen=True):
    """Why."""

    reason: Annotated[str, Meta(max_length=1000)] = ""


class Rotation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which secret to replace; the former ones end after so many seconds (0: at once)."""

    mode: Mode = Mode.PRODUCTION
    grace_seconds: Annotated[int, Meta(ge=0, le=30 * 86400)] = 0


class Issued(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new secret, shown this once."""

    key_id: str
    secret: str
    mode: Mode


class ClinicApi:
    """Handlers behind ``/api/v1/clinics`` and ``/api/v1/partners``."""

    def __init__(self, onboarding: Onboarding, filing: Filing) -> None:
        self._onboarding = onboarding
        self._filing = filing

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Return a clinic."""
        card = await self._onboarding.card(request.match_info["oid"])
        return _unknown() if card is None else answer(_camel(card))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Change a clinic; deliveries held for want of the changed go on."""
        wanted = await _read(request, ClinicChange)
        if isinstance(wanted, web.Response):
            return wanted
        oid = request.match_info["oid"]
        actor = request[OPERATOR].actor
        if wanted.file_endpoint is not None:
            place = wanted.file_endpoint
            refusal = await self._filing.set_endpoint(oid, place.url, place.key, actor=actor)
            if refusal is not None:
                return of_refusal(refusal)
        done = await self._onboarding.change(oid, wanted.patch(), actor=actor, reason=wanted.reason)
        return await self._after(oid, done)

    async def suspend(self, request: web.Request) -> web.StreamResponse:
        """Suspend a clinic."""
        wanted = await _read(request, Reason)
        if isinstance(wanted, web.Response):
            return wanted
        oid = request.match_info["oid"]
        actor = request[OPERATOR].actor
        known = await self._onboarding.suspend(oid, actor=actor, reason=wanted.reason)
        return await self._after(oid, Released() if known else NotFound())

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Resume a clinic."""
        wanted = await _read(request, Reason)
        if isinstance(wanted, web.Response):
            return wanted
        oid = request.match_info["oid"]
        actor = request[OPERATOR].actor
        return await self._after(oid, await self._onboarding.resume(oid, actor=actor, reason=wanted.reason))

    async def _after(self, oid: str, done: Released | NotFound) -> web.StreamResponse:
        if isinstance(done, NotFound):
            return _unknown()
        card = await self._onboarding.card(oid)
        return answer(_camel(card or {}) | {"released": done.deliveries})

    async def rotate(self, request: web.Request) -> web.StreamResponse:
        """Issue a new secret to a partner."""
        wanted = await _read(request, Rotation)
        if isinstance(wanted, web.Response):
            return wanted
        done = await self._onboarding.rotate(
            request.match_info["id"],
            wanted.mode,
            grace=timedelta(seconds=wanted.grace_seconds),
            actor=request[OPERATOR].actor,
        )
        match done:
            case NewSecret(key_id, secret, mode):
                headers = {"Cache-Control": "no-store"}
                return answer(Issued(key_id=key_id, secret=secret, mode=mode), status=201, headers=headers)
            case NotFound():
                return problem(
                    404, "operator.partner_not_found", "Нет такого партнёра.", "Проверьте идентификатор."
                )


def _camel(card: dict[str, Any]) -> dict[str, Any]:
    names = {name: name.split("_") for name in card}
    return {
        first + "".join(word.capitalize() for word in rest): card[name]
        for name, (first, *rest) in names.items()
    }


async def _read(request: web.Request, shape: Any) -> Any:
    try:
        async with asyncio.timeout(READ):
            body = await collect(request.content.iter_any(), LARGEST)
        return msgspec.json.decode(body or b"{}", type=shape)
    except TooLarge:
        return problem(413, "operator.body_too_large", "Тело больше 64 КиБ.", "Сократите запрос.")
    except msgspec.ValidationError as error:
        detail = f"Тело не по форме: {explain_field(str(error))}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        detail = "Тело не является JSON в UTF-8."
    return problem(422, "operator.body_invalid", detail, "Сверьте тело со схемой на /openapi.json.")


def _unknown() -> web.Response:
    return problem(404, "operator.clinic_not_found", "Нет такой клиники.", "Проверьте OID.")


_OID = Parameter("oid", "path", "OID клиники по ФРМО", {"type": "string"}, required=True)
_PARTNER = Parameter("id", "path", "Идентификатор партнёра", {"type": "string"}, required=True)


def clinic_routes(api: ClinicApi) -> tuple[Route, ...]:
    """Return the routes on clinics and secrets."""
    base = "/api/v1/clinics/{oid}"
    refusal = Answer("Отказ: код, причина, что делать", ProblemBody, "application/problem+json")
    card = Answer("Карточка клиники; released — сколько задержанных доставок пошло дальше", None)
    common = {401: refusal, 403: refusal, 404: refusal, 422: refusal, 429: refusal}
    return (
        Route(method="GET", path=base, operation="getClinic", who="operator", role="viewer", tag="clinics",
              summary="Карточка клиники", handler=api.show, parameters=(_OID,), answers={200: card, **common}),
        Route(method="PATCH", path=base, operation="changeClinic", who="operator", tag="clinics",
              summary="Изменить привязку, параметры по направлениям, контакт", handler=api.change,
              request=ClinicChange, parameters=(_OID,), answers={200: card, **common}),
        Route(method="POST", path=f"{base}/suspend", operation="suspendClinic", who="operator", tag="clinics",
              summary="Приостановить клинику", handler=api.suspend, request=Reason, parameters=(_OID,),
              answers={200: card, **common}),
        Route(method="POST", path=f"{base}/resume", operation="resumeClinic", who="operator", tag="clinics",
              summary="Возобновить клинику; задержанные доставки идут дальше", handler=api.resume, request=Reason,
              parameters=(_OID,), answers={200: card, **common}),
        Route(method="POST", path="/api/v1/partners/{id}/credentials", operation="rotateCredentials", who="operator",
              role="admin", tag="clinics", summary="Выпустить партнёру новый ключ", handler=api.rotate,
              request=Rotation, parameters=(_PARTNER,),
              answers={201: Answer("Ключ показывается один раз", Issued), **common}),
    )  # fmt: skip
