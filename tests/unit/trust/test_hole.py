"""A file signed around is the file signed within: the same bytes, and every verifier believes them."""

import base64
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gost import needs_gost
from lxml import etree
from trust_stand import (
    EVERYTHING,
    NS,
    SOAP11,
    SOAP12,
    Stand,
    a_stand,
    opened,
    sealed,
    trusting,
    unsigned_envelope,
)
from xmlsec1 import MISSING as NO_XMLSEC1
from xmlsec1 import XMLSEC1

from broker.adapter_kit.pieces import PIECE, Encoded, Parts, whole
from broker.trust import IPS_REQUEST_PARTS, RSA_PROVIDER, Part, Suite, VerifiedEnvelope
from broker.trust.hole import Hole
from broker.trust.sealing import Sealing, SealingAround, Unsealed, seal, seal_around
from broker.trust.signing import SigningKey
from broker.trust.suites import SUITES
from broker.trust.wss import Arithmetic, XmlNames, sign_around

MARK = "hole-0123456789abcdef"
SIZES = (0, 1, 2, 3, 5000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2)
GOST = (Suite.GOST2012_256, Suite.GOST2012_512)


def text_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def an_envelope(text: str, soap: str = SOAP11) -> etree._Element:
    return unsigned_envelope(soap, body=f"<p:r xmlns:p='urn:x'><a>{text}</a><b>&amp; ещё</b></p:r>")


def around(content: bytes, stand: Stand, soap: str = SOAP11, names: XmlNames = XmlNames.URN) -> bytes:
    head, tail = sign_around(
        an_envelope(MARK, soap),
        stand.system.signer,
        Hole(MARK, content),
        parts=IPS_REQUEST_PARTS,
        now=stand.now,
        names=names,
        provider=EVERYTHING,
    )
    return head + text_of(content).encode() + tail


def within(content: bytes, stand: Stand, soap: str = SOAP11, names: XmlNames = XmlNames.URN) -> bytes:
    tree = an_envelope(text_of(content), soap)
    return sealed(tree, stand, parts=IPS_REQUEST_PARTS, names=names, arithmetic=Arithmetic.OWN)


def without_value(data: bytes) -> bytes:
    """A value of ГОСТ is another one each time."""
    return re.sub(rb"SignatureValue>[^<]+<", b"SignatureValue><", data)


def believed(data: bytes, stand: Stand) -> VerifiedEnvelope:
    found = opened(data, trusting(stand), stand)
    assert isinstance(found, VerifiedEnvelope), found
    return found


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_signing_around_a_file_gives_the_bytes_of_signing_it_within(stand: Stand, soap: str, size: int):
    content = os.urandom(size)
    assert around(content, stand, soap) == within(content, stand, soap)


@needs_gost
@pytest.mark.parametrize("suite", GOST)
@pytest.mark.parametrize("names", XmlNames)
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_with_gost_they_differ_in_the_value_alone(suite: Suite, names: XmlNames, soap: str):
    people = a_stand(suite)
    for content in (os.urandom(5000), os.urandom(2 * PIECE + 1)):
        made = around(content, people, soap, names)
        assert without_value(made) == without_value(within(content, people, soap, names))
        assert believed(made, people).suite is suite


def test_an_empty_file_is_signed_as_well(enveloped: Stand):
    assert believed(around(b"", enveloped), enveloped).body_element()[0][0].text is None


def test_every_verifier_believes_a_large_file_signed_around(enveloped: Stand):
    content = os.urandom(11 * 1024 * 1024)
    envelope = believed(around(content, enveloped), enveloped)
    assert envelope.signed == set(IPS_REQUEST_PARTS)
    assert base64.b64decode(envelope.body_element()[0][0].text or "") == content


def test_a_changed_file_is_not_believed(enveloped: Stand):
    content = os.urandom(5000)
    made = around(content, enveloped)
    text = text_of(content).encode()
    other = text_of(content[:-1] + bytes([content[-1] ^ 1])).encode()
    assert not isinstance(opened(made.replace(text, other), trusting(enveloped), enveloped), VerifiedEnvelope)


@pytest.mark.skipif(not XMLSEC1, reason=f"SKIPPED CROSS-CHECK: {NO_XMLSEC1}")
def test_xmlsec1_believes_it_too(stand: Stand, tmp_path: Path):
    certificate, message = tmp_path / "peer.pem", tmp_path / "message.xml"
    certificate.write_bytes(stand.system.certificate_pem)
    message.write_bytes(around(os.urandom(PIECE + 1), stand))
    names = [f"{NS['wsu']}:Timestamp", f"{SOAP11}:Body"]
    names += [f"{NS['wsa']}:{name}" for name in ("MessageID", "Action", "To", "ReplyTo")]
    ids = [word for one in names for word in ("--id-attr:Id", one)]
    command = [XMLSEC1, "--verify", "--pubkey-cert-pem", str(certificate), *ids, str(message)]
    said = subprocess.run(command, capture_output=True, check=False)
    assert said.returncode == 0, said.stderr.decode()


@pytest.mark.parametrize("text", ["nothing", f"{MARK} and {MARK}"])
def test_the_mark_must_stand_in_the_envelope_once(stand: Stand, text: str):
    with pytest.raises(ValueError, match="once"):
        sign_around(an_envelope(text), stand.system.signer, Hole(MARK, b"x"), now=stand.now)


def a_key(stand: Stand) -> SigningKey:
    provider = "openssl-rsa" if stand.suite is Suite.RSA_SHA256 else "openssl-gost"
    return SigningKey(
        provider=provider,
        certificate=stand.system.certificate_pem.decode(),
        key=stand.system.key_pem.decode(),
    )


def test_what_travels_to_a_compute_process_is_sealed_as_in_place(stand: Stand):
    content = os.urandom(PIECE + 7)
    common = {"key": a_key(stand), "parts": (Part.BODY, Part.TIMESTAMP), "now": stand.now}
    envelope = etree.tostring(an_envelope(MARK))
    made = seal_around(SealingAround(envelope=envelope, mark=MARK, filling=content, **common))
    assert not isinstance(made, Unsealed)
    plain = seal(Sealing(envelope=etree.tostring(an_envelope(text_of(content))), **common))
    assert isinstance(plain, bytes)
    filled = made[0] + text_of(content).encode() + made[1]
    digests = [
        [one.text for one in etree.fromstring(data).iterfind(".//ds:DigestValue", NS)]
        for data in (filled, plain)
    ]
    assert digests[0] == digests[1]
    refused = seal_around(SealingAround(envelope=envelope, mark="other", filling=content, **common))
    assert isinstance(refused, Unsealed)


@pytest.mark.parametrize("suite", [Suite.RSA_SHA256, Suite.RSA_SHA1, *GOST])
def test_a_digest_of_pieces_is_that_of_the_whole_or_nobody_computes_it(suite: Suite):
    pieces = [os.urandom(n) for n in (0, 1, 63, 64, 65, 5000)]
    assert EVERYTHING.digest_of(suite, pieces) == EVERYTHING.digest(suite, b"".join(pieces))


def test_who_cannot_compute_a_digest_takes_no_piece():
    def pieces() -> Iterator[bytes]:
        raise AssertionError("taken")
        yield b""

    assert SUITES[Suite.GOST2012_256].digest_name
    if RSA_PROVIDER.digest(Suite.GOST2012_256, b"") is None:
        assert RSA_PROVIDER.digest_of(Suite.GOST2012_256, pieces()) is None


@pytest.mark.parametrize("size", SIZES)
def test_a_body_in_parts_knows_its_length_and_is_the_text_of_its_file(size: int):
    content = os.urandom(size)
    body = (b"<data>", Encoded(content), b"</data>")
    assert whole(body) == b"<data>" + base64.b64encode(content) + b"</data>"
    assert Parts(body).size == len(whole(body))
    assert Parts(b"plain").size == 5
