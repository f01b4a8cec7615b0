"""The arithmetic of XMLDSig for any suite: canonical bytes of an element, digests, the signature value.

Exclusive canonicalisation by libxml2, digests and values by whatever provider and signer know the suite. What may be signed
and who is believed is decided elsewhere (``wss``, ``wss_verify``).
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from lxml import etree

from broker.trust.envelope import DS, EXC_C14N
from broker.trust.hole import Hole
from broker.trust.provider import Provider
from broker.trust.signer import Signer
from broker.trust.suites import SUITES, Suite

INCLUSIVE: Final = f"{{{EXC_C14N}}}InclusiveNamespaces"
MAX_PREFIXES: Final = 32
"""Prefixes an InclusiveNamespaces list may name; those of the field name none (our own limit)."""


class XmlNames(Enum):
    """Which family of identifiers our own signatures name ГОСТ by; both were seen in the field and both are read."""

    URN = 0
    """``urn:ietf:params:xml:ns:cpxmlsec:algorithms:…``, as CryptoPro writes."""
    URI = 1
    """``http://www.w3.org/2001/04/xmldsig-more#…``, as the contractor's library for ИПС writes."""

    def of(self, names: Sequence[str]) -> str:
        """Choose among the names of an algorithm; those of RSA have one."""
        return names[min(self.value, len(names) - 1)]


def canonical(element: etree._Element, prefixes: Iterable[str] = ()) -> bytes:
    """Return the exclusive canonical form of an element without comments (xml-exc-c14n)."""
    listed = list(prefixes)
    data: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=listed or None
    )
    return data


def sign(
    targets: Sequence[tuple[str, etree._Element]],
    signer: Signer,
    provider: Provider,
    key_info: etree._Element,
    names: XmlNames,
    hole: Hole | None = None,
) -> etree._Element:
    """Return a detached ds:Signature over elements, each under its URI; raise ``ValueError`` for a suite nobody here computes.

    An element with a ``hole`` is signed as if the hole were filled.
    """
    facts = SUITES[signer.suite]
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={"ds": DS})
    signed_info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(signed_info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    etree.SubElement(signed_info, f"{{{DS}}}SignatureMethod", Algorithm=names.of(facts.xml_signatures))
    for uri, element in targets:
        digest = _digest(element, signer.suite, provider, hole)
        if digest is None:
            raise ValueError(f"{provider.name} computes no digest of {signer.suite}")
        _add_reference(signed_info, uri, names.of(facts.xml_digests), digest)
    value = signer.sign(canonical(signed_info))
    etree.SubElement(signature, f"{{{DS}}}SignatureValue").text = base64.b64encode(value).decode()
    signature.append(key_info)
    return signature


def _digest(element: etree._Element, suite: Suite, provider: Provider, hole: Hole | None) -> bytes | None:
    data = canonical(element)
    if hole is None or not hole.is_in(data):
        return provider.digest(suite, data)
    return provider.digest_of(suite, hole.around(data))


def _add_reference(signed_info: etree._Element, uri: str, algorithm: str, digest: bytes) -> None:
    reference = etree.SubElement(signed_info, f"{{{DS}}}Reference", URI=uri)
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=algorithm)
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()


def inclusive_prefixes(method: etree._Element) -> tuple[str, ...] | None:
    """Return the prefixes of a c14n method or transform; None when it holds anything but one well-formed list."""
    if not len(method) and not (method.text or "").strip():
        return ()
    if len(method) != 1 or method[0].tag != INCLUSIVE or len(method[0]):
        return None
    prefixes = tuple(method[0].get("PrefixList", "").split())
    return prefixes if len(prefixes) <= MAX_PREFIXES and "#default" not in prefixes else None


def digest_fits(reference: etree._Element, data: bytes, suite: Suite, provider: Provider) -> bool | None:
    """Compare a reference's DigestValue with the canonical bytes; None when the provider cannot compute it."""
    computed = provider.digest(suite, data)
    if computed is None:
        return None
    said = decoded(reference.findtext(f"{{{DS}}}DigestValue"))
    return said is not None and hmac.compare_digest(said, computed)


def value_fits(
    signature: etree._Element,
    prefixes: tuple[str, ...],
    suite: Suite,
    certificate: bytes,
    provider: Provider,
) -> bool | None:
    """Check SignatureValue over SignedInfo with a DER certificate's key; None when the provider cannot."""
    said = decoded(signature.findtext(f"{{{DS}}}SignatureValue"))
    signed_info = signature.find(f"{{{DS}}}SignedInfo")
    if not said or signed_info is None:
        return False
    return provider.verify(suite, certificate, said, canonical(signed_info, prefixes))


def decoded(text: str | None) -> bytes | None:
    """Decode base64 that may hold line breaks; None when it is not base64."""
    try:
        return base64.b64decode("".join((text or "").split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
