"""What a partner's login may do in RabbitMQ, decided for its HTTP auth backend, as pure functions of a form.

RabbitMQ asks four questions (``user_path``, ``vhost_path``, ``resource_path``, ``topic_path``; README of
rabbitmq_auth_backend_http). Everything is denied but this: a known login opens vhost ``/``, reads
``receipts.<login>`` and writes to the exchange ``documents`` under its own routing keys ``<login>.…``. Our own account
is internal to RabbitMQ and never asked about here.

The first word of the routing key and the end of the queue's name are the *login*: test and production share neither
documents nor receipts, because nothing else in a message tells the two credentials of one partner apart.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from broker.bus.topology import DOCUMENTS, receipts_name
from broker.document.submission import Mode
from broker.partners.credential import login_of

VHOST: Final = "/"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the credentials say about a login.

    For ``user_path`` it is given only when login and secret belong together; for the other questions, where RabbitMQ
    sends no secret, when the login exists. ``admitted`` is false once the partner or the credential is withdrawn.
    """

    partner: str
    mode: Mode
    admitted: bool

    @property
    def login(self) -> str:
        """Return the AMQP login: the partner's id, with ``-test`` for test credentials."""
        return login_of(self.partner, self.mode)


class Refusal(StrEnum):
    """Why RabbitMQ was told no; for our journal, RabbitMQ says only that access is refused."""

    MALFORMED = "malformed"
    """A field RabbitMQ always sends is missing."""
    UNKNOWN_LOGIN = "unknown_login"
    """No such login, or the secret is not its own."""
    WITHDRAWN = "withdrawn"
    """The partner or the credential is not admitted any more."""
    FOREIGN_VHOST = "foreign_vhost"
    """Not the vhost ``/``."""
    CONFIGURE = "configure"
    """A partner declares, deletes and binds nothing."""
    FOREIGN_QUEUE = "foreign_queue"
    """Not a read of the login's own receipts."""
    FOREIGN_EXCHANGE = "foreign_exchange"
    """Not a publication to ``documents``."""
    FOREIGN_ROUTING_KEY = "foreign_routing_key"
    """The routing key does not begin with the login's own word."""


class Decision(msgspec.Struct, frozen=True):
    """Yes, or no and why."""

    refusal: Refusal | None = None

    @property
    def allowed(self) -> bool:
        """Tell whether access is granted."""
        return self.refusal is None

    @property
    def text(self) -> str:
        """Return the body RabbitMQ reads; no partner gets a tag, so none reaches its management."""
        return "allow" if self.allowed else "deny"


ALLOW: Final = Decision()

Form = Mapping[str, str]
"""The fields RabbitMQ posts, as strings."""


def decide_user(form: Form, account: Account | None) -> Decision:
    """``user_path``: may this login with this password enter at all."""
    return _known(form, account) or ALLOW


def decide_vhost(form: Form, account: Account | None) -> Decision:
    """``vhost_path``: may this login open the vhost."""
    return _known(form, account) or _in_vhost(form) or ALLOW


def decide_resource(form: Form, account: Account | None) -> Decision:
    """``resource_path``: may this login configure, write or read this exchange or queue."""
    refused = _known(form, account) or _in_vhost(form)
    if refused is not None or account is None:
        return refused or Decision(Refusal.UNKNOWN_LOGIN)
    match (form.get("permission"), form.get("resource"), form.get("name")):
        case (None, _, _) | (_, None, _) | (_, _, None):
            return Decision(Refusal.MALFORMED)
        case ("read", "queue", name) if name == receipts_name(account.login):
            return ALLOW
        case ("write", "exchange", DOCUMENTS.name):
            return ALLOW
        case ("configure", _, _):
            return Decision(Refusal.CONFIGURE)
        case (_, "queue", _):
            return Decision(Refusal.FOREIGN_QUEUE)
        case _:
            return Decision(Refusal.FOREIGN_EXCHANGE)


def decide_topic(form: Form, account: Account | None) -> Decision:
    """``topic_path``: may this login publish under this routing key."""
    refused = _known(form, account) or _in_vhost(form)
    if refused is not None or account is None:
        return refused or Decision(Refusal.UNKNOWN_LOGIN)
    match (form.get("permission"), form.get("name"), form.get("routing_key")):
        case (None, _, _) | (_, None, _) | (_, _, None):
            return Decision(Refusal.MALFORMED)
        case ("write", DOCUMENTS.name, str(key)) if _is_own(key, account.login):
            return ALLOW
        case ("write", DOCUMENTS.name, _):
            return Decision(Refusal.FOREIGN_ROUTING_KEY)
        case _:
            return Decision(Refusal.FOREIGN_EXCHANGE)


def _is_own(routing_key: str, login: str) -> bool:
    return routing_key.startswith(f"{login}.") and len(routing_key) > len(login) + 1


def _known(form: Form, account: Account | None) -> Decision | None:
    if not form.get("username"):
        return Decision(Refusal.MALFORMED)
    if account is None or account.login != form["username"]:
        return Decision(Refusal.UNKNOWN_LOGIN)
    return None if account.admitted else Decision(Refusal.WITHDRAWN)


def _in_vhost(form: Form) -> Decision | None:
    vhost = form.get("vhost")
    if vhost is None:
        return Decision(Refusal.MALFORMED)
    return None if vhost == VHOST else Decision(Refusal.FOREIGN_VHOST)
