"""How is a fund's service set up: plain parameters and secrets of a destination read into one value."""

from datetime import timedelta
from typing import Final

import msgspec

from broker.adapter_kit import Context, Held, Parcel

_TOKEN_EXPIRED: Final = r"(token|токен).{0,60}(expired|invalid|not found|ист[её]к|недействит|не найден)"  # noqa: S105  a pattern


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One fund.

    ``contour`` is shown to people; ``token_expired`` recognises the service's text about a stale token; ``format`` names
    the protocol form of the region, empty means any known one.
    """

    auth_url: str
    prot_url: str
    login: str
    password: str
    org_type: str
    timeout: float
    token_life: timedelta
    poll_after: timedelta
    contour: str
    token_expired: str
    format: str


def read_settings(context: Context, *, timeout: float, poll_every: float) -> Settings | Held:
    """Read the destination; what is missing or malformed holds the whole destination."""
    destination = context.destination
    params, secrets = destination.params, destination.secrets
    auth_url = params.get("authUrl") or (destination.url and f"{destination.url}/AuthService")
    prot_url = params.get("protUrl") or (destination.url and f"{destination.url}/ProtService")
    if not auth_url or not prot_url:
        return _held("url_missing", "Не задан адрес службы фонда: url или authUrl и protUrl.")
    if not secrets.get("login") or not secrets.get("psw"):
        return _held("account_missing", "Не заданы секреты login и psw учётной записи в фонде.")
    try:
        token_life = timedelta(minutes=float(params.get("tokenMinutes", "19")))
        poll_after = timedelta(seconds=float(params.get("pollSeconds", poll_every)))
    except ValueError:
        return _held("number_malformed", "Параметры tokenMinutes и pollSeconds должны быть числами.")
    return Settings(
        auth_url=auth_url,
        prot_url=prot_url,
        login=secrets["login"],
        password=secrets["psw"],
        org_type=params.get("orgType", "MO"),
        timeout=destination.timeout or timeout,
        token_life=token_life,
        poll_after=poll_after,
        contour=params.get("contour", destination.mode),
        token_expired=params.get("tokenExpired", _TOKEN_EXPIRED),
        format=params.get("answerFormat", ""),
    )


def mo_code(parcel: Parcel) -> str | Held:
    """Return the clinic's number in F003, which the service calls ``MOCode``."""
    code = parcel.clinic.mcod or parcel.clinic.params.get("mcod", "")
    if len(code) == 6 and code.isascii() and code.isdigit():
        return code
    return Held(
        "tfoms.mcod_missing",
        "У клиники не указан код МО (mcod, 6 цифр по справочнику F003): без него фонд не принимает реестры.",
        scope="clinic",
    )


def _held(reason: str, text: str) -> Held:
    return Held(f"tfoms.{reason}", text, scope="destination")
