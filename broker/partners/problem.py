"""What can be wrong with an application, and what the checks may know of the world besides the form."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """What a problem of the form stops."""

    SUBMISSION = "submission"
    """The application is not taken until it is mended."""
    ACTIVATION = "activation"
    """The application is taken; the clinic cannot become active until it is mended."""
    NOTICE = "notice"
    """Nothing: the operator looks at it."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One mistake: where (RFC 6901 pointer), what is wrong, how to mend it, and what it stops."""

    pointer: str
    code: str
    message: str
    fix: str
    stops: Severity = Severity.SUBMISSION


class KnownClinic(msgspec.Struct, frozen=True, kw_only=True):
    """A clinic that is connected already; ``ours``: linked to the applicant."""

    oid: str
    ogrn: str
    kpp: str
    ours: bool = False


class OpenRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """An application nobody has decided on; ``ours``: of this very applicant, who may replace it."""

    oid: str
    ogrn: str
    kpp: str
    ours: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks may depend on: the day, and clinics and open applications with the same OID or ОГРН."""

    today: date
    clinics: tuple[KnownClinic, ...] = ()
    registrations: tuple[OpenRegistration, ...] = ()


def wrong(pointer: str, code: str, message: str, fix: str) -> Problem:
    """Name a mistake that stops the application."""
    return Problem(pointer=pointer, code=f"registration.{code}", message=message, fix=fix)


def for_active(pointer: str, code: str, message: str, fix: str) -> Problem:
    """Name what is missing before the clinic may become active."""
    return Problem(
        pointer=pointer, code=f"registration.{code}", message=message, fix=fix, stops=Severity.ACTIVATION
    )


def notice(pointer: str, code: str, message: str, fix: str) -> Problem:
    """Name something the operator should look at."""
    return Problem(
        pointer=pointer, code=f"registration.{code}", message=message, fix=fix, stops=Severity.NOTICE
    )


def required(pointer: str, value: str, what: str) -> Iterator[Problem]:
    """Ask for a field that is empty."""
    if not value.strip():
        yield wrong(pointer, "required", f"Не заполнено: {what}.", "Заполните поле.")
