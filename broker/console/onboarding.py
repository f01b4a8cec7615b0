"""Applications, clinics and partners: read, decide, change."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from broker.console.desk import FIELDS, OPERATOR, Desk
from broker.console.render import oops, page, see
from broker.control.onboarding import Conflict, Done, Incomplete, NewSecret, NotFound
from broker.document.submission import Mode
from broker.partners.clinic import RemdLink
from broker.partners.problem import Severity
from broker.partners.registration import ROLES, of_severity
from broker.store.partners import ClinicPatch

MOST: Final = 300


class OnboardingPages:
    """Applications, clinics, partners."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def registrations(self, request: web.Request) -> web.StreamResponse:
        """List applications, those to decide on first."""
        status = request.query.get("status", "")
        lines = await self._desk.registrations.page(status, "", MOST)
        return page(request, self._desk, "registrations.html", lines=lines, status=status)

    async def registration(self, request: web.Request) -> web.StreamResponse:
        """Show an application with what still is missing."""
        return await self._registration(request)

    async def _registration(self, request: web.Request, **more: Any) -> web.StreamResponse:
        identifier = _uuid(request)
        found = None if identifier is None else await self._desk.registrations.get(identifier)
        if found is None:
            return oops(request, self._desk, 404, "Такой заявки нет.")
        is_open = found.line.status in {"submitted", "returned"}
        problems = self._desk.onboarding.missing(found) if is_open else []
        values: dict[str, Any] = {
            "line": found.line,
            "form": found.form,
            "roles": ROLES,
            "is_open": is_open,
            "blocking": of_severity(problems, Severity.SUBMISSION, Severity.ACTIVATION),
            "notices": of_severity(problems, Severity.NOTICE),
            "partners": await self._desk.partners.all_partners(),
            "amqp": self._desk.amqp,
            "secret": "",
            "answer": "",
        }
        return page(request, self._desk, "registration.html", **(values | more))

    async def approve(self, request: web.Request) -> web.StreamResponse:
        """Make the clinic active; a new secret is shown on the very answer, once."""
        identifier, fields = _uuid(request), request[FIELDS]
        if identifier is None:
            return oops(request, self._desk, 404, "Такой заявки нет.")
        done = await self._desk.onboarding.approve(
            identifier,
            actor=request[OPERATOR].actor,
            partner=fields.get("partner", "").strip(),
            partner_title=fields.get("title", "").strip()[:200],
            comment=fields.get("comment", "").strip()[:1000],
            link_requested=fields.get("link") == "on",
        )
        return await self._after(request, done)

    async def send_back(self, request: web.Request) -> web.StreamResponse:
        """Return an application."""
        return await self._judge(request, "return")

    async def reject(self, request: web.Request) -> web.StreamResponse:
        """Refuse an application."""
        return await self._judge(request, "reject")

    async def _judge(self, request: web.Request, verb: str) -> web.StreamResponse:
        identifier = _uuid(request)
        comment = request[FIELDS].get("comment", "").strip()[:1000]
        if identifier is None or not comment:
            return oops(
                request, self._desk, 422, "Нужен комментарий: заявитель прочтёт его.", "Напишите его."
            )
        onboarding = self._desk.onboarding
        act = onboarding.send_back if verb == "return" else onboarding.reject
        return await self._after(
            request, await act(identifier, actor=request[OPERATOR].actor, comment=comment)
        )

    async def _after(
        self, request: web.Request, done: Done | NotFound | Conflict | Incomplete
    ) -> web.StreamResponse:
        match done:
            case Done(line, _, secret) if line.status == "approved":
                text = "Клиника активна." if secret else "Клиника активна; у партнёра уже есть ключ."
                return await self._registration(request, secret=secret, answer=text)
            case Done(line, _, _):
                return see(f"registrations/{line.id}", str(line.status))
            case Incomplete(problems):
                text = "Клиника ещё не может стать активной: " + " ".join(one.message for one in problems)
                return await self._registration(request, answer=text, blocking=problems)
            case Conflict():
                return oops(request, self._desk, 409, "По заявке уже принято другое решение.", "Обновите её.")
            case NotFound():
                return oops(request, self._desk, 404, "Такой заявки нет.")

    async def clinics(self, request: web.Request) -> web.StreamResponse:
        """List clinics."""
        query = {name: request.query.get(name, "").strip() for name in ("q", "status", "link")}
        link = "" if query["link"] == "open" else query["link"]
        rows = await self._desk.partners.clinic_list(query["q"][:100], query["status"], link, MOST)
        if query["link"] == "open":
            rows = [row for row in rows if row["remd_link"] != RemdLink.CONFIRMED or row["unlinked"]]
        return page(request, self._desk, "clinics.html", clinics=rows, query=query)

    async def clinic(self, request: web.Request) -> web.StreamResponse:
        """Show a clinic with its link and parameters."""
        card = await self._desk.onboarding.card(request.match_info["oid"])
        if card is None:
            return oops(request, self._desk, 404, "Такой клиники нет.", "Проверьте OID.")
        return page(request, self._desk, "clinic.html", clinic=card)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Change a clinic's link or one parameter; what was held for want of it goes on."""
        oid, fields = request.match_info["oid"], request[FIELDS]
        if fields.get("what") == "endpoint":
            return await self._endpoint(request, oid, fields)
        try:
            patch = _patch(fields)
        except (ValueError, msgspec.ValidationError):
            return oops(request, self._desk, 422, "Значение не подходит.", "Вернитесь и исправьте.")
        done = await self._desk.onboarding.change(
            oid, patch, actor=request[OPERATOR].actor, reason=fields.get("reason", "").strip()[:1000]
        )
        if isinstance(done, NotFound):
            return oops(request, self._desk, 404, "Такой клиники нет.")
        return see(f"clinics/{oid}", "changed")

    async def _endpoint(self, request: web.Request, oid: str, fields: dict[str, str]) -> web.StreamResponse:
        """Set where the clinic hands out its files; the key is not shown again."""
        refusal = await self._desk.filing.set_endpoint(
            oid,
            fields.get("url", "").strip(),
            fields.get("key", "").strip(),
            actor=request[OPERATOR].actor,
        )
        if refusal is not None:
            return oops(request, self._desk, refusal.status, refusal.detail, refusal.fix)
        return see(f"clinics/{oid}", "changed")

    async def suspend(self, request: web.Request) -> web.StreamResponse:
        """Suspend a clinic."""
        oid, reason = request.match_info["oid"], request[FIELDS].get("reason", "").strip()[:1000]
        if not reason:
            return oops(request, self._desk, 422, "Нужна причина приостановки.", "Напишите её.")
        if not await self._desk.onboarding.suspend(oid, actor=request[OPERATOR].actor, reason=reason):
            return oops(request, self._desk, 404, "Такой клиники нет.")
        return see(f"clinics/{oid}", "suspended")

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Resume a clinic."""
        oid, reason = request.match_info["oid"], request[FIELDS].get("reason", "").strip()[:1000]
        done = await self._desk.onboarding.resume(oid, actor=request[OPERATOR].actor, reason=reason)
        if isinstance(done, NotFound):
            return oops(request, self._desk, 404, "Такой клиники нет.")
        return see(f"clinics/{oid}", "clinic-resumed")

    async def partners(self, request: web.Request) -> web.StreamResponse:
        """List partners with their clinics and the key ids of their secrets."""
        return await self._partners(request)

    async def _partners(self, request: web.Request, issued: NewSecret | None = None) -> web.StreamResponse:
        partners = await self._desk.partners.all_partners()
        keys = {one["id"]: await self._desk.partners.credential_list(one["id"]) for one in partners[:MOST]}
        return page(
            request,
            self._desk,
            "partners.html",
            partners=partners[:MOST],
            keys=keys,
            issued=issued,
            amqp=self._desk.amqp,
        )

    async def rotate(self, request: web.Request) -> web.StreamResponse:
        """Issue a new secret; it is shown on the very answer, once."""
        fields = request[FIELDS]
        hours = {"0": 0, "1": 1, "24": 24, "168": 168}.get(fields.get("grace", "0"), 0)
        mode = Mode.TEST if fields.get("mode") == "test" else Mode.PRODUCTION
        done = await self._desk.onboarding.rotate(
            request.match_info["id"], mode, grace=timedelta(hours=hours), actor=request[OPERATOR].actor
        )
        if isinstance(done, NotFound):
            return oops(request, self._desk, 404, "Такого партнёра нет.")
        return await self._partners(request, done)


def _uuid(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info["id"])
    except ValueError:
        return None


def _patch(fields: dict[str, str]) -> ClinicPatch:
    """Read one of the small forms of a clinic's page; raise ``ValueError`` for what fits none."""
    match fields.get("what", ""):
        case "link":
            return ClinicPatch(remd_link=RemdLink(fields.get("link", "")))
        case "client":
            return ClinicPatch(client_entity_id=fields.get("value", "").strip()[:200])
        case "storage":
            if fields.get("storage") not in {"broker", "clinic"}:
                raise ValueError("storage")
            return ClinicPatch(storage=fields["storage"])
        case "param":
            destination, name = fields.get("destination", "").strip(), fields.get("name", "").strip()
            value = fields.get("value", "").strip()[:1000]
            if not destination or not name or len(destination) > 100 or len(name) > 100:
                raise ValueError("param")
            return ClinicPatch(params={destination: {name: value or None}})
        case other:
            raise ValueError(other)
