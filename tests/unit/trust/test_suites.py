"""Suites as data: every identifier leads to exactly one suite."""

from itertools import product

import pytest

from broker.trust import SUITES, Suite
from broker.trust.suites import suite_of_oids, suite_of_xml


@pytest.mark.parametrize("suite", list(Suite))
def test_every_identifier_of_a_suite_leads_back_to_it(suite: Suite) -> None:
    facts = SUITES[suite]
    for signature, digest in product(facts.signature_oids, facts.digest_oids):
        assert suite_of_oids(signature, digest) is suite
    for uri in facts.xml_signatures:
        assert suite_of_xml(uri) is suite


def test_mixed_pairs_are_no_suite() -> None:
    assert suite_of_oids("1.2.643.7.1.1.1.1", "2.16.840.1.101.3.4.2.1") is None
    assert suite_of_oids("1.2.840.113549.1.1.11", "1.2.643.7.1.1.2.2") is None
    assert suite_of_oids("1.2.643.7.1.1.1.1", "1.2.643.7.1.1.2.3") is None
    assert suite_of_xml("") is None


def test_both_families_of_gost_uris_are_known() -> None:
    for size in ("256", "512"):
        name = f"gostr34102012-gostr34112012-{size}"
        expected = Suite(f"GOST2012_{size}")
        assert suite_of_xml(f"urn:ietf:params:xml:ns:cpxmlsec:algorithms:{name}") is expected
        assert suite_of_xml(f"http://www.w3.org/2001/04/xmldsig-more#{name}") is expected


def test_sha1_is_the_only_suite_for_verification_alone() -> None:
    assert {suite for suite in Suite if SUITES[suite].verify_only} == {Suite.RSA_SHA1}
