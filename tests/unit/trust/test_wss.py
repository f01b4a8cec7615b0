"""Envelopes of ИПС: what we sign is believed by an independent reader, and we believe what an independent writer signs."""

import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree
from trust_stand import (
    ENVELOPED,
    EXC,
    NS,
    SHA1,
    SOAP11,
    SOAP12,
    ForeignEnvelope,
    ForeignSuite,
    Stand,
    unsigned_envelope,
)

from broker.trust import (
    IPS_PARTS,
    IPS_REQUEST_PARTS,
    Part,
    PeerTrust,
    Suite,
    VerifiedEnvelope,
    WssCode,
    WssRefusal,
    sign_envelope,
    verify_envelope,
)
from broker.trust.envelope import WSS_TEXTS


def trusting(stand: Stand, **changes: object) -> PeerTrust:
    return PeerTrust(certificates=(stand.system.certificate,), **changes)


def believed(data: bytes, peer: PeerTrust, now: datetime) -> VerifiedEnvelope:
    result = verify_envelope(data, peer, now)
    assert isinstance(result, VerifiedEnvelope), result
    return result


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_envelope_we_signed_gives_body_and_headers_back(stand: Stand, soap: str) -> None:
    data = sign_envelope(unsigned_envelope(soap), stand.system.signer, parts=IPS_REQUEST_PARTS, now=stand.now)
    envelope = believed(data, trusting(stand), stand.now)
    assert envelope.soap == soap
    assert envelope.message_id == "urn:uuid:3f0b5a7e-0000-4000-8000-000000000001"
    assert envelope.action == "registerDocument"
    assert envelope.to == "https://ips.invalid/emdr"
    assert envelope.reply_to == "https://broker.invalid/peer/remd/callback"
    assert envelope.relates_to == "urn:uuid:3f0b5a7e-0000-4000-8000-000000000002"
    assert envelope.client_entity_id == "7b0b5a7e-0000-4000-8000-00000000000a"
    assert envelope.created == stand.now
    assert envelope.expires == stand.now + timedelta(minutes=10)
    assert envelope.replay_until == stand.now + timedelta(minutes=15)
    assert envelope.certificate == stand.system.certificate
    assert envelope.suite is Suite.RSA_SHA256
    assert envelope.signed == set(IPS_REQUEST_PARTS)
    assert envelope.body.tag == f"{{{soap}}}Body"
    assert envelope.body.findtext("{urn:x}r/{urn:x}a") == "1"


def test_the_callers_tree_stays_as_it_was_and_equal_input_gives_equal_bytes(stand: Stand) -> None:
    tree = unsigned_envelope()
    before = etree.tostring(tree)
    first = sign_envelope(tree, stand.system.signer, now=stand.now)
    assert etree.tostring(tree) == before
    assert sign_envelope(tree, stand.system.signer, now=stand.now) == first


def test_the_security_header_has_the_form_of_the_field(stand: Stand) -> None:
    root = etree.fromstring(sign_envelope(unsigned_envelope(), stand.system.signer, now=stand.now))
    security = root[0][0]
    assert [etree.QName(child).localname for child in security] == [
        "BinarySecurityToken",
        "Signature",
        "Timestamp",
    ]
    wsu_id = f"{{{NS['wsu']}}}Id"
    token = security[0].get(wsu_id)
    assert token.startswith("X509-")
    assert security[2].get(wsu_id).startswith("TS-")
    assert root[1].get(wsu_id) == "body"
    assert security[1].get("Id").startswith("SIG-")
    assert security[1][2].get("Id").startswith("KI-")
    assert security[1].find(".//wsse:Reference", NS).get("URI") == f"#{token}"
    uris = [reference.get("URI") for reference in security[1].iterfind(".//ds:Reference", NS)]
    assert len(uris) == len(IPS_PARTS)
    assert uris[0] == "#body"


def independently_verified(data: bytes) -> int:
    """Check every digest and the value with lxml and ``cryptography`` alone; return the number of references."""
    root = etree.fromstring(data)
    signature = root.find(".//ds:Signature", NS)
    token = base64.b64decode(root.findtext(".//wsse:BinarySecurityToken", namespaces=NS))
    signed_info = signature[0]
    key = x509.load_der_x509_certificate(token).public_key()
    value = base64.b64decode(signature.findtext("ds:SignatureValue", namespaces=NS))
    canonical = etree.tostring(signed_info, method="c14n", exclusive=True)
    key.verify(value, canonical, padding.PKCS1v15(), hashes.SHA256())
    references = signed_info.findall("ds:Reference", NS)
    for reference in references:
        [target] = root.xpath("//*[@wsu:Id=$id]", id=reference.get("URI")[1:], namespaces=NS)
        digest = hashlib.sha256(
            etree.tostring(target, method="c14n", exclusive=True, with_comments=False)
        ).digest()
        assert base64.b64decode(reference.findtext("ds:DigestValue", namespaces=NS)) == digest
    return len(references)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_independent_reader_believes_our_envelope(stand: Stand, soap: str) -> None:
    body = "<p:r xmlns:p='urn:x' id='body2' q='&quot;'>текст &amp; <![CDATA[<b>]]>\n<!-- note --> x</p:r>"
    tree = unsigned_envelope(soap, body=body)
    data = sign_envelope(tree, stand.system.signer, parts=IPS_REQUEST_PARTS, now=stand.now)
    assert independently_verified(data) == 6


def test_a_text_over_ten_megabytes_is_signed_and_verified(stand: Stand) -> None:
    tree = unsigned_envelope()
    tree[1][0][0].text = "A" * (11 * 1024 * 1024)
    data = sign_envelope(tree, stand.system.signer, parts=(Part.BODY,), now=stand.now)
    envelope = believed(data, trusting(stand, required=(Part.BODY,)), stand.now)
    assert len(envelope.body[0][0].text or "") == 11 * 1024 * 1024


def test_ids_inside_the_body_do_not_collide_with_ours(stand: Stand) -> None:
    tree = unsigned_envelope(body="<r xmlns='urn:x' Id='body'><a ID='TS-1'/><b id='id-1'/></r>")
    data = sign_envelope(tree, stand.system.signer, now=stand.now)
    assert believed(data, trusting(stand), stand.now).body[0].get("Id") == "body"


def test_signing_refuses_what_it_cannot_protect(stand: Stand) -> None:
    signer = stand.system.signer
    for path in ("MessageID", "ReplyTo"):
        tree = unsigned_envelope()
        element = tree[0].find(f"wsa:{path}", NS)
        element.getparent().remove(element)
        with pytest.raises(ValueError, match=path):
            sign_envelope(tree, signer, parts=IPS_REQUEST_PARTS, now=stand.now)
    with pytest.raises(ValueError, match="SOAP"):
        sign_envelope(etree.Element("x"), signer, now=stand.now)
    with pytest.raises(ValueError, match="one Header"):
        sign_envelope(etree.Element(f"{{{SOAP11}}}Envelope"), signer, now=stand.now)
    signed = etree.fromstring(sign_envelope(unsigned_envelope(), signer, now=stand.now))
    with pytest.raises(ValueError, match="already"):
        sign_envelope(signed, signer, now=stand.now)
    gost = ForeignSuite(Suite.GOST2012_256, stand.system.certificate)
    with pytest.raises(ValueError, match="GOST"):
        sign_envelope(unsigned_envelope(), gost, now=stand.now)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_envelope_signed_by_hand_is_believed(stand: Stand, soap: str) -> None:
    envelope = believed(ForeignEnvelope(issued=stand.system, soap=soap).send(), trusting(stand), stand.now)
    assert envelope.action == "sendRegisterDocumentResult"
    assert envelope.message_id == "m-1"
    assert envelope.body.findtext("{urn:cb}result/{urn:cb}status") == "success"


def test_what_is_not_signed_is_not_given_out(stand: Stand) -> None:
    """An unsigned ReplyTo could send patients' data elsewhere; RelatesTo travels unsigned in the field and is marked."""
    envelope = believed(ForeignEnvelope(issued=stand.system).send(), trusting(stand), stand.now)
    assert envelope.reply_to == ""
    assert envelope.relates_to == "m-0"
    assert Part.RELATES_TO not in envelope.signed
    signed = ("Body", "Timestamp", "MessageID", "Action", "To", "ReplyTo", "RelatesTo")
    whole = believed(ForeignEnvelope(issued=stand.system, signed=signed).send(), trusting(stand), stand.now)
    assert whole.reply_to == "https://ips.invalid/answer"
    assert Part.RELATES_TO in whole.signed


def test_a_body_only_envelope_is_believed_only_where_the_profile_says_so(stand: Stand) -> None:
    data = ForeignEnvelope(issued=stand.system, signed=("Body",), transforms=(ENVELOPED, EXC)).send()
    assert verify_envelope(data, trusting(stand), stand.now) == WssRefusal(
        WssCode.UNSIGNED_PART, "Action, MessageID, Timestamp, To"
    )
    envelope = believed(data, trusting(stand, required=(Part.BODY,)), stand.now)
    assert (envelope.message_id, envelope.action, envelope.created) == ("", "", None)


def test_prefix_lists_of_other_programs_are_honoured(stand: Stand) -> None:
    data = ForeignEnvelope(issued=stand.system, prefixes="wsa s").send()
    assert believed(data, trusting(stand), stand.now).message_id == "m-1"


def test_sha1_is_believed_only_where_the_profile_names_it(stand: Stand) -> None:
    data = ForeignEnvelope(issued=stand.system, algorithms=SHA1).send()
    refused = verify_envelope(data, trusting(stand), stand.now)
    assert isinstance(refused, WssRefusal)
    assert refused.code is WssCode.ALGORITHM
    old = trusting(stand, suites=frozenset({Suite.RSA_SHA1}))
    assert believed(data, old, stand.now).suite is Suite.RSA_SHA1


def test_a_pinned_certificate_must_be_valid_unless_the_profile_forgives(stand: Stand) -> None:
    later = datetime(2040, 1, 1, tzinfo=UTC)
    data = ForeignEnvelope(
        issued=stand.system, created="2040-01-01T00:00:00Z", expires="2040-01-01T00:05:00Z"
    ).send()
    assert verify_envelope(data, trusting(stand), later) == WssRefusal(WssCode.CERTIFICATE_EXPIRED)
    assert believed(data, trusting(stand, accept_expired_certificate=True), later).message_id == "m-1"


def test_the_logger_of_signxml_never_writes_documents(caplog: pytest.LogCaptureFixture, stand: Stand) -> None:
    caplog.set_level(logging.DEBUG)
    data = sign_envelope(unsigned_envelope(), stand.system.signer, now=stand.now)
    believed(data, trusting(stand), stand.now)
    assert "registerDocument" not in caplog.text
    assert logging.getLogger("signxml.processor").getEffectiveLevel() == logging.WARNING


def test_every_refusal_has_a_russian_text() -> None:
    assert all(WSS_TEXTS[code] == WssRefusal(code).text for code in WssCode)
