"""The console as one application under ``/console/``: every page in one list, with the role it needs."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from broker.console.check import Checker, CheckPages
from broker.console.desk import Desk
from broker.console.documents import DocumentPages
from broker.console.field import FieldPages
from broker.console.files import FilePages
from broker.console.lists import ListPages
from broker.console.onboarding import OnboardingPages
from broker.console.overview import OverviewPages
from broker.console.render import static_file
from broker.console.rules import RulePages
from broker.console.session import Gate, SessionPages
from broker.console.terms import TermPages
from broker.control.operators import Role
from broker.store.overview import OverviewStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_console(app: web.Application, console: web.Application) -> None:
    """Put the console under ``/console/``; without the slash the browser is sent there."""

    async def slash(_request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/console/"})

    app.router.add_get("/console", slash)
    app.add_subapp("/console/", console)


def make_console(desk: Desk, overview: OverviewStore, checker: Checker) -> web.Application:
    """Return the console."""
    checks = CheckPages(desk, checker)
    pages = [
        *_pages(desk, overview),
        ("GET", "/check", checks.ask, Role.VIEWER),
        ("POST", "/check", checks.check, Role.VIEWER),
    ]
    roles: dict[Callable[..., object], Role] = {handler: role for _, _, handler, role in pages}
    gate = Gate(desk, roles, uploads=frozenset({checks.check}))
    app = web.Application(middlewares=[gate.middleware])
    for method, path, handler, _ in pages:
        app.router.add_route(method, path, handler)
    app.router.add_get("/static/{name}", static_file)
    return app


def _pages(desk: Desk, store: OverviewStore) -> list[tuple[str, str, Handler, Role]]:
    """Return (method, path under ``/console``, handler, least role) of every page and act."""
    overview, documents = OverviewPages(desk, store), DocumentPages(desk)
    onboarding, lists, session = OnboardingPages(desk), ListPages(desk, store), SessionPages(desk)
    rules, field = RulePages(desk), FieldPages(desk)
    terms, files = TermPages(desk), FilePages(desk)
    reads, acts = Role.VIEWER, Role.OPERATOR
    return [
        ("GET", "/", overview.show, reads),
        ("GET", "/sign-in", session.ask, reads),
        ("POST", "/sign-in", session.sign_in, reads),
        ("POST", "/sign-out", session.sign_out, reads),
        ("GET", "/destinations/{id}", overview.destination, reads),
        ("POST", "/destinations/{id}/pause", overview.pause, acts),
        ("POST", "/destinations/{id}/resume", overview.resume, acts),
        ("POST", "/destinations/{id}/release", overview.release, acts),
        ("GET", "/documents", documents.search, reads),
        ("GET", "/documents/{id}", documents.show, reads),
        ("GET", "/documents/{id}/report", documents.report, reads),
        ("POST", "/documents/{id}/retry", documents.retry, acts),
        ("POST", "/documents/{id}/cancel", documents.cancel, acts),
        ("POST", "/documents/{id}/override", documents.override, acts),
        ("POST", "/documents/{id}/examine", documents.examine, acts),
        ("POST", "/documents/{id}/mark", documents.mark, acts),
        ("POST", "/documents/{id}/unmark", documents.unmark, acts),
        ("POST", "/destinations/{id}/hear", overview.hear, acts),
        ("POST", "/destinations/{id}/reconcile", field.reconcile, acts),
        ("GET", "/reconciliation", field.reconciliation, reads),
        ("GET", "/terms", terms.show, reads),
        ("GET", "/files", files.waiting, reads),
        ("GET", "/unknown-codes", field.unknown, reads),
        ("POST", "/unknown-codes/settle", field.settle, acts),
        ("GET", "/registrations", onboarding.registrations, reads),
        ("GET", "/registrations/{id}", onboarding.registration, reads),
        ("POST", "/registrations/{id}/approve", onboarding.approve, acts),
        ("POST", "/registrations/{id}/return", onboarding.send_back, acts),
        ("POST", "/registrations/{id}/reject", onboarding.reject, acts),
        ("GET", "/clinics", onboarding.clinics, reads),
        ("GET", "/clinics/{oid}", onboarding.clinic, reads),
        ("POST", "/clinics/{oid}/change", onboarding.change, acts),
        ("POST", "/clinics/{oid}/suspend", onboarding.suspend, acts),
        ("POST", "/clinics/{oid}/resume", onboarding.resume, acts),
        ("GET", "/partners", onboarding.partners, reads),
        ("POST", "/partners/{id}/credentials", onboarding.rotate, Role.ADMIN),
        ("GET", "/refusals", lists.refusals, reads),
        ("GET", "/callbacks", lists.callbacks, reads),
        ("GET", "/acts", lists.acts, reads),
        ("GET", "/rules", rules.show, reads),
        ("GET", "/rules/packs/{digest}", rules.pack, reads),
        ("POST", "/rules/packs/{digest}/activate", rules.activate, acts),
        ("POST", "/rules/packs/{digest}/deactivate", rules.deactivate, acts),
        ("POST", "/rules/weights", rules.weigh, acts),
        ("POST", "/rules/{revision}/approve", rules.approve, acts),
        ("POST", "/rules/{revision}/withdraw", rules.withdraw, acts),
        ("POST", "/rules/{revision}/rollback", rules.rollback, acts),
    ]
