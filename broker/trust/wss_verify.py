"""Is this envelope what a trusted peer signed, and which of its parts? The half of the profile that distrusts.

The structure is judged first and strictly: fixed places, targets from a closed list, unique ids, named algorithms.
Only then somebody computes, signxml for RSA and our own arithmetic for ГОСТ, and only the parts they vouch for are used.
"""

import base64
import binascii
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import msgspec
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from broker.adapter_kit.soap import SOAP11, SOAP12, safe_parser
from broker.trust.certificate import load_certificate
from broker.trust.envelope import (
    DS,
    EGISZ,
    ENVELOPED,
    EXC_C14N,
    HUGE,
    WSA,
    WSSE,
    WSU,
    WSU_ID,
    Part,
    PeerTrust,
    VerifiedEnvelope,
    WssCode,
    WssRefusal,
)
from broker.trust.provider import Provider
from broker.trust.providers import process_provider
from broker.trust.suites import SUITES, Suite, suite_of_xml
from broker.trust.xmldsig import canonical, digest_fits, inclusive_prefixes, value_fits

MAX_REFERENCES: Final = 16
_WSA_PARTS: Final = (
    Part.MESSAGE_ID,
    Part.ACTION,
    Part.TO,
    Part.REPLY_TO,
    Part.RELATES_TO,
    Part.FAULT_TO,
    Part.FROM,
)


class Arithmetic(Enum):
    """Who computes digests and values of an envelope; each checks the other in the tests."""

    SIGNXML = "signxml"
    """The library: RSA only."""
    OWN = "own"
    """``broker.trust.xmldsig`` over a provider: every suite."""

    @classmethod
    def of(cls, suite: Suite) -> "Arithmetic":
        """Return who computes a suite in the product."""
        return cls.SIGNXML if suite in _SIGNXML else cls.OWN


class _RefusedError(Exception):
    """Carries a refusal out of the checks; never leaves this module."""

    def __init__(self, code: WssCode, detail: str = "") -> None:
        super().__init__(code)
        self.refusal = WssRefusal(code, detail)


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    """The elements of the envelope at their fixed places; ``targets`` are all that may be signed."""

    soap: str
    root: etree._Element
    header: etree._Element
    signature: etree._Element
    token: etree._Element
    targets: dict[Part, etree._Element]


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What the signature says of itself: its suite and, in order, the parts it covers.

    ``prefixes`` belong to the canonical form of SignedInfo, those of a reference to the part's.
    """

    suite: Suite
    parts: tuple[Part, ...]
    prefixes: tuple[str, ...]
    references: tuple[tuple[etree._Element, tuple[str, ...]], ...]


_Signed = dict[Part, bytes]
"""The canonical bytes of every part that is signed."""


def verify_envelope(
    data: bytes,
    peer: PeerTrust,
    now: datetime,
    *,
    provider: Provider | None = None,
    arithmetic: Arithmetic | None = None,
) -> VerifiedEnvelope | WssRefusal:
    """Verify a SOAP 1.1 or 1.2 envelope of a peer at an instant; never raises for anything that may arrive.

    ``provider`` computes what signxml does not (default: that of this process); ``arithmetic`` overrides the choice.
    """
    try:
        frame = _read_frame(_parse(data, peer.limit))
        claim = _read_claim(frame, peer)
        certificate = _pinned_certificate(frame, peer, now)
        if (arithmetic or Arithmetic.of(claim.suite)) is Arithmetic.SIGNXML:
            vouched = _verify_by_signxml(frame, claim, certificate, now, huge=len(data) > HUGE)
        else:
            vouched = _verify_by_ourselves(frame, claim, certificate, provider or process_provider())
        signed = {part: _reread(body) for part, body in vouched.items() if part is not Part.BODY}
        window = _check_window(signed.get(Part.TIMESTAMP), peer, now)
    except _RefusedError as refused:
        return refused.refusal
    created, expires = window or (None, None)
    return VerifiedEnvelope(
        soap=frame.soap,
        body=vouched[Part.BODY],
        message_id=_text(signed.get(Part.MESSAGE_ID)),
        action=_text(signed.get(Part.ACTION)),
        to=_text(signed.get(Part.TO)),
        reply_to=_address(signed.get(Part.REPLY_TO)),
        relates_to=_text(signed.get(Part.RELATES_TO, frame.targets.get(Part.RELATES_TO))),
        client_entity_id=_client_entity_id(frame.header),
        created=created,
        expires=expires,
        replay_until=expires + peer.skew if expires else None,
        certificate=certificate,
        suite=claim.suite,
        signed=frozenset(claim.parts),
    )


def _parse(data: bytes, limit: int) -> etree._Element:
    if len(data) > limit:
        raise _RefusedError(WssCode.TOO_LARGE)
    try:
        root = etree.fromstring(data, safe_parser(huge=len(data) > HUGE))
    except (etree.XMLSyntaxError, ValueError):
        raise _RefusedError(WssCode.MALFORMED) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _RefusedError(WssCode.DOCTYPE)
    return root


def _read_frame(root: etree._Element) -> _Frame:
    soap = next((version for version in (SOAP11, SOAP12) if root.tag == f"{{{version}}}Envelope"), None)
    if soap is None:
        raise _RefusedError(WssCode.NOT_SOAP)
    if [child.tag for child in root] != [f"{{{soap}}}Header", f"{{{soap}}}Body"]:
        raise _RefusedError(WssCode.STRUCTURE, "Envelope")
    header, body = root
    security = _at_most_one(header, f"{{{WSSE}}}Security")
    signature = None if security is None else _at_most_one(security, f"{{{DS}}}Signature")
    if security is None or signature is None:
        raise _RefusedError(WssCode.NO_SIGNATURE)
    targets = {Part.BODY: body}
    for part in _WSA_PARTS:
        found = _at_most_one(header, f"{{{WSA}}}{part}")
        if found is not None:
            targets[part] = found
    timestamp = _at_most_one(security, f"{{{WSU}}}Timestamp")
    if timestamp is not None:
        targets[Part.TIMESTAMP] = timestamp
    return _Frame(
        soap=soap,
        root=root,
        header=header,
        signature=signature,
        token=_only(security, f"{{{WSSE}}}BinarySecurityToken"),
        targets=targets,
    )


def _at_most_one(parent: etree._Element, tag: str) -> etree._Element | None:
    found = parent.findall(tag)
    if len(found) > 1:
        raise _RefusedError(WssCode.STRUCTURE, etree.QName(tag).localname)
    return found[0] if found else None


def _only(parent: etree._Element, tag: str) -> etree._Element:
    found = _at_most_one(parent, tag)
    if found is None:
        raise _RefusedError(WssCode.STRUCTURE, etree.QName(tag).localname)
    return found


def _children(parent: etree._Element, *names: str) -> list[etree._Element]:
    """Return the children, which must be exactly these elements of XMLDSig in this order."""
    if [child.tag for child in parent] != [f"{{{DS}}}{name}" for name in names]:
        raise _RefusedError(WssCode.STRUCTURE, etree.QName(parent.tag).localname)
    return list(parent)


def _read_claim(frame: _Frame, peer: PeerTrust) -> _Claim:
    signed_info, _, key_info = _children(frame.signature, "SignedInfo", "SignatureValue", "KeyInfo")
    _check_key_info(key_info, frame.token)
    if len(signed_info) < 3 or len(signed_info) > 2 + MAX_REFERENCES:
        raise _RefusedError(WssCode.STRUCTURE, "SignedInfo")
    names = ["CanonicalizationMethod", "SignatureMethod", *(["Reference"] * (len(signed_info) - 2))]
    method_of_form, method, *references = _children(signed_info, *names)
    suite = suite_of_xml(method.get("Algorithm", ""))
    if method_of_form.get("Algorithm") != EXC_C14N or suite is None or suite not in peer.suites:
        raise _RefusedError(WssCode.ALGORITHM, method.get("Algorithm", ""))
    if len(method):  # HMACOutputLength and its kind
        raise _RefusedError(WssCode.ALGORITHM, "SignatureMethod")
    names_of_parts = _names_of_parts(frame)
    read = [_read_reference(reference, suite, names_of_parts) for reference in references]
    parts = tuple(part for part, _ in read)
    missing = {Part.BODY, *peer.required} - set(parts)
    if missing:
        raise _RefusedError(WssCode.UNSIGNED_PART, ", ".join(sorted(missing)))
    if len(set(parts)) != len(parts):
        raise _RefusedError(WssCode.REFERENCE, "doubled")
    return _Claim(
        suite=suite,
        parts=parts,
        prefixes=_prefixes(method_of_form),
        references=tuple(zip(references, (prefixes for _, prefixes in read), strict=True)),
    )


def _prefixes(method: etree._Element) -> tuple[str, ...]:
    prefixes = inclusive_prefixes(method)
    if prefixes is None:
        raise _RefusedError(WssCode.ALGORITHM, "InclusiveNamespaces")
    return prefixes


def _check_key_info(key_info: etree._Element, token: etree._Element) -> None:
    """Let the key be named in one way only: by reference to the token beside the signature."""
    path = (f"{{{WSSE}}}SecurityTokenReference", f"{{{WSSE}}}Reference")
    element = key_info
    for tag in path:
        if len(element) != 1 or element[0].tag != tag:
            raise _RefusedError(WssCode.STRUCTURE, "KeyInfo")
        element = element[0]
    if element.get("URI") != f"#{token.get(WSU_ID, '')}":
        raise _RefusedError(WssCode.STRUCTURE, "KeyInfo")


def _names_of_parts(frame: _Frame) -> dict[str, Part]:
    """Map ids to parts; an id that stands anywhere else in the message too is refused when something refers to it."""
    found = frame.root.xpath("//@*[local-name()='Id' or local-name()='ID' or local-name()='id']")
    assert isinstance(found, list)
    seen: set[str] = set()
    doubled: set[str] = set()
    for value in map(str, found):
        (doubled if value in seen else seen).add(value)
    names: dict[str, Part] = {}
    for part, element in frame.targets.items():
        name = element.get(WSU_ID)
        if name in doubled:
            raise _RefusedError(WssCode.DUPLICATE_ID, part)
        if name:
            names[name] = part
    return names


def _read_reference(
    reference: etree._Element, suite: Suite, names: dict[str, Part]
) -> tuple[Part, tuple[str, ...]]:
    transforms, digest_method, _ = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    uri = reference.get("URI", "")
    part = names.get(uri[1:]) if uri.startswith("#") else None
    if part is None:
        raise _RefusedError(WssCode.REFERENCE, "unknown target")
    steps = _children(transforms, *(["Transform"] * len(transforms)))
    algorithms = [item.get("Algorithm") for item in steps]
    if algorithms != [EXC_C14N] and not (part is Part.BODY and algorithms == [ENVELOPED, EXC_C14N]):
        raise _RefusedError(WssCode.ALGORITHM, "Transform")
    if digest_method.get("Algorithm") not in SUITES[suite].xml_digests:
        raise _RefusedError(WssCode.ALGORITHM, digest_method.get("Algorithm", ""))
    if len(steps) > 1 and len(steps[0]):
        raise _RefusedError(WssCode.ALGORITHM, "Transform")
    return part, _prefixes(steps[-1])


def _pinned_certificate(frame: _Frame, peer: PeerTrust, now: datetime) -> bytes:
    try:
        der = base64.b64decode("".join((frame.token.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise _RefusedError(WssCode.UNKNOWN_CERTIFICATE, "base64") from None
    if der not in peer.certificates:
        raise _RefusedError(WssCode.UNKNOWN_CERTIFICATE)
    certificate = load_certificate(der)
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    if not valid and not peer.accept_expired_certificate:
        raise _RefusedError(WssCode.CERTIFICATE_EXPIRED)
    return der


_SIGNXML: Final = {
    Suite.RSA_SHA256: (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256),
    Suite.RSA_SHA1: (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
}


def _verify_by_ourselves(frame: _Frame, claim: _Claim, der: bytes, provider: Provider) -> _Signed:
    """Compute the signature value first, then every digest: nothing unsigned costs the hashing of a large Body."""
    _demand(value_fits(frame.signature, claim.prefixes, claim.suite, der, provider))
    signed: _Signed = {}
    for part, (reference, prefixes) in zip(claim.parts, claim.references, strict=True):
        data = canonical(frame.targets[part], prefixes)
        _demand(digest_fits(reference, data, claim.suite, provider))
        signed[part] = data
    return signed


def _demand(fits: bool | None) -> None:  # noqa: FBT001  three-valued answer of a provider
    if fits is None:
        raise _RefusedError(WssCode.UNVERIFIED)
    if not fits:
        raise _RefusedError(WssCode.BAD_SIGNATURE)


def _reread(data: bytes) -> etree._Element:
    return etree.fromstring(data, safe_parser(huge=len(data) > HUGE))


def _verify_by_signxml(frame: _Frame, claim: _Claim, der: bytes, now: datetime, *, huge: bool) -> _Signed:
    """Let signxml compute every digest and the signature value; return what it says it has seen."""
    if claim.suite not in _SIGNXML:
        raise _RefusedError(WssCode.ALGORITHM, claim.suite)
    certificate = load_certificate(der)
    method, digest = _SIGNXML[claim.suite]
    config = SignatureConfiguration(
        location=f"./{{{frame.soap}}}Header/{{{WSSE}}}Security/",
        expect_references=False,  # any number: ours were counted already; with a number of one signxml changes its answer
        signature_methods=frozenset({method}),
        digest_algorithms=frozenset({digest}),
        verification_time=min(max(now, certificate.not_valid_before_utc), certificate.not_valid_after_utc),
    )
    try:
        results = XMLVerifier().verify(
            frame.root,
            x509_cert=certificate,
            validate_schema=False,
            parser=safe_parser(huge=huge),
            expect_config=config,
        )
    except (SignXMLException, ValueError, TypeError, etree.XMLSyntaxError):
        raise _RefusedError(WssCode.BAD_SIGNATURE) from None
    assert isinstance(results, list)
    return _match_results(frame, claim, [result.signed_xml for result in results])


def _match_results(frame: _Frame, claim: _Claim, elements: list[etree._Element | None]) -> _Signed:
    """Pair what was computed with what was claimed; a difference means signxml saw another tree than we did."""
    if len(elements) != len(claim.parts):
        raise _RefusedError(WssCode.BAD_SIGNATURE, "references")
    signed: _Signed = {}
    for (part, element), (_, prefixes) in zip(
        zip(claim.parts, elements, strict=True), claim.references, strict=True
    ):
        expected = frame.targets[part]
        if element is None or element.tag != expected.tag or element.get(WSU_ID) != expected.get(WSU_ID):
            raise _RefusedError(WssCode.REFERENCE, part)
        signed[part] = canonical(element, prefixes)
    return signed


def _check_window(
    timestamp: etree._Element | None, peer: PeerTrust, now: datetime
) -> tuple[datetime, datetime] | None:
    if timestamp is None:
        return None
    created = _instant(timestamp, "Created")
    expires = _instant(timestamp, "Expires")
    if created > now + peer.skew or expires - created > peer.max_lifetime:
        raise _RefusedError(WssCode.FROM_FUTURE)
    if expires <= now - peer.skew or expires <= created:
        raise _RefusedError(WssCode.STALE)
    return created, expires


def _instant(timestamp: etree._Element, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(_only(timestamp, f"{{{WSU}}}{name}")))
    except ValueError:
        raise _RefusedError(WssCode.STRUCTURE, name) from None
    if moment.utcoffset() is None or moment.year < 2000 or moment.year > 9000:
        raise _RefusedError(WssCode.STRUCTURE, name)
    return moment.astimezone(UTC)


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _address(element: etree._Element | None) -> str:
    return "" if element is None else _text(element.find(f"{{{WSA}}}Address"))


def _client_entity_id(header: etree._Element) -> str:
    path = f"{{{EGISZ}}}transportHeader/{{{EGISZ}}}authInfo/{{{EGISZ}}}clientEntityId"
    return _text(header.find(path))
