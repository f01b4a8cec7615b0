"""Which algorithms a signature may use: names, OIDs and XML identifiers of every suite we know, as data.

Sources: crypto.md §1 and §2.1, remd.md §4 and §5 (1.2.643.7.1.1.x is the arc of ТК26).
"""

from enum import StrEnum
from typing import Final

import msgspec


class Suite(StrEnum):
    """A pair of signature and digest algorithms."""

    RSA_SHA256 = "RSA_SHA256"
    """RSA PKCS#1 v1.5 with SHA-256: the test contour and machines without GOST."""
    GOST2012_256 = "GOST2012_256"
    """ГОСТ Р 34.10-2012 with a 256-bit key and Стрибог-256: what clinics really sign with."""
    GOST2012_512 = "GOST2012_512"
    """ГОСТ Р 34.10-2012 with a 512-bit key and Стрибог-512."""
    RSA_SHA1 = "RSA_SHA1"
    """Seen in the old test contour of ИПС: verified where a peer's profile allows it, never signed with."""


class SuiteFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How a suite is named; the first entry of each tuple is what we write, all are read."""

    signature_oids: tuple[str, ...]
    digest_oids: tuple[str, ...]
    certificate_oids: tuple[str, ...]
    """Under which certificates and revocation lists say that they are signed."""
    key_oid: str
    """How the public key of such a signer is marked in its certificate."""
    digest_name: str
    """The name under which ``hashlib`` knows the digest; Стрибог appears there only with a GOST provider."""
    xml_signatures: tuple[str, ...]
    xml_digests: tuple[str, ...]
    verify_only: bool = False


_CPXMLSEC: Final = "urn:ietf:params:xml:ns:cpxmlsec:algorithms:"
_DSIG_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"

SUITES: Final[dict[Suite, SuiteFacts]] = {
    Suite.RSA_SHA256: SuiteFacts(
        signature_oids=("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"),
        digest_oids=("2.16.840.1.101.3.4.2.1",),
        certificate_oids=("1.2.840.113549.1.1.11",),
        key_oid="1.2.840.113549.1.1.1",
        digest_name="sha256",
        xml_signatures=(f"{_DSIG_MORE}rsa-sha256",),
        xml_digests=("http://www.w3.org/2001/04/xmlenc#sha256",),
    ),
    # 1.2.643.2.2.19 stands as signature algorithm in old containers whose digest is already that of 2012.
    Suite.GOST2012_256: SuiteFacts(
        signature_oids=("1.2.643.7.1.1.1.1", "1.2.643.7.1.1.3.2", "1.2.643.2.2.19"),
        digest_oids=("1.2.643.7.1.1.2.2",),
        certificate_oids=("1.2.643.7.1.1.3.2",),
        key_oid="1.2.643.7.1.1.1.1",
        digest_name="md_gost12_256",
        xml_signatures=(
            f"{_CPXMLSEC}gostr34102012-gostr34112012-256",
            f"{_DSIG_MORE}gostr34102012-gostr34112012-256",
        ),
        xml_digests=(f"{_CPXMLSEC}gostr34112012-256", f"{_DSIG_MORE}gostr34112012-256"),
    ),
    # The URI family with 512 is by analogy with the seen one of 256; the URN family is seen.
    Suite.GOST2012_512: SuiteFacts(
        signature_oids=("1.2.643.7.1.1.1.2", "1.2.643.7.1.1.3.3"),
        digest_oids=("1.2.643.7.1.1.2.3",),
        certificate_oids=("1.2.643.7.1.1.3.3",),
        key_oid="1.2.643.7.1.1.1.2",
        digest_name="md_gost12_512",
        xml_signatures=(
            f"{_CPXMLSEC}gostr34102012-gostr34112012-512",
            f"{_DSIG_MORE}gostr34102012-gostr34112012-512",
        ),
        xml_digests=(f"{_CPXMLSEC}gostr34112012-512", f"{_DSIG_MORE}gostr34112012-512"),
    ),
    Suite.RSA_SHA1: SuiteFacts(
        signature_oids=("1.2.840.113549.1.1.5", "1.2.840.113549.1.1.1"),
        digest_oids=("1.3.14.3.2.26",),
        certificate_oids=("1.2.840.113549.1.1.5",),
        key_oid="1.2.840.113549.1.1.1",
        digest_name="sha1",
        xml_signatures=("http://www.w3.org/2000/09/xmldsig#rsa-sha1",),
        xml_digests=("http://www.w3.org/2000/09/xmldsig#sha1",),
        verify_only=True,
    ),
}

STRONG_SUITES: Final = frozenset({Suite.RSA_SHA256, Suite.GOST2012_256, Suite.GOST2012_512})
"""What is accepted unless a profile says otherwise: everything but SHA-1."""


def suite_of_oids(signature_oid: str, digest_oid: str) -> Suite | None:
    """Return the suite of a CMS signer, or None for a pair we do not know."""
    for suite, facts in SUITES.items():
        if signature_oid in facts.signature_oids and digest_oid in facts.digest_oids:
            return suite
    return None


def suite_of_certificate(signature_oid: str) -> Suite | None:
    """Return the suite a certificate or a revocation list is signed with, or None for an algorithm we do not know."""
    for suite, facts in SUITES.items():
        if signature_oid in facts.certificate_oids:
            return suite
    return None


def suite_of_key(key_oid: str) -> Suite | None:
    """Return the suite the holder of a public key signs with, or None for a key we do not know."""
    for suite, facts in SUITES.items():
        if key_oid == facts.key_oid:
            return suite
    return None


def suite_of_xml(signature_uri: str) -> Suite | None:
    """Return the suite of an XML ``SignatureMethod``, or None for an algorithm we do not know."""
    for suite, facts in SUITES.items():
        if signature_uri in facts.xml_signatures:
            return suite
    return None
