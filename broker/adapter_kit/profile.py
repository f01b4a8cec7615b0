"""What is a region: one file of data that names its state systems, what they demand of a clinic and what is assumed.

A region that speaks a language some adapter knows needs a profile and no program. Values nobody has seen in a public
source are marked ``own`` and listed as assumptions; a profile with such values cannot be set ``active``.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

import msgspec

from broker.adapter_kit.context import Destination, DestinationMode
from broker.document.finding import Source

_REGION: Final = re.compile(r"\d{2}")
_ZONE: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_ID: Final = re.compile(r"(gis|tfoms)\.(\d{2})(\.[a-z0-9-]+)?")
_SECRET_NAMES: Final = frozenset({"guid", "login", "psw", "password", "token", "secret"})


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts: unknown fields are refused by name."""


class ProfileStatus(StrEnum):
    """How far a profile may be trusted."""

    DRAFT = "draft"
    """Being written."""
    TEST = "test"
    """Good for simulators and test contours."""
    ACTIVE = "active"
    """Agreed with the region: nothing in it is assumed."""
    RETIRED = "retired"
    """Kept for the history of what was sent."""


class ClinicParam(_Strict, frozen=True):
    """One value a clinic must bring when it is onboarded; ``pattern`` is a regular expression for the whole value."""

    name: str
    title: str
    pattern: str = ""
    required: bool = True
    secret: bool = False
    source: Source = Source.OWN


class KindCode(_Strict, frozen=True):
    """The region's own code for a kind of РЭМД, and the type of record it goes as (empty: the adapter's default)."""

    code: str
    record: str = ""
    source: Source = Source.OWN


class DestinationTemplate(_Strict, frozen=True):
    """A destination as the region offers it; address and secrets are added when it is set up.

    ``registers`` tells that the platform itself registers in РЭМД on the clinic's behalf. ``kinds`` maps a kind of
    РЭМД to the region's code; ``secrets`` are names only. Limits: seconds, calls at once, calls per second.
    """

    id: str
    adapter: str
    title: str
    params: dict[str, str] = {}
    clinic: tuple[ClinicParam, ...] = ()
    kinds: dict[str, KindCode] = {}
    secrets: tuple[str, ...] = ()
    registers: bool = False
    timeout: float | None = None
    parallel: int | None = None
    rate: float | None = None
    source: Source = Source.OWN

    def destination(
        self, *, url: str, mode: DestinationMode = "test", secrets: Mapping[str, str] | None = None
    ) -> Destination:
        """Make the destination: the kind map becomes the adapter's parameters ``kind.<code>`` and ``record.<code>``."""
        params = dict(self.params)
        for kind, mapped in self.kinds.items():
            params[f"kind.{kind}"] = mapped.code
            if mapped.record:
                params[f"record.{kind}"] = mapped.record
        return Destination(
            id=self.id,
            adapter=self.adapter,
            url=url,
            title=self.title,
            region=self.id.split(".")[1],
            mode=mode,
            timeout=self.timeout,
            parallel=self.parallel,
            rate=self.rate,
            params=params,
            secrets=dict(secrets or {}),
        )

    def clinic_problems(self, params: Mapping[str, str]) -> list[str]:
        """Say in Russian which of a clinic's values are missing or malformed for this destination."""
        found = []
        for wanted in self.clinic:
            value = params.get(wanted.name, "")
            if not value and wanted.required:
                found.append(f"{self.id}: не указано «{wanted.title}» ({wanted.name}).")
            elif value and wanted.pattern and not re.fullmatch(wanted.pattern, value):
                found.append(f"{self.id}: «{wanted.title}» ({wanted.name}) не той формы.")
        return found


class Tfoms(_Strict, frozen=True):
    """How bills go to the fund of the region (tfoms.md, R6).

    ``file_prefix_map``: letters of the main file → letters of the person file; ``rules``: rule code → on | off | warn;
    ``period_lock``: first and last day of the month on which bills are taken; ``packet_number_rule``: a regular
    expression for the packet number in a file name.
    """

    transport: Literal["soap_prot", "folder_mail", "amqp_packages"]
    auth: Literal["login_psw", "x_auth_token", "none"]
    contour: Literal["test", "main"] = "test"
    file_prefix_map: dict[str, str] = {}
    main_version: str = ""
    person_version: str = ""
    doctor_file: bool = False
    answer_format: str = ""
    extra_fields: tuple[str, ...] = ()
    dictionaries: tuple[str, ...] = ()
    rules: dict[str, Literal["on", "off", "warn"]] = {}
    period_lock: tuple[int, int] | None = None
    packet_number_rule: str = ""
    person_check: Literal["ferzl", "rest", "none"] = "none"
    source: Source = Source.OWN


class Assumption(_Strict, frozen=True):
    """A value nobody has seen: where it stands (``gis.77/kinds/306``, ``tfoms/main_version``) and why it is so."""

    field: str
    why: str


class Profile(_Strict, frozen=True):
    """A region. ``zone`` is its working time as an offset from UTC; ``version`` grows with every change."""

    region: str
    title: str
    version: int
    status: ProfileStatus
    zone: str
    destination: tuple[DestinationTemplate, ...]
    tfoms: Tfoms | None = None
    assumption: tuple[Assumption, ...] = ()

    def template(self, destination: str) -> DestinationTemplate | None:
        """Return the template with this id."""
        return next((one for one in self.destination if one.id == destination), None)


def load_profile(path: Path) -> Profile:
    """Read one profile; raise ``msgspec.ValidationError`` naming the field that is wrong."""
    return msgspec.toml.decode(path.read_bytes(), type=Profile)


def load_profiles(folder: Path) -> list[Profile]:
    """Read every ``*.toml`` of a folder in the order of file names."""
    return [load_profile(path) for path in sorted(folder.glob("*.toml"))]


def check_profile(profile: Profile, *, adapters: Collection[str] | None = None) -> list[str]:
    """Return everything wrong with a profile, in Russian; ``adapters`` are the names of those installed, if known."""
    found = list(_head_problems(profile))
    for template in profile.destination:
        found += _destination_problems(profile, template, adapters)
    found += _fund_problems(profile)
    found += _assumption_problems(profile)
    return found


def _head_problems(profile: Profile) -> Iterator[str]:
    if not _REGION.fullmatch(profile.region):
        yield "region: код субъекта — две цифры."
    if not profile.title.strip():
        yield "title: назовите регион."
    if profile.version < 1:
        yield "version: номер версии начинается с 1."
    if not _ZONE.fullmatch(profile.zone):
        yield "zone: рабочее время задаётся смещением от UTC, например +03:00."
    if not profile.destination:
        yield "destination: в профиле нет ни одного назначения."
    ids = [template.id for template in profile.destination]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"{name}: назначение описано дважды."
    if sum(template.registers for template in profile.destination) > 1:
        yield "registers: регистратором в РЭМД может быть только одно назначение региона."


def _destination_problems(
    profile: Profile, template: DestinationTemplate, adapters: Collection[str] | None
) -> list[str]:
    found = []
    shape = _ID.fullmatch(template.id)
    if shape is None or shape[2] != profile.region:
        found.append("имя назначения — gis.<регион> или tfoms.<регион> этого же региона.")
    if adapters is not None and template.adapter not in adapters:
        found.append(f"адаптер {template.adapter} не установлен.")
    for name in ("timeout", "parallel", "rate"):
        value = getattr(template, name)
        if value is not None and value <= 0:
            found.append(f"{name}: нужно положительное число.")
    found += [f"{name}: секрету не место в params." for name in template.params if name in _SECRET_NAMES]
    for kind, mapped in template.kinds.items():
        if not (kind.isascii() and kind.isdigit()) or not mapped.code:
            found.append(f"kinds.{kind}: код вида РЭМД — число, код региона не пуст.")
    found += [
        f"clinic.{wanted.name}: ошибка в регулярном выражении."
        for wanted in template.clinic
        if not _compiles(wanted.pattern)
    ]
    return [f"{template.id}: {problem}" for problem in found]


def _fund_problems(profile: Profile) -> Iterator[str]:
    funds = [template for template in profile.destination if template.id.startswith("tfoms.")]
    if (profile.tfoms is None) != (not funds):
        yield "tfoms: раздел tfoms и назначение tfoms.<регион> описываются вместе."
    if profile.tfoms is None:
        return
    lock = profile.tfoms.period_lock
    if lock is not None and not 1 <= lock[0] <= lock[1] <= 31:
        yield "tfoms.period_lock: два дня месяца, от и до."
    if not _compiles(profile.tfoms.packet_number_rule):
        yield "tfoms.packet_number_rule: ошибка в регулярном выражении."
    if "H" not in profile.tfoms.file_prefix_map:
        yield "tfoms.file_prefix_map: нет основного файла H."


def _assumption_problems(profile: Profile) -> Iterator[str]:
    explained = {assumption.field for assumption in profile.assumption}
    for field in assumed_fields(profile):
        if not any(field == known or field.startswith(f"{known}/") for known in explained):
            yield f"{field}: значение помечено own, но допущение не объяснено в [[assumption]]."
        if profile.status is ProfileStatus.ACTIVE:
            yield f"{field}: рабочий профиль не может держаться на допущении — подтвердите значение у региона."
    for assumption in profile.assumption:
        if not _resolves(profile, assumption.field):
            yield f"assumption {assumption.field}: такого поля в профиле нет."


def assumed_fields(profile: Profile) -> Iterator[str]:
    """Name every value marked ``own``, as an assumption's ``field`` would."""
    for template in profile.destination:
        if template.source is Source.OWN:
            yield template.id
        for wanted in template.clinic:
            if wanted.source is Source.OWN:
                yield f"{template.id}/clinic/{wanted.name}"
        for kind, mapped in template.kinds.items():
            if mapped.source is Source.OWN:
                yield f"{template.id}/kinds/{kind}"
    if profile.tfoms is not None and profile.tfoms.source is Source.OWN:
        yield "tfoms"


def _resolves(profile: Profile, field: str) -> bool:
    first, *rest = field.split("/")
    template = profile.template(first)
    place: object = msgspec.to_builtins(template if template is not None else profile)
    for step in rest if template is not None else [first, *rest]:
        if isinstance(place, list):
            place = {item.get("name", ""): item for item in place if isinstance(item, dict)}
        if not isinstance(place, dict) or step not in place:
            return False
        place = place[step]
    return True


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
