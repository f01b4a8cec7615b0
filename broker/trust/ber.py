"""Reads CMS containers that are not DER: the patient reader behind ``broker.trust.container``, and its oracle in tests."""

from datetime import UTC, datetime
from typing import Any

from asn1crypto import cms, core, tsp

from broker.trust import der


def read(data: bytes) -> dict[str, Any]:
    """Return the fields of a ``Container``; raises what ``certificate.READ_ERRORS`` lists for bytes that are none."""
    signed_data = _signed_data(data)
    if signed_data is None:
        return {"signers": None}
    signers = signed_data["signer_infos"]
    if len(signers) != 1:
        return {"signers": len(signers)}
    return {"signers": 1, **_shared(signed_data), **_signer(signers[0])}


def read_each(data: bytes, most: int) -> list[dict[str, Any]]:
    """Return the fields of a ``Container`` for each of the first signers; raises as ``read`` does."""
    signed_data = _signed_data(data)
    if signed_data is None:
        return []
    signers = signed_data["signer_infos"]
    shared = {"signers": len(signers), **_shared(signed_data)}
    return [{**shared, **_signer(signers[at])} for at in range(min(most, len(signers)))]


def _signed_data(data: bytes) -> Any:
    """Return SignedData, None for another content of CMS."""
    outer = cms.ContentInfo.load(data, strict=True)
    return outer["content"] if outer["content_type"].native == "signed_data" else None


def _shared(signed_data: Any) -> dict[str, Any]:
    encapsulated = signed_data["encap_content_info"]
    content = encapsulated["content"]
    return {
        "content_type": encapsulated["content_type"].dotted,
        "content": None if isinstance(content, core.Void) else bytes(content),
        "certificates": _certificates(signed_data),
    }


def read_time(value: bytes) -> datetime | None:
    """Read UTCTime or GeneralizedTime, aware; None for another type."""
    moment = cms.Time.load(value).native
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None


def read_signing_certificate(value: bytes, *, version: int) -> tuple[str, bytes] | None:
    """Read the dotted OID of the digest and the digest of the certificate named first; None: none is named."""
    loaded = (tsp.SigningCertificate if version == 1 else tsp.SigningCertificateV2).load(value)
    if len(loaded["certs"]) < 1:
        return None
    named = loaded["certs"][0]
    algorithm = "1.3.14.3.2.26" if version == 1 else named["hash_algorithm"]["algorithm"].dotted
    return algorithm, bytes(named["cert_hash"].native)


def canonical(attributes: bytes) -> bytes:
    """Return the DER form of a SET of signed attributes."""
    loaded = cms.CMSAttributes.load(attributes)
    return bytes(cms.CMSAttributes([item.copy() for item in loaded]).dump(force=True))


def _certificates(signed_data: Any) -> tuple[bytes, ...]:
    """Return the X.509 certificates; other choices (attribute certificates) are passed over."""
    found = signed_data["certificates"]
    if found is None or isinstance(found, core.Void):
        return ()
    return tuple(bytes(choice.chosen.dump()) for choice in found if choice.name == "certificate")


def _signer(info: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "digest_algorithm": info["digest_algorithm"]["algorithm"].dotted,
        "signature_algorithm": info["signature_algorithm"]["algorithm"].dotted,
        "signature": bytes(info["signature"].native),
    }
    sid = info["sid"]
    if sid.name == "issuer_and_serial_number":
        found |= {"issuer": sid.chosen["issuer"].dump(), "serial": sid.chosen["serial_number"].dump()}
    else:
        found["key_id"] = bytes(sid.chosen.native)
    signed = info["signed_attrs"]
    if not isinstance(signed, core.Void):
        found |= {"attributes": _attributes(signed), "signed": bytes(signed.untag().dump())}
    return found


def _attributes(signed: Any) -> dict[str, tuple[bytes, ...]]:
    """Return the signed attributes by dotted OID; one that stands twice makes the container malformed (RFC 5652 §11)."""
    found: dict[str, tuple[bytes, ...]] = {}
    for attribute in signed:
        oid = attribute["type"].dotted
        if oid in found:
            raise ValueError(f"the signed attribute {oid} stands twice")
        values = attribute["values"]
        found[oid] = tuple(
            der.octets(bytes(value.native)) if isinstance(value, core.OctetString) else bytes(value.dump())
            for value in values
        )
    return found
