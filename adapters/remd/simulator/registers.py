"""The registers of the simulated РЭМД: systems, organisations, workers, patients, kinds, dictionaries, as its settings.

A register that is not given (None) is not kept: nothing is checked against it. An empty one knows nobody.
"""

from datetime import date
from typing import Literal

import msgspec

Told = Literal["sync", "async"]
"""In the answer to the request, or in the callback after it."""


class Register(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """Base of the rows: camelCase in JSON, unknown fields refused by name."""


class System(Register, frozen=True, kw_only=True):
    """An information system: its GUID in ИПС, its code in РЭМД, whether it is switched on, its region ("" = any)."""

    client_entity_id: str
    code: str = "emdr-rmis-1754"
    enabled: bool = True
    region: str = ""


class Department(Register, frozen=True, kw_only=True):
    """A unit of an organisation in ФРМО."""

    oid: str
    opened: date | None = None
    closed: date | None = None


class OrganizationRow(Register, frozen=True, kw_only=True):
    """An organisation in ФРМО; ``systems`` are codes of systems it is linked to (None: to all)."""

    oid: str
    name: str = ""
    systems: tuple[str, ...] | None = None
    departments: tuple[Department, ...] | None = None
    deleted: date | None = None


class Post(Register, frozen=True, kw_only=True):
    """A post a worker holds: organisation and code of НСИ 1.2.643.5.1.13.13.11.1002."""

    organization: str
    position: str


class Worker(Register, frozen=True, kw_only=True):
    """A person in ФРМР; posts None: not checked."""

    snils: str
    surname: str = ""
    name: str = ""
    patr_name: str = ""
    birth_date: date | None = None
    posts: tuple[Post, ...] | None = None


class PatientRow(Register, frozen=True, kw_only=True):
    """A patient in ГИП, found by local id in the organisation first, by СНИЛС else; gender by 11.1040."""

    organization: str = ""
    local_id: str = ""
    snils: str = ""
    surname: str = ""
    name: str = ""
    patr_name: str = ""
    gender: str = ""
    birth_date: date | None = None


class Kind(Register, frozen=True, kw_only=True):
    """A kind of document (НСИ 1520): days it is open, ``patient`` snils | required | optional, МО signature, versions, series.

    ``associations`` are the types of links (99.2.122) its documents may have; None: any.
    """

    kind: str
    opened: date | None = None
    closed: date | None = None
    patient: str = "optional"
    organization_signature: bool = True
    new_versions: bool = True
    series_required: bool = False
    associations: tuple[str, ...] | None = None


class Mark(Register, frozen=True, kw_only=True):
    """What is special about the answer to one document: how late (simulated seconds), how many times it is told."""

    late_seconds: float = 0
    callbacks: int = 1


class Security(Register, frozen=True, kw_only=True):
    """WS-Security of the simulator, PEM texts: whom it believes, with what it signs (empty: unverified, unsigned).

    ``provider`` computes with the key (openssl-rsa | openssl-gost); ``peer_suites`` are those the sender may sign with.
    """

    peer_certificate: str = ""
    peer_suites: tuple[str, ...] = ("RSA_SHA256", "GOST2012_256", "GOST2012_512")
    certificate: str = ""
    key: str = ""
    provider: str = "openssl-rsa"


class SimSettings(Register, frozen=True, kw_only=True):
    """All settings of the simulator.

    ``unlinked`` and ``not_unique`` sync | async: when a missing link and a taken localUid are told. ``known`` are the
    numbers of documents registered elsewhere, which links may name (None: any may be named). ``warnings`` by kind are the
    texts a registration is told with. ``callback_url`` replaces ReplyTo. ``rate_limit`` is requests
    per real second (0: none). ``file_tries`` calls getDocumentFile before giving up. ``marks`` by localUid.
    """

    path: str = "/port/emdr"
    systems: tuple[System, ...] | None = None
    organizations: tuple[OrganizationRow, ...] | None = None
    workers: tuple[Worker, ...] | None = None
    patients: tuple[PatientRow, ...] | None = None
    kinds: tuple[Kind, ...] | None = None
    marks: dict[str, Mark] = {}
    known: tuple[str, ...] | None = None
    warnings: dict[str, tuple[str, ...]] = {}
    unlinked: Told = "sync"
    not_unique: Told = "async"
    callback_url: str = ""
    rate_limit: int = 0
    workers_at_once: int = 32
    file_tries: int = 3
    file_retry_seconds: float = 2
    file_timeout: float = 20
    store_years: int = 25
    check_digest: bool = True
    strict_local_uid: bool = True
    security: Security = Security()
