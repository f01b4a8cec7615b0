"""Partners and operators at a terminal: who there is, a new vendor, a clinic of its, a new secret, a new operator."""

import argparse
import secrets
from datetime import timedelta

from broker.assembly.terminal import Terminal
from broker.cli.desk import actor, at_desk, desk_arguments
from broker.cli.terminal import CommandFailed, Parsers, columns, command, family, say
from broker.control.onboarding import NotFound
from broker.control.operators import Role
from broker.document.identity import is_clinic_oid
from broker.document.submission import Mode


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    partners = family(parsers, "partners", "партнёры (разработчики МИС), их клиники и ключи")
    desk_arguments(command(partners, "list", at_desk(_list), "партнёры с закреплёнными клиниками"))
    add = command(partners, "add", at_desk(_add), "завести партнёра или переименовать его")
    add.add_argument("partner", help="логин: строчные латинские буквы, цифры и дефис, 3–40 знаков")
    add.add_argument("--title", required=True, help="название")
    desk_arguments(add)
    clinic = command(partners, "clinic", at_desk(_clinic), "закрепить за партнёром подключённую клинику")
    clinic.add_argument("partner", help="логин партнёра")
    clinic.add_argument("oid", help="OID клиники по ФРМО")
    desk_arguments(clinic)
    secret = command(
        partners, "secret", at_desk(_secret), "выдать партнёру новый ключ; показывается один раз"
    )
    secret.add_argument("partner", help="логин партнёра")
    secret.add_argument("--mode", choices=[str(m.value) for m in Mode], default="test", help="режим ключа")
    secret.add_argument(
        "--grace",
        type=float,
        default=7.0,
        help="сколько дней ещё действуют прежние ключи режима; 0 — отозвать сразу",
    )
    desk_arguments(secret)
    _add_operators(parsers)


def _add_operators(parsers: Parsers) -> None:
    operators = family(parsers, "operators", "операторы консоли")
    add = command(operators, "add", at_desk(_add_operator), "завести оператора или выдать ему новый пароль")
    add.add_argument("login", help="логин: строчные латинские буквы, цифры, точка и дефис, 2–40 знаков")
    add.add_argument("--role", choices=[str(r.value) for r in Role], default="operator", help="что ему можно")
    desk_arguments(add)


async def _list(terminal: Terminal, _arguments: argparse.Namespace) -> int:
    rows = []
    for partner in await terminal.partners.all_partners():
        clinics = list(partner["clinics"]) or ["—"]
        rows += [(partner["id"], partner["title"], clinics[0]), *(("", "", oid) for oid in clinics[1:])]
    say(columns(rows, ("партнёр", "название", "клиники")))
    return 0


async def _known(terminal: Terminal, partner: str) -> str:
    if partner not in {one["id"] for one in await terminal.partners.all_partners()}:
        raise CommandFailed(f"партнёра {partner} нет; завести: inaya partners add {partner} --title «…»")
    return partner


async def _add(terminal: Terminal, arguments: argparse.Namespace) -> int:
    try:
        await terminal.enrolment.add_partner(arguments.partner, arguments.title, actor=actor(arguments))
    except ValueError as error:
        raise CommandFailed(
            f"{arguments.partner} — не логин: строчные латинские буквы, цифры и дефис, 3–40 знаков, без -test в конце"
        ) from error
    say(f"Партнёр {arguments.partner} заведён. Ключ: inaya partners secret {arguments.partner}")
    return 0


async def _clinic(terminal: Terminal, arguments: argparse.Namespace) -> int:
    partner = await _known(terminal, arguments.partner)
    if not is_clinic_oid(arguments.oid):
        raise CommandFailed(f"{arguments.oid} — не OID медицинской организации (…12.2.<регион>.<номер>)")
    if not await terminal.partners.clinics([arguments.oid]):
        raise CommandFailed(
            f"клиника {arguments.oid} не подключена: подайте заявку (POST /api/v1/registrations)"
        )
    await terminal.enrolment.link(partner, arguments.oid, actor=actor(arguments))
    say(f"Клиника {arguments.oid} закреплена за {partner}; двери узнают об этом в течение нескольких секунд.")
    return 0


async def _secret(terminal: Terminal, arguments: argparse.Namespace) -> int:
    partner = await _known(terminal, arguments.partner)
    made = await terminal.onboarding.rotate(
        partner, Mode(arguments.mode), grace=timedelta(days=arguments.grace), actor=actor(arguments)
    )
    if isinstance(made, NotFound):
        raise CommandFailed(f"партнёра {partner} нет")
    say(made.secret)
    say("Это единственный показ: у нас хранится только его хэш. Передайте ключ партнёру защищённым каналом.")
    return 0


async def _add_operator(terminal: Terminal, arguments: argparse.Namespace) -> int:
    password = secrets.token_urlsafe(16)
    try:
        await terminal.enrolment.add_operator(
            arguments.login, Role(arguments.role), password, actor=actor(arguments)
        )
    except ValueError as error:
        raise CommandFailed(
            f"{arguments.login} — не логин: строчные латинские буквы, цифры, точка и дефис, 2–40 знаков"
        ) from error
    say(password)
    say(f"Это единственный показ пароля оператора {arguments.login}.")
    return 0
