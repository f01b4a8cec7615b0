"""A content that several have signed is hashed once for each suite, a certificate once, all else as often as it is asked."""

import pytest

from broker.trust.certificate import KEPT_SIZE
from broker.trust.provider import (
    RSA_PROVIDER,
    CompositeProvider,
    ContentProvider,
    computing,
    digest_of_certificate,
)
from broker.trust.suites import Suite


class Counting:
    name, version, certified = "counting", "1", False

    def __init__(self) -> None:
        self.asked = []

    def digest(self, suite, data):
        self.asked.append((suite, data))
        return RSA_PROVIDER.digest(suite, data)

    def verify(self, suite, certificate, signature, data):
        return None


def test_a_content_is_hashed_once_for_each_suite():
    counting, content = Counting(), b"content of a document"
    once = ContentProvider(counting, content)
    for suite in (Suite.RSA_SHA256, Suite.RSA_SHA1) * 2:
        assert once.digest(suite, content) == RSA_PROVIDER.digest(suite, content)
    assert counting.asked == [(Suite.RSA_SHA256, content), (Suite.RSA_SHA1, content)]


def test_other_bytes_are_hashed_each_time():
    counting = Counting()
    once = ContentProvider(counting, b"content of a document")
    assert once.digest(Suite.RSA_SHA256, b"a") != once.digest(Suite.RSA_SHA256, b"b")
    assert len(counting.asked) == 2


def test_a_receipt_still_names_who_computed():
    counting = Counting()
    for provider in (counting, CompositeProvider((counting, RSA_PROVIDER))):
        assert computing(ContentProvider(provider, b"x"), Suite.RSA_SHA256) is counting


@pytest.mark.parametrize(("size", "times"), [(KEPT_SIZE, 1), (KEPT_SIZE + 1, 3)])
def test_a_certificate_is_hashed_once_unless_it_is_too_large_to_keep(size, times):
    counting, certificate = Counting(), bytes(size)
    for content in (b"a", b"b", b"c"):
        document = ContentProvider(CompositeProvider((counting, RSA_PROVIDER)), content)
        digest = digest_of_certificate(document, Suite.RSA_SHA256, certificate)
        assert digest == RSA_PROVIDER.digest(Suite.RSA_SHA256, certificate)
    assert counting.asked == [(Suite.RSA_SHA256, certificate)] * times
