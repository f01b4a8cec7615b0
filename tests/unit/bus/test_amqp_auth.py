"""Every question RabbitMQ may ask about a partner, as a table."""

import pytest

from broker.bus import auth
from broker.bus.auth import Account, Refusal
from broker.document.submission import Mode
from broker.partners.credential import partner_of

LIVE = Account(partner="mis-17", mode=Mode.PRODUCTION, admitted=True)
TEST = Account(partner="mis-17", mode=Mode.TEST, admitted=True)
GONE = Account(partner="mis-17", mode=Mode.PRODUCTION, admitted=False)


def form(username="mis-17", vhost="/", **fields):
    return {"username": username, "vhost": vhost, **fields}


@pytest.mark.parametrize(
    ("fields", "account", "refusal"),
    [
        (form(password="s"), LIVE, None),
        (form("mis-17-test", password="s"), TEST, None),
        (form(password="s"), None, Refusal.UNKNOWN_LOGIN),
        (form("mis-18", password="s"), LIVE, Refusal.UNKNOWN_LOGIN),
        (form("mis-17", password="s"), TEST, Refusal.UNKNOWN_LOGIN),
        (form(password="s"), GONE, Refusal.WITHDRAWN),
        ({"password": "s"}, LIVE, Refusal.MALFORMED),
    ],
)
def test_only_a_known_admitted_login_enters(fields, account, refusal):
    assert auth.decide_user(fields, account).refusal is refusal


@pytest.mark.parametrize(
    ("vhost", "refusal"), [("/", None), ("/other", Refusal.FOREIGN_VHOST), ("", Refusal.FOREIGN_VHOST)]
)
def test_only_the_one_vhost_is_open(vhost, refusal):
    assert auth.decide_vhost(form(vhost=vhost), LIVE).refusal is refusal


@pytest.mark.parametrize(
    ("permission", "resource", "name", "refusal"),
    [
        ("read", "queue", "receipts.mis-17", None),
        ("write", "exchange", "documents", None),
        ("write", "queue", "receipts.mis-17", Refusal.FOREIGN_QUEUE),
        ("configure", "queue", "receipts.mis-17", Refusal.CONFIGURE),
        ("configure", "queue", "mine", Refusal.CONFIGURE),
        ("configure", "exchange", "documents", Refusal.CONFIGURE),
        ("read", "queue", "receipts.mis-18", Refusal.FOREIGN_QUEUE),
        ("read", "queue", "receipts.mis-17-test", Refusal.FOREIGN_QUEUE),
        ("read", "queue", "intake", Refusal.FOREIGN_QUEUE),
        ("read", "queue", "route.remd", Refusal.FOREIGN_QUEUE),
        ("read", "exchange", "documents", Refusal.FOREIGN_EXCHANGE),
        ("write", "exchange", "amq.default", Refusal.FOREIGN_EXCHANGE),
        ("write", "exchange", "amq.topic", Refusal.FOREIGN_EXCHANGE),
        ("write", "exchange", "", Refusal.FOREIGN_EXCHANGE),
        ("read", "topic", "documents", Refusal.FOREIGN_EXCHANGE),
    ],
)
def test_a_partner_reads_its_receipts_and_writes_documents_and_nothing_else(
    permission, resource, name, refusal
):
    asked = form(permission=permission, resource=resource, name=name)
    assert auth.decide_resource(asked, LIVE).refusal is refusal


def test_a_test_login_reads_the_receipts_of_the_test_login_only():
    own = form("mis-17-test", permission="read", resource="queue", name="receipts.mis-17-test")
    real = form("mis-17-test", permission="read", resource="queue", name="receipts.mis-17")
    assert auth.decide_resource(own, TEST).allowed
    assert auth.decide_resource(real, TEST).refusal is Refusal.FOREIGN_QUEUE


@pytest.mark.parametrize(
    ("account", "key", "refusal"),
    [
        (LIVE, "mis-17.1-2-643", None),
        (LIVE, "mis-17.", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "mis-17", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "mis-170.1-2-643", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "mis-18.1-2-643", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "mis-17-test.1-2-643", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "#", Refusal.FOREIGN_ROUTING_KEY),
        (LIVE, "", Refusal.FOREIGN_ROUTING_KEY),
        (TEST, "mis-17-test.1-2-643", None),
        (TEST, "mis-17.1-2-643", Refusal.FOREIGN_ROUTING_KEY),
    ],
)
def test_a_login_publishes_under_its_own_word_only(account, key, refusal):
    asked = form(account.login, permission="write", resource="topic", name="documents", routing_key=key)
    assert auth.decide_topic(asked, account).refusal is refusal


def test_binding_to_documents_is_refused():
    asked = form(permission="read", resource="topic", name="documents", routing_key="mis-17.#")
    assert auth.decide_topic(asked, LIVE).refusal is Refusal.FOREIGN_EXCHANGE


@pytest.mark.parametrize("decide", [auth.decide_vhost, auth.decide_resource, auth.decide_topic])
def test_an_unknown_or_withdrawn_login_is_refused_everywhere(decide):
    asked = form(permission="write", resource="exchange", name="documents", routing_key="mis-17.1")
    assert decide(asked, None).refusal is Refusal.UNKNOWN_LOGIN
    assert decide(asked, GONE).refusal is Refusal.WITHDRAWN


@pytest.mark.parametrize("decide", [auth.decide_vhost, auth.decide_resource, auth.decide_topic])
def test_a_question_without_its_fields_is_refused(decide):
    assert decide({"username": "mis-17"}, LIVE).refusal is Refusal.MALFORMED
    assert decide({}, LIVE).text == "deny"


def test_login_and_partner_are_translated_both_ways():
    for account in (LIVE, TEST):
        assert partner_of(account.login) == (account.partner, account.mode)
