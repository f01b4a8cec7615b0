"""Detached CAdES-BES containers: make one, and say of one that arrived whether it signs the given bytes.

``inspect`` never raises: whatever arrives becomes a ``SignatureVerdict``. RFC 5652 (CMS), RFC 5035 (ESS), ETSI EN 319 122.
"""

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Any, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from msgspec.structs import replace

from broker.trust.certificate import READ_ERRORS, read_certificate
from broker.trust.provider import RSA_PROVIDER, Provider
from broker.trust.signer import Signer
from broker.trust.suites import STRONG_SUITES, SUITES, Suite, suite_of_oids
from broker.trust.verdict import SignatureCode, SignatureVerdict

MAX_CONTAINER: Final = 1024 * 1024
"""A detached container holds certificates and one signature: ten kilobytes are usual, a megabyte is not."""

_ARMOUR: Final = re.compile(r"-----(BEGIN|END) [A-Z0-9# ]{1,32}-----")
_BLANKS: Final = re.compile(r"\s+")


def decode_armoured(text: str) -> bytes | None:
    """Decode base64 with line breaks, a BOM or PEM armour; None when it is not base64 or empty.

    A PEM file that was encoded once more is unwrapped once.
    """
    raw = _decode_base64(text)
    if raw is not None and raw.startswith(b"-----BEGIN "):
        return _decode_base64(raw.decode("ascii", errors="replace"))
    return raw


def _decode_base64(text: str) -> bytes | None:
    packed = _BLANKS.sub("", _ARMOUR.sub("", text.removeprefix("\ufeff")))
    try:
        return base64.b64decode(packed.encode("ascii"), validate=True) or None
    except (binascii.Error, UnicodeEncodeError):
        return None


def sign_detached(
    content: bytes, signer: Signer, *, signing_time: datetime, provider: Provider = RSA_PROVIDER
) -> bytes:
    """Return a detached CAdES-BES container (DER) over the content: one signer, its certificate and chain inside.

    ``signing_time`` is aware; ``provider`` computes the digest of the signer's suite. Raises ``ValueError`` when it
    cannot, or when the suite is for verification only.
    """
    facts = SUITES[signer.suite]
    digest = provider.digest(signer.suite, content)
    certificate_digest = provider.digest(signer.suite, signer.certificate)
    if facts.verify_only or digest is None or certificate_digest is None:
        raise ValueError(f"{provider.name} cannot sign with {signer.suite}")
    certificate = asn1_x509.Certificate.load(signer.certificate)
    attributes = _signed_attributes(certificate, signer.suite, digest, certificate_digest, signing_time)
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": {"issuer_and_serial_number": _issuer_and_serial(certificate)},
            "digest_algorithm": _digest_algorithm(signer.suite),
            "signed_attrs": attributes,
            "signature_algorithm": _signature_algorithm(signer.suite),
            "signature": signer.sign(attributes.dump()),
        }
    )
    signed_data = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [_digest_algorithm(signer.suite)],
            "encap_content_info": {"content_type": "data"},
            "certificates": [certificate, *map(asn1_x509.Certificate.load, signer.chain)],
            "signer_infos": [info],
        }
    )
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump())


def _signed_attributes(
    certificate: Any, suite: Suite, digest: bytes, certificate_digest: bytes, signing_time: datetime
) -> Any:
    moment = signing_time.astimezone(UTC).replace(microsecond=0)
    ess = tsp.ESSCertIDv2(
        {
            "hash_algorithm": _digest_algorithm(suite),
            "cert_hash": certificate_digest,
            "issuer_serial": {
                "issuer": [asn1_x509.GeneralName("directory_name", certificate.issuer)],
                "serial_number": certificate.serial_number,
            },
        }
    )
    return cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}),
            cms.CMSAttribute({"type": "signing_time", "values": [cms.Time("utc_time", moment)]}),
            cms.CMSAttribute({"type": "message_digest", "values": [digest]}),
            cms.CMSAttribute(
                {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [ess]})]}
            ),
        ]
    )


def _issuer_and_serial(certificate: Any) -> dict[str, Any]:
    return {"issuer": certificate.issuer, "serial_number": certificate.serial_number}


def _digest_algorithm(suite: Suite) -> Any:
    return algos.DigestAlgorithm({"algorithm": SUITES[suite].digest_oids[0]})


def _signature_algorithm(suite: Suite) -> Any:
    algorithm = algos.SignedDigestAlgorithm({"algorithm": SUITES[suite].signature_oids[0]})
    if suite is Suite.RSA_SHA256:
        algorithm["parameters"] = core.Null()  # RFC 4055 §5
    return algorithm


def inspect(
    container: bytes,
    content: bytes,
    *,
    provider: Provider = RSA_PROVIDER,
    suites: frozenset[Suite] = STRONG_SUITES,
) -> SignatureVerdict:
    """Say whether a CMS container (DER or BER) is one good detached signature over exactly these bytes.

    Chain, revocation and the policy of a kind are other questions (``verify_chain``, ``signature_findings``).
    """
    if len(container) > MAX_CONTAINER:
        return SignatureVerdict(code=SignatureCode.TOO_LARGE)
    try:
        return _inspect(container, content, provider, suites)
    except READ_ERRORS:
        return SignatureVerdict(code=SignatureCode.MALFORMED)


def _inspect(
    container: bytes, content: bytes, provider: Provider, suites: frozenset[Suite]
) -> SignatureVerdict:
    outer = cms.ContentInfo.load(container, strict=True)
    if outer["content_type"].native != "signed_data":
        return SignatureVerdict(code=SignatureCode.NOT_SIGNED_DATA)
    signed_data = outer["content"]
    signers = signed_data["signer_infos"]
    if len(signers) != 1:
        code = SignatureCode.MULTIPLE_SIGNERS if len(signers) else SignatureCode.NO_SIGNER
        return SignatureVerdict(code=code)
    info = signers[0]
    certificates = _certificates(signed_data)
    der = _find_certificate(info["sid"], certificates)
    draft = _describe(info, provider)
    if der is None:
        return replace(draft, code=SignatureCode.NO_CERTIFICATE)
    draft = _describe_certificate(draft, der, certificates)
    if draft.suite is None:
        return replace(draft, code=SignatureCode.UNKNOWN_ALGORITHM)
    if draft.suite not in suites:
        return replace(draft, code=SignatureCode.WRONG_SUITE)
    embedded = signed_data["encap_content_info"]["content"]
    attached = not isinstance(embedded, core.Void)
    if attached and bytes(embedded) != content:
        return replace(draft, code=SignatureCode.ATTACHED_MISMATCH)
    code = _check(info, draft, content, provider)
    if code in {SignatureCode.OK, SignatureCode.DIGEST_UNVERIFIED}:
        code = SignatureCode.ATTACHED if attached else _check_form(info, draft, provider) or code
    return replace(draft, code=code)


def _certificates(signed_data: Any) -> list[Any]:
    """Return the X.509 certificates of the container; other choices (attribute certificates) are passed over."""
    found = signed_data["certificates"]
    if found is None or isinstance(found, core.Void):
        return []
    return [choice.chosen for choice in found if choice.name == "certificate"]


def _find_certificate(sid: Any, certificates: list[Any]) -> bytes | None:
    """Find the signer's certificate by issuer and serial number, or by key identifier; names are compared as bytes."""
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            same = (
                certificate.serial_number == sid.chosen["serial_number"].native
                and certificate.issuer.dump() == sid.chosen["issuer"].dump()
            )
        else:
            same = certificate.key_identifier == sid.chosen.native
        if same:
            return bytes(certificate.dump())
    return None


def _describe(info: Any, provider: Provider) -> SignatureVerdict:
    """Fill what the SignerInfo itself tells, before anything is believed."""
    attributes = _attributes(info)
    return SignatureVerdict(
        code=SignatureCode.MALFORMED,
        suite=suite_of_oids(
            info["signature_algorithm"]["algorithm"].dotted, info["digest_algorithm"]["algorithm"].dotted
        ),
        signing_time=_signing_time(attributes),
        message_digest=_message_digest(attributes),
        provider=f"{provider.name}/{provider.version}",
    )


def _describe_certificate(draft: SignatureVerdict, der: bytes, certificates: list[Any]) -> SignatureVerdict:
    facts = read_certificate(der)
    others = tuple(bytes(other.dump()) for other in certificates)
    return replace(
        draft,
        signer=facts.subject,
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_usage=facts.key_usage,
        serial=facts.serial,
        issuer=facts.issuer,
        certificate=der,
        extra_certificates=tuple(other for other in others if other != der),
    )


def _attributes(info: Any) -> dict[str, Any]:
    """Return the signed attributes by dotted OID; one that stands twice makes the container malformed (RFC 5652 §11)."""
    signed = info["signed_attrs"]
    if isinstance(signed, core.Void):
        return {}
    found: dict[str, Any] = {}
    for attribute in signed:
        oid = attribute["type"].dotted
        if oid in found:
            raise ValueError(f"the signed attribute {oid} stands twice")
        found[oid] = attribute["values"]
    return found


_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_ESS_V1: Final = "1.2.840.113549.1.9.16.2.12"
_ESS_V2: Final = "1.2.840.113549.1.9.16.2.47"


def _signing_time(attributes: dict[str, Any]) -> datetime | None:
    values = attributes.get(_SIGNING_TIME)
    moment = values[0].native if values is not None and len(values) == 1 else None
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None


def _message_digest(attributes: dict[str, Any]) -> bytes:
    values = attributes.get(_MESSAGE_DIGEST)
    return bytes(values[0].native) if values is not None and len(values) == 1 else b""


def _check(info: Any, draft: SignatureVerdict, content: bytes, provider: Provider) -> SignatureCode:
    """Check digest and signature value; DIGEST_UNVERIFIED when the provider cannot compute either."""
    assert draft.suite is not None
    signature = info["signature"].native
    if isinstance(info["signed_attrs"], core.Void):
        signed = provider.verify(draft.suite, draft.certificate, signature, content)
        return _signature_code(signed)
    attributes = _attributes(info)
    if not draft.message_digest or _CONTENT_TYPE not in attributes:
        return SignatureCode.MALFORMED
    digest = provider.digest(draft.suite, content)
    if digest is not None and not hmac.compare_digest(digest, draft.message_digest):
        return SignatureCode.DIGEST_MISMATCH
    verified = [
        provider.verify(draft.suite, draft.certificate, signature, form)
        for form in _attribute_forms(info["signed_attrs"])
    ]
    if digest is None and True in verified:
        return SignatureCode.DIGEST_UNVERIFIED
    return _signature_code(None if None in verified else True in verified)


def _attribute_forms(signed_attributes: Any) -> list[bytes]:
    """Return what the signature may cover: the SET as it stands, and its DER form where that differs (BER input)."""
    plain = signed_attributes.untag()
    as_sent = bytes(plain.dump())
    canonical = bytes(cms.CMSAttributes([item.copy() for item in signed_attributes]).dump(force=True))
    return [as_sent] if as_sent == canonical else [as_sent, canonical]


def _signature_code(verified: bool | None) -> SignatureCode:  # noqa: FBT001  three-valued answer of a provider
    if verified is None:
        return SignatureCode.DIGEST_UNVERIFIED
    return SignatureCode.OK if verified else SignatureCode.BAD_SIGNATURE


def _check_form(info: Any, draft: SignatureVerdict, provider: Provider) -> SignatureCode | None:
    """Check what РЭМД wants of the form: signingTime, and signingCertificate(V2) naming this certificate."""
    if draft.signing_time is None:
        return SignatureCode.NO_SIGNING_TIME
    return _check_ess(_attributes(info), draft, provider)


def _check_ess(
    attributes: dict[str, Any], draft: SignatureVerdict, provider: Provider
) -> SignatureCode | None:
    values = attributes.get(_ESS_V2)
    if values is None:
        values = attributes.get(_ESS_V1)
    if values is None or len(values) != 1 or len(values[0]["certs"]) < 1:
        return SignatureCode.NO_ESS
    named = values[0]["certs"][0]
    digest = _ess_digest(named, draft.certificate, provider)
    if digest is not None and not hmac.compare_digest(digest, named["cert_hash"].native):
        return SignatureCode.ESS_MISMATCH
    return None


def _ess_digest(named: Any, certificate: bytes, provider: Provider) -> bytes | None:
    """Hash the certificate with the algorithm the attribute names: SHA-1 in version 1, SHA-256 by default in version 2."""
    if isinstance(named, tsp.ESSCertID):
        return hashlib.sha1(certificate, usedforsecurity=False).digest()
    oid = named["hash_algorithm"]["algorithm"].dotted
    for suite, facts in SUITES.items():
        if oid in facts.digest_oids:
            return provider.digest(suite, certificate)
    return None
