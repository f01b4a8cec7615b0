"""The WS-Security profile of ИПС (remd.md §4): sign our envelopes, and believe of a foreign one only what it signs.

RSA runs on signxml, hedged against its traps (crypto.md §2.3), ГОСТ on our own arithmetic (``xmldsig``): every id is resolved
by us beforehand and must be unique, algorithms are named and closed, and a verified envelope is built of the signed parts
alone. Replay is the caller's duty: remember ``message_id`` until ``replay_until``.
"""

import base64
import copy
import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from signxml.algorithms import (
    CanonicalizationMethod,
    DigestAlgorithm,
    SignatureConstructionMethod,
    SignatureMethod,
)
from signxml.signer import SignatureReference, XMLSigner

from broker.adapter_kit.soap import SOAP11, SOAP12
from broker.trust import xmldsig
from broker.trust.envelope import (
    BASE64_BINARY,
    DS,
    IPS_PARTS,
    WSA,
    WSSE,
    WSU,
    WSU_ID,
    X509V3,
    Part,
)
from broker.trust.hole import Hole
from broker.trust.provider import Provider
from broker.trust.providers import process_provider
from broker.trust.signer import Signer
from broker.trust.suites import Suite
from broker.trust.wss_verify import Arithmetic, verify_envelope
from broker.trust.xmldsig import XmlNames

__all__ = ["Arithmetic", "XmlNames", "sign_around", "sign_envelope", "verify_envelope"]

logging.getLogger("signxml").setLevel(
    logging.WARNING
)  # at DEBUG it writes whole medical documents to the log

LIFETIME: Final = timedelta(minutes=10)
"""How long an envelope of ИПС lives."""


def sign_envelope(
    envelope_root: etree._Element,
    signer: Signer,
    *,
    parts: Collection[Part] = IPS_PARTS,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    names: XmlNames = XmlNames.URN,
    arithmetic: Arithmetic | None = None,
    provider: Provider | None = None,
    in_place: bool = False,
) -> bytes:
    """Return the envelope with a Security header over ``parts``; the caller's tree stays as it was unless ``in_place``.

    The envelope holds one Header with the wsa elements to be signed and one Body; a Timestamp is made when it is among
    the parts. Ids are derived from wsa:MessageID, so equal input gives equal bytes where the suite is deterministic (ГОСТ is
    not). ``arithmetic``: signxml for RSA and our own for ГОСТ unless given. Raises ``ValueError`` for an envelope without
    one of the parts or already secured, and for a suite nobody here can sign with.
    """
    arithmetic = arithmetic or Arithmetic.of(signer.suite)
    if arithmetic is Arithmetic.SIGNXML and signer.suite is not Suite.RSA_SHA256:
        raise ValueError(f"signxml cannot sign envelopes with {signer.suite}")
    root = envelope_root if in_place else copy.deepcopy(envelope_root)
    own = provider or process_provider()

    def signature(targets: _Targets, key_info: etree._Element) -> etree._Element:
        if arithmetic is Arithmetic.SIGNXML:
            return _signxml_signature(root, signer, [uri for uri, _ in targets], key_info)
        return xmldsig.sign(targets, signer, own, key_info, names)

    _secure(root, signer, parts, (now, lifetime), signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def sign_around(
    envelope_root: etree._Element,
    signer: Signer,
    hole: Hole,
    *,
    parts: Collection[Part] = IPS_PARTS,
    now: datetime,
    lifetime: timedelta = LIFETIME,
    names: XmlNames = XmlNames.URN,
    provider: Provider | None = None,
) -> tuple[bytes, bytes]:
    """Sign an envelope with a hole, in place, as ``sign_envelope`` would sign it filled; return what stands on either side.

    Always by our own arithmetic: signxml knows whole trees alone. Raises ``ValueError`` as ``sign_envelope`` does, and
    when the mark of the hole does not stand in the envelope once.
    """
    own = provider or process_provider()

    def signature(targets: _Targets, key_info: etree._Element) -> etree._Element:
        return xmldsig.sign(targets, signer, own, key_info, names, hole)

    _secure(envelope_root, signer, parts, (now, lifetime), signature)
    return hole.split(etree.tostring(envelope_root, xml_declaration=True, encoding="UTF-8"))


def _secure(
    root: etree._Element,
    signer: Signer,
    parts: Collection[Part],
    lives: tuple[datetime, timedelta],
    make: "Callable[[_Targets, etree._Element], etree._Element]",
) -> None:
    """Add the Security header with the signature somebody makes over the parts, each under its URI."""
    header, body = _frame(root)
    security = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
    header.insert(0, security)
    ids = _Ids(root, header.findtext(f"{{{WSA}}}MessageID") or "")
    token_id = _add_token(security, signer, ids)
    targets = []
    for part in parts:
        target = _add_timestamp(security, *lives) if part is Part.TIMESTAMP else _target(header, body, part)
        target.set(WSU_ID, ids.new(_PREFIXES.get(part, "id-"), part))
        targets.append((f"#{target.get(WSU_ID)}", target))
    signature = make(targets, _key_info(token_id, ids))
    signature.set("Id", ids.new("SIG-", "Signature"))
    security.insert(1, signature)


_Targets = Sequence[tuple[str, etree._Element]]  # noqa: SLF001  the only name lxml has for it
_PREFIXES: Final = {Part.TIMESTAMP: "TS-", Part.BODY: "body"}


class _Ids:
    """Names that nothing else in the envelope bears; the Body is called ``body`` as in the field, when it can be."""

    def __init__(self, root: etree._Element, seed: str) -> None:
        found = root.xpath("//@*[local-name()='Id' or local-name()='ID' or local-name()='id']")
        assert isinstance(found, list)
        self._taken = {str(value) for value in found}
        self._seed = seed

    def new(self, prefix: str, purpose: str) -> str:
        name, attempt = prefix, 0
        if prefix != "body":
            name = f"{prefix}{uuid.uuid5(uuid.NAMESPACE_URL, f'{self._seed}#{purpose}')}"
        while name in self._taken:
            attempt += 1
            name = f"{prefix}{uuid.uuid5(uuid.NAMESPACE_URL, f'{self._seed}#{purpose}#{attempt}')}"
        self._taken.add(name)
        return name


def _frame(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    for version in (SOAP11, SOAP12):
        if root.tag == f"{{{version}}}Envelope":
            headers = root.findall(f"{{{version}}}Header")
            bodies = root.findall(f"{{{version}}}Body")
            if len(headers) != 1 or len(bodies) != 1:
                raise ValueError("the envelope needs one Header and one Body")
            if headers[0].find(f"{{{WSSE}}}Security") is not None:
                raise ValueError("the envelope is secured already")
            return headers[0], bodies[0]
    raise ValueError("not a SOAP envelope")


def _target(header: etree._Element, body: etree._Element, part: Part) -> etree._Element:
    if part is Part.BODY:
        return body
    found = header.findall(f"{{{WSA}}}{part}")
    if len(found) != 1:
        raise ValueError(f"the envelope has {len(found)} wsa:{part}, one is to be signed")
    return found[0]


def _add_token(security: etree._Element, signer: Signer, ids: _Ids) -> str:
    token = etree.SubElement(
        security, f"{{{WSSE}}}BinarySecurityToken", EncodingType=BASE64_BINARY, ValueType=X509V3
    )
    token.text = base64.b64encode(signer.certificate).decode()
    name = ids.new("X509-", "BinarySecurityToken")
    token.set(WSU_ID, name)
    return name


def _add_timestamp(security: etree._Element, now: datetime, lifetime: timedelta) -> etree._Element:
    timestamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
    etree.SubElement(timestamp, f"{{{WSU}}}Created").text = _instant(now)
    etree.SubElement(timestamp, f"{{{WSU}}}Expires").text = _instant(now + lifetime)
    return timestamp


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key_info(token_id: str, ids: _Ids) -> etree._Element:
    key_info = etree.Element(f"{{{DS}}}KeyInfo", nsmap={"ds": DS}, Id=ids.new("KI-", "KeyInfo"))
    reference = etree.SubElement(
        key_info, f"{{{WSSE}}}SecurityTokenReference", nsmap={"wsse": WSSE, "wsu": WSU}
    )
    reference.set(WSU_ID, ids.new("STR-", "SecurityTokenReference"))
    etree.SubElement(reference, f"{{{WSSE}}}Reference", URI=f"#{token_id}", ValueType=X509V3)
    return key_info


class _KeyOfSigner:
    """Makes any RSA ``Signer`` look like the key object signxml wants, so that the key may live elsewhere."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    def sign(self, data: bytes, padding: object, algorithm: object) -> bytes:
        """Sign with the port; padding and hash are those of its suite."""
        del padding, algorithm
        return self._signer.sign(data)


def _signxml_signature(
    root: etree._Element, signer: Signer, uris: list[str], key_info: etree._Element
) -> etree._Element:
    xml_signer = XMLSigner(
        method=SignatureConstructionMethod.detached,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    xml_signer._parser = parser  # type: ignore[assignment]  # noqa: SLF001  no other way to let text over 10 MB through
    references = [
        SignatureReference(URI=uri, c14n_method=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
        for uri in uris
    ]
    key = cast("rsa.RSAPrivateKey", _KeyOfSigner(signer))  # signxml asks nothing of it but ``sign``
    signature: etree._Element = xml_signer.sign(
        root, key=key, reference_uri=references, key_info=key_info, id_attribute="Id"
    )
    return signature
