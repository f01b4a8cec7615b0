"""Envelopes of ИПС: what we sign is believed by an independent reader, and we believe what an independent writer signs."""

import base64
import hashlib
import logging
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from gost import needs_gost
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
    a_stand,
    opened,
    sealed,
    trusting,
    unsigned_envelope,
)
from xmlsec1 import MISSING as NO_XMLSEC1
from xmlsec1 import XMLSEC1

from broker.trust import (
    IPS_PARTS,
    IPS_REQUEST_PARTS,
    RSA_PROVIDER,
    SUITES,
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
from broker.trust.wss import Arithmetic, XmlNames


def believed(data: bytes, peer: PeerTrust, stand: Stand, now: datetime | None = None) -> VerifiedEnvelope:
    result = opened(data, peer, stand, now)
    assert isinstance(result, VerifiedEnvelope), result
    return result


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_envelope_we_signed_gives_body_and_headers_back(enveloped: Stand, soap: str) -> None:
    data = sealed(unsigned_envelope(soap), enveloped, parts=IPS_REQUEST_PARTS)
    envelope = believed(data, trusting(enveloped), enveloped)
    assert envelope.soap == soap
    assert envelope.message_id == "urn:uuid:3f0b5a7e-0000-4000-8000-000000000001"
    assert envelope.action == "registerDocument"
    assert envelope.to == "https://ips.invalid/emdr"
    assert envelope.reply_to == "https://broker.invalid/peer/remd/callback"
    assert envelope.relates_to == "urn:uuid:3f0b5a7e-0000-4000-8000-000000000002"
    assert envelope.client_entity_id == "7b0b5a7e-0000-4000-8000-00000000000a"
    assert envelope.created == enveloped.now
    assert envelope.expires == enveloped.now + timedelta(minutes=10)
    assert envelope.replay_until == enveloped.now + timedelta(minutes=15)
    assert envelope.certificate == enveloped.system.certificate
    assert envelope.suite is enveloped.suite
    assert envelope.signed == set(IPS_REQUEST_PARTS)
    assert envelope.body_element().tag == f"{{{soap}}}Body"
    assert envelope.body_element().findtext("{urn:x}r/{urn:x}a") == "1"


def test_the_callers_tree_stays_as_it_was_and_equal_input_gives_equal_bytes(stand: Stand) -> None:
    tree = unsigned_envelope()
    before = etree.tostring(tree)
    first = sealed(tree, stand)
    assert etree.tostring(tree) == before
    assert sealed(tree, stand) == first


def test_the_security_header_has_the_form_of_the_field(enveloped: Stand) -> None:
    root = etree.fromstring(sealed(unsigned_envelope(), enveloped))
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
    data = sealed(tree, stand, parts=IPS_REQUEST_PARTS)
    assert independently_verified(data) == 6


def test_a_text_over_ten_megabytes_is_signed_and_verified(enveloped: Stand) -> None:
    tree = unsigned_envelope()
    tree[1][0][0].text = "A" * (11 * 1024 * 1024)
    data = sealed(tree, enveloped, parts=(Part.BODY,))
    envelope = believed(data, trusting(enveloped, required=(Part.BODY,)), enveloped)
    assert len(envelope.body_element()[0][0].text or "") == 11 * 1024 * 1024


def test_ids_inside_the_body_do_not_collide_with_ours(enveloped: Stand) -> None:
    tree = unsigned_envelope(body="<r xmlns='urn:x' Id='body'><a ID='TS-1'/><b id='id-1'/></r>")
    data = sealed(tree, enveloped)
    assert believed(data, trusting(enveloped), enveloped).body_element()[0].get("Id") == "body"


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
    with pytest.raises(ValueError, match="no digest of GOST"):
        sign_envelope(unsigned_envelope(), gost, now=stand.now, provider=RSA_PROVIDER)
    with pytest.raises(ValueError, match="signxml cannot"):
        sign_envelope(unsigned_envelope(), gost, now=stand.now, arithmetic=Arithmetic.SIGNXML)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_envelope_signed_by_hand_is_believed(enveloped: Stand, soap: str) -> None:
    envelope = believed(
        ForeignEnvelope(issued=enveloped.system, soap=soap).send(), trusting(enveloped), enveloped
    )
    assert envelope.action == "sendRegisterDocumentResult"
    assert envelope.message_id == "m-1"
    assert envelope.body_element().findtext("{urn:cb}result/{urn:cb}status") == "success"


def test_what_is_not_signed_is_not_given_out(enveloped: Stand) -> None:
    """An unsigned ReplyTo could send patients' data elsewhere; RelatesTo travels unsigned in the field and is marked."""
    envelope = believed(ForeignEnvelope(issued=enveloped.system).send(), trusting(enveloped), enveloped)
    assert envelope.reply_to == ""
    assert envelope.relates_to == "m-0"
    assert Part.RELATES_TO not in envelope.signed
    signed = ("Body", "Timestamp", "MessageID", "Action", "To", "ReplyTo", "RelatesTo")
    whole = believed(
        ForeignEnvelope(issued=enveloped.system, signed=signed).send(), trusting(enveloped), enveloped
    )
    assert whole.reply_to == "https://ips.invalid/answer"
    assert Part.RELATES_TO in whole.signed


def test_a_body_only_envelope_is_believed_only_where_the_profile_says_so(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.system, signed=("Body",), transforms=(ENVELOPED, EXC)).send()
    assert opened(data, trusting(enveloped), enveloped) == WssRefusal(
        WssCode.UNSIGNED_PART, "Action, MessageID, Timestamp, To"
    )
    envelope = believed(data, trusting(enveloped, required=(Part.BODY,)), enveloped)
    assert (envelope.message_id, envelope.action, envelope.created) == ("", "", None)


def test_prefix_lists_of_other_programs_are_honoured(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.system, prefixes="wsa s").send()
    assert believed(data, trusting(enveloped), enveloped).message_id == "m-1"


def test_sha1_is_believed_only_where_the_profile_names_it(stand: Stand) -> None:
    data = ForeignEnvelope(issued=stand.system, algorithms=SHA1).send()
    refused = opened(data, trusting(stand), stand)
    assert isinstance(refused, WssRefusal)
    assert refused.code is WssCode.ALGORITHM
    old = trusting(stand, suites=frozenset({Suite.RSA_SHA1}))
    assert believed(data, old, stand).suite is Suite.RSA_SHA1


def test_a_pinned_certificate_must_be_valid_unless_the_profile_forgives(enveloped: Stand) -> None:
    later = datetime(2040, 1, 1, tzinfo=UTC)
    data = ForeignEnvelope(
        issued=enveloped.system, created="2040-01-01T00:00:00Z", expires="2040-01-01T00:05:00Z"
    ).send()
    assert opened(data, trusting(enveloped), enveloped, later) == WssRefusal(WssCode.CERTIFICATE_EXPIRED)
    assert (
        believed(data, trusting(enveloped, accept_expired_certificate=True), enveloped, later).message_id
        == "m-1"
    )


def test_the_logger_of_signxml_never_writes_documents(caplog: pytest.LogCaptureFixture, stand: Stand) -> None:
    caplog.set_level(logging.DEBUG)
    data = sealed(unsigned_envelope(), stand)
    believed(data, trusting(stand), stand)
    assert "registerDocument" not in caplog.text
    assert logging.getLogger("signxml.processor").getEffectiveLevel() == logging.WARNING


def test_every_refusal_has_a_russian_text() -> None:
    assert all(WSS_TEXTS[code] == WssRefusal(code).text for code in WssCode)


@pytest.mark.parametrize("signing", Arithmetic)
@pytest.mark.parametrize("verifying", Arithmetic)
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_signxml_and_our_own_arithmetic_believe_each_other(
    stand: Stand, soap: str, signing: Arithmetic, verifying: Arithmetic
) -> None:
    tree = unsigned_envelope(soap, body="<p:r xmlns:p='urn:x' q='&quot;'>текст &amp; <![CDATA[<b>]]></p:r>")
    data = sealed(tree, stand, parts=IPS_REQUEST_PARTS, arithmetic=signing)
    envelope = opened(data, trusting(stand), msgspec.structs.replace(stand, arithmetic=verifying))
    assert isinstance(envelope, VerifiedEnvelope), envelope
    assert envelope.body_element()[0].text == "текст & <b>"


def test_both_arithmetics_write_the_same_envelope(stand: Stand) -> None:
    first, second = (
        etree.fromstring(sealed(unsigned_envelope(), stand, arithmetic=one)).find(".//ds:SignedInfo", NS)
        for one in Arithmetic
    )
    assert [one.text for one in first.iterfind(".//ds:DigestValue", NS)] == [
        one.text for one in second.iterfind(".//ds:DigestValue", NS)
    ]


@pytest.mark.skipif(not XMLSEC1, reason=f"SKIPPED CROSS-CHECK: {NO_XMLSEC1}")
@pytest.mark.parametrize("arithmetic", Arithmetic)
def test_xmlsec1_believes_both_and_notices_a_change(
    stand: Stand, arithmetic: Arithmetic, tmp_path: Path
) -> None:
    """A third voice; it knows no ГОСТ in Debian, so RSA alone."""
    certificate = tmp_path / "peer.pem"
    certificate.write_bytes(stand.system.certificate_pem)
    data = sealed(unsigned_envelope(), stand, arithmetic=arithmetic)
    for changed, believes in ((data, True), (data.replace(b"<a>1</a>", b"<a>2</a>"), False)):
        message = tmp_path / "message.xml"
        message.write_bytes(changed)
        elements = [
            f"{NS['wsu']}:Timestamp",
            f"{SOAP11}:Body",
            *(f"{NS['wsa']}:{n}" for n in ("MessageID", "Action", "To")),
        ]
        ids = [word for one in elements for word in ("--id-attr:Id", one)]
        said = subprocess.run(
            [XMLSEC1, "--verify", "--pubkey-cert-pem", str(certificate), *ids, str(message)],
            capture_output=True,
            check=False,
        )
        assert (said.returncode == 0) is believes, said.stderr.decode()


@needs_gost
@pytest.mark.parametrize("suite", [Suite.GOST2012_256, Suite.GOST2012_512])
@pytest.mark.parametrize("names", XmlNames)
def test_either_family_of_names_is_written_and_read(suite: Suite, names: XmlNames) -> None:
    people = a_stand(suite)
    data = sealed(unsigned_envelope(), people, names=names)
    method = etree.fromstring(data).find(".//ds:SignatureMethod", NS).get("Algorithm")
    assert method.startswith(
        "urn:ietf" if names is XmlNames.URN else "http://www.w3.org/2001/04/xmldsig-more#"
    )
    assert believed(data, trusting(people), people).suite is suite


def test_a_signature_nobody_here_can_compute_is_not_believed(stand: Stand) -> None:
    root = etree.fromstring(sealed(unsigned_envelope(), stand))
    facts = SUITES[Suite.GOST2012_256]
    root.find(".//ds:SignatureMethod", NS).set("Algorithm", facts.xml_signatures[0])
    for method in root.iterfind(".//ds:DigestMethod", NS):
        method.set("Algorithm", facts.xml_digests[0])
    peer = trusting(stand, suites=frozenset({Suite.GOST2012_256}))
    refused = verify_envelope(etree.tostring(root), peer, stand.now, provider=RSA_PROVIDER)
    assert refused == WssRefusal(WssCode.UNVERIFIED)
