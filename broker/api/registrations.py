"""Applications over HTTP: a partner or a clinic applies and looks at its application, an operator decides."""

import secrets
import time
from hashlib import sha256
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec
from aiohttp import web

from broker.adapter_kit.clock import Clock
from broker.api.operators import OPERATOR
from broker.api.problem import Problem as ProblemBody
from broker.api.problem import answer, problem
from broker.api.route import Answer, Parameter, Route
from broker.control.access import Access
from broker.control.onboarding import Conflict, Done, Incomplete, NotFound, Onboarding
from broker.control.operators import Operator
from broker.partners.form import Form, read_form
from broker.partners.problem import Problem, Severity
from broker.partners.registration import RegistrationStatus, of_severity
from broker.store.registrations import (
    Applicant,
    Crowded,
    Refused,
    Registration,
    RegistrationLine,
    RegistrationStore,
    Taken,
)

LARGEST: Final = 256 * 1024
"""Bytes an application may have."""
PER_MINUTE: Final = 20
"""Applications from one address per minute without a partner's secret."""
TOKEN: Final = "inaya_reg_"  # noqa: S105  the public beginning of tokens, no secret
"""How read tokens of anonymous applicants begin."""


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A kept application; ``token`` is shown once to an applicant without a secret; ``missing`` until it is active."""

    id: UUID
    status: RegistrationStatus
    token: str = ""
    missing: list[Problem] = []


class Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An application with its form and what is still missing."""

    registration: RegistrationLine
    form: Form
    missing: list[Problem] = []


class Approval(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The operator's answer; ``partner`` is needed when the clinic applied without one."""

    partner: str = ""
    partner_title: str = ""
    comment: str = ""
    link_requested: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Why an application is returned or rejected."""

    comment: str


class Decided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of it; ``secret`` is shown this once."""

    registration: RegistrationLine
    secret: str = ""


class _Pace:
    """Counts applications from one address per minute."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int]] = {}

    def is_over(self, address: str) -> bool:
        """Count one more and tell whether that is too many."""
        minute = int(time.monotonic() // 60)
        since, count = self._seen.get(address, (minute, 0))
        if len(self._seen) > 10_000:
            self._seen.clear()
        self._seen[address] = (minute, 1 if since != minute else count + 1)
        return self._seen[address][1] > PER_MINUTE


class RegistrationApi:
    """Handlers behind ``/api/v1/registrations``."""

    def __init__(
        self, store: RegistrationStore, onboarding: Onboarding, access: Access, clock: Clock
    ) -> None:
        self._store = store
        self._onboarding = onboarding
        self._access = access
        self._clock = clock
        self._pace = _Pace()

    async def apply(self, request: web.Request) -> web.StreamResponse:
        """Take an application, or answer with everything that is wrong with it."""
        applicant, token = await self._applicant(request)
        if applicant is None:
            return _unknown()
        if not applicant.partner_id and self._pace.is_over(request.remote or ""):
            return problem(429, "registration.too_often", "Слишком много заявок подряд.", "Подождите минуту.")
        body = await _body(request)
        if body is None:
            return _malformed()
        form, problems = read_form(body)
        now = self._clock.now()
        if form is None:
            return _invalid(problems)
        match await self._store.submit(form, applicant, problems, now):
            case Refused(found):
                return _invalid(found)
            case Crowded():
                return problem(
                    429,
                    "registration.crowded",
                    "Слишком много нерассмотренных заявок.",
                    "Повторите через день или подайте заявку через вашу МИС.",
                )
            case Taken(identifier, found, repeated):
                return _taken(identifier, found, token, repeated=repeated)
            case never:
                assert_never(never)

    async def _applicant(self, request: web.Request) -> tuple[Applicant | None, str]:
        """Return who applies and the token to show: a new one only for a new anonymous applicant."""
        header = request.headers.get("Authorization", "")
        if not header:
            token = TOKEN + secrets.token_urlsafe(32)
            return Applicant(token_hash=_hash(token)), token
        caller = await self._access.bearer(header)
        if caller is not None:
            return Applicant(partner_id=caller.partner_id, mode=caller.mode), ""
        token = header.partition(" ")[2].strip()
        known = token.startswith(TOKEN) and await self._store.knows(_hash(token))
        return (Applicant(token_hash=_hash(token)), "") if known else (None, "")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """Show an application to whoever made it."""
        applicant, _ = await self._applicant(request)
        registration = await self._of(request)
        if applicant is None or registration is None or not registration.belongs_to(applicant):
            return _unknown()
        return answer(self._shown(registration))

    def _shown(self, registration: Registration) -> Shown:
        missing = []
        if registration.line.status in {RegistrationStatus.SUBMITTED, RegistrationStatus.RETURNED}:
            missing = self._onboarding.missing(registration)
        return Shown(registration=registration.line, form=registration.form, missing=missing)

    async def _of(self, request: web.Request) -> Registration | None:
        identifier = _uuid(request.match_info["id"])
        return None if identifier is None else await self._store.get(identifier)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """List applications for operators, those to decide on first."""
        page = await self._store.page(request.query.get("status", ""), request.query.get("partner", ""))
        return answer({"registrations": page})

    async def approve(self, request: web.Request) -> web.StreamResponse:
        """Make the clinic active; the answer holds the partner's secret when one was issued."""
        wanted = await _read(request, Approval)
        identifier = _uuid(request.match_info["id"])
        if wanted is None:
            return _malformed()
        if identifier is None:
            return _unknown()
        done = await self._onboarding.approve(
            identifier,
            actor=request[OPERATOR].actor,
            partner=wanted.partner,
            partner_title=wanted.partner_title,
            comment=wanted.comment,
            link_requested=wanted.link_requested,
        )
        return _decided(done)

    async def send_back(self, request: web.Request) -> web.StreamResponse:
        """Return an application to be mended."""
        return await self._judge(request, "return")

    async def reject(self, request: web.Request) -> web.StreamResponse:
        """Refuse an application."""
        return await self._judge(request, "reject")

    async def _judge(self, request: web.Request, verb: str) -> web.StreamResponse:
        verdict = await _read(request, Verdict)
        identifier = _uuid(request.match_info["id"])
        if verdict is None or not verdict.comment.strip():
            return _malformed("Нужен комментарий: заявитель прочтёт его.", 'Тело: {"comment": "…"}.')
        if identifier is None:
            return _unknown()
        operator: Operator = request[OPERATOR]
        act = self._onboarding.send_back if verb == "return" else self._onboarding.reject
        return _decided(await act(identifier, actor=operator.actor, comment=verdict.comment))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def _body(request: web.Request) -> Any:
    """Return the JSON of a bounded body, or None."""
    if (request.content_length or 0) > LARGEST:
        return None
    held = bytearray()
    async for chunk in request.content.iter_any():
        held += chunk
        if len(held) > LARGEST:
            return None
    try:
        return msgspec.json.decode(bytes(held).removeprefix(b"\xef\xbb\xbf") or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def _read(request: web.Request, shape: type[msgspec.Struct]) -> Any:
    body = await _body(request)
    try:
        return None if body is None else msgspec.convert(body, shape)
    except msgspec.ValidationError:
        return None


def _taken(identifier: UUID, found: list[Problem], token: str, *, repeated: bool) -> web.Response:
    ticket = Ticket(
        id=identifier,
        status=RegistrationStatus.SUBMITTED,
        token=token,
        missing=of_severity(found, Severity.ACTIVATION, Severity.NOTICE),
    )
    location = {"Location": f"/api/v1/registrations/{identifier}"}
    return answer(ticket, status=200 if repeated else 201, headers=location)


def _decided(done: Done | NotFound | Conflict | Incomplete) -> web.StreamResponse:
    match done:
        case Done(line, _, secret):
            headers = {"Cache-Control": "no-store"}
            return answer(Decided(registration=line, secret=secret), headers=headers)
        case NotFound():
            return _unknown()
        case Conflict(status):
            return problem(
                409,
                "registration.decided",
                f"По заявке уже принято другое решение: {status}.",
                "Обновите заявку и посмотрите её состояние.",
            )
        case Incomplete(problems):
            return _invalid(problems, "Клиника ещё не может стать активной.")
        case never:
            assert_never(never)


def _invalid(
    problems: list[Problem], detail: str = "Заявка не принята: исправьте всё перечисленное."
) -> web.Response:
    return problem(
        422,
        "registration.invalid",
        detail,
        "pointer указывает на поле формы (RFC 6901).",
        findings=[msgspec.to_builtins(one) for one in problems],
    )


def _malformed(
    detail: str = "Тело не является JSON нужной формы (предел 256 КиБ).", fix: str = "См. /openapi.json."
) -> web.Response:
    return problem(400, "registration.malformed", detail, fix)


def _unknown() -> web.Response:
    return problem(
        404,
        "registration.not_found",
        "Заявка не найдена среди ваших.",
        "Передайте ключ партнёра или токен, выданный при подаче: Authorization: Bearer inaya_reg_….",
    )


_ID = Parameter("id", "path", "Идентификатор заявки", {"type": "string", "format": "uuid"}, required=True)


def registration_routes(api: RegistrationApi) -> tuple[Route, ...]:
    """Return the routes on applications."""
    base = "/api/v1/registrations"
    refusal = Answer("Отказ: код, причина, что делать", ProblemBody, "application/problem+json")
    shown = Answer("Заявка", Shown)
    decided = Answer("Решение; secret показывается один раз", Decided)
    common = {400: refusal, 401: refusal, 404: refusal, 409: refusal, 422: refusal, 429: refusal}
    return (
        Route(method="POST", path=base, operation="apply", who="anyone", tag="onboarding", handler=api.apply,
              summary="Подать заявку на подключение клиники (или исправить свою)", request=Form,
              answers={201: Answer("Заявка принята; token — чтобы следить без ключа партнёра", Ticket),
                       200: Answer("Повтор той же заявки", Ticket), **common}),
        Route(method="GET", path=f"{base}/{{id}}", operation="getRegistration", who="anyone", tag="onboarding",
              summary="Состояние своей заявки", handler=api.show, parameters=(_ID,), answers={200: shown, **common}),
        Route(method="GET", path=base, operation="listRegistrations", who="operator", role="viewer", tag="onboarding",
              summary="Заявки", handler=api.list, answers={200: Answer("Список", None), **common}),
        Route(method="POST", path=f"{base}/{{id}}/approve", operation="approveRegistration", who="operator",
              tag="onboarding", summary="Одобрить: клиника становится активной", handler=api.approve,
              request=Approval, parameters=(_ID,), answers={200: decided, **common}),
        Route(method="POST", path=f"{base}/{{id}}/return", operation="returnRegistration", who="operator",
              tag="onboarding", summary="Вернуть на исправление", handler=api.send_back, request=Verdict,
              parameters=(_ID,), answers={200: decided, **common}),
        Route(method="POST", path=f"{base}/{{id}}/reject", operation="rejectRegistration", who="operator",
              tag="onboarding", summary="Отклонить", handler=api.reject, request=Verdict,
              parameters=(_ID,), answers={200: decided, **common}),
    )  # fmt: skip
