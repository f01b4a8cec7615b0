"""``endpoints.json``: where everything of a running stand is, for tests, samples and the commands of ``inaya``."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from broker.dev.state import write_private

FILE: Final = "endpoints.json"


class Operator(msgspec.Struct, frozen=True):
    """How to sign in to the console."""

    login: str
    password: str


class Clinic(msgspec.Struct, frozen=True):
    """An invented clinic of a partner: ФРМО OID, subject code of its region, whether it works in ОМС."""

    oid: str
    region: str
    oms: bool


class Partner(msgspec.Struct, frozen=True):
    """A МИС vendor and its secret, which is the password of the AMQP door too."""

    id: str
    secret: str
    clinics: tuple[Clinic, ...] = ()


class Signer(msgspec.Struct, frozen=True):
    """A throw-away signer: paths of certificate and key, ``suite`` names the algorithms."""

    role: str
    snils: str
    suite: str
    cert: str
    key: str


class Authority(msgspec.Struct, frozen=True):
    """A throw-away authority of one suite: paths of its certificate (PEM) and revocation list (DER)."""

    suite: str
    ca: str
    crl: str


class Pki(msgspec.Struct, frozen=True):
    """The throw-away signers of a stand and who vouches for them; those of RSA come first.

    ``ca`` is a PEM file with every root, ``crl`` the revocation list of RSA; ``authorities`` tells them apart by suite.
    """

    ca: str
    crl: str
    signers: tuple[Signer, ...] = ()
    authorities: tuple[Authority, ...] = ()


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """The file. ``amqp`` is null where there is no RabbitMQ; ``simulators`` name → address.

    ``metrics``: where each of the broker's processes shows its metrics.
    """

    http: str
    console: str
    peer: str
    amqp: str | None = None
    database: str
    operator: Operator
    partners: tuple[Partner, ...] = ()
    simulators: dict[str, str] = {}
    metrics: dict[str, str] = {}
    pki: Pki


def withdraw_endpoints(state_dir: Path) -> None:
    """Take away what a stand that was killed left behind: it is not ready, and its addresses may be others' by now."""
    (state_dir / FILE).unlink(missing_ok=True)


@contextmanager
def publish_endpoints(state_dir: Path, endpoints: Endpoints) -> Iterator[Path]:
    """Let the file (0600) stand for as long as the block lasts: it is there only while the stand is ready."""
    path = state_dir / FILE
    content = msgspec.json.format(msgspec.json.encode(endpoints), indent=2)
    write_private(path, content + b"\n")
    try:
        yield path
    finally:
        withdraw_endpoints(state_dir)


def read_endpoints(state_dir: Path) -> Endpoints | None:
    """Return what a stand has published, or None when none is ready there."""
    try:
        return msgspec.json.decode((state_dir / FILE).read_bytes(), type=Endpoints)
    except FileNotFoundError:
        return None
