"""Attacks on envelopes: each is refused with its own code, and the peer's key signed nothing it did not mean to."""

import base64
import copy
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from lxml import etree
from trust_stand import EXC, NS, SOAP11, SOAP12, ForeignEnvelope, Stand, opened, trusting

from broker.trust import SUITES, PeerTrust, Suite, VerifiedEnvelope, WssCode, WssRefusal

Tree = etree._Element
WSU_ID = f"{{{NS['wsu']}}}Id"


def code_of(enveloped: Stand, data: bytes, now: datetime | None = None, **profile: object) -> WssCode | None:
    result = opened(data, trusting(enveloped, **profile), enveloped, now)
    return result.code if isinstance(result, WssRefusal) else None


def signed(enveloped: Stand, **changes: object) -> Tree:
    return ForeignEnvelope(issued=enveloped.system, **changes).sign()


def security(root: Tree) -> Tree:
    return root[0].find("wsse:Security", NS)


def evil_body(root: Tree) -> Tree:
    body = etree.fromstring(f"<s:Body xmlns:s='{SOAP11}'><evil/></s:Body>")
    root.append(body)
    return body


def move_body_into_header(root: Tree) -> None:
    wrapper = etree.SubElement(root[0], "wrapper")
    wrapper.append(root[1])
    evil_body(root)


def move_body_into_header_and_take_its_id(root: Tree) -> None:
    move_body_into_header(root)
    root[1].set(WSU_ID, "body")


def move_body_and_lend_a_plain_id(root: Tree) -> None:
    move_body_into_header(root)
    root[1].set("Id", "body")


def move_body_into_new_body(root: Tree) -> None:
    original = root[1]
    evil = evil_body(root)
    evil.append(original)


def move_body_into_signature_object(root: Tree) -> None:
    holder = etree.SubElement(security(root).find("ds:Signature", NS), f"{{{NS['ds']}}}Object")
    holder.append(root[1])
    evil_body(root)


def second_body(root: Tree) -> None:
    evil_body(root)


def second_body_first(root: Tree) -> None:
    evil = evil_body(root)
    root.insert(1, evil)


def second_header(root: Tree) -> None:
    root.insert(0, copy.deepcopy(root[0]))


def second_security(root: Tree) -> None:
    root[0].append(copy.deepcopy(security(root)))


def second_signature(root: Tree) -> None:
    security(root).append(copy.deepcopy(security(root).find("ds:Signature", NS)))


def second_message_id(root: Tree) -> None:
    extra = etree.SubElement(root[0], f"{{{NS['wsa']}}}MessageID")
    extra.text = "m-2"


def second_timestamp(root: Tree) -> None:
    security(root).append(copy.deepcopy(security(root).find("wsu:Timestamp", NS)))


def second_token(root: Tree) -> None:
    security(root).insert(0, copy.deepcopy(security(root).find("wsse:BinarySecurityToken", NS)))


def move_action_into_wrapper(root: Tree) -> None:
    action = root[0].find("wsa:Action", NS)
    etree.SubElement(root[0], "wrapper").append(action)
    etree.SubElement(root[0], f"{{{NS['wsa']}}}Action").text = "evil"


def drop_action(root: Tree) -> None:
    root[0].remove(root[0].find("wsa:Action", NS))


def double_id_elsewhere(root: Tree) -> None:
    root[1][0].set(WSU_ID, "id-1")


def double_id_under_another_name(root: Tree) -> None:
    root[1][0].set("ID", "body")


def double_xml_id(root: Tree) -> None:
    root[0].set("{http://www.w3.org/XML/1998/namespace}id", "id-2")


def change_body(root: Tree) -> None:
    root[1][0][0].text = "error"


def change_header(root: Tree) -> None:
    root[0].find("wsa:To", NS).text = "https://evil.invalid"


def change_timestamp(root: Tree) -> None:
    security(root).find("wsu:Timestamp/wsu:Expires", NS).text = "2026-03-02T09:39:30.000Z"


def change_digest(root: Tree) -> None:
    root.find(".//ds:DigestValue", NS).text = base64.b64encode(b"\0" * 32).decode()


def change_signature_value(root: Tree) -> None:
    root.find(".//ds:SignatureValue", NS).text = base64.b64encode(b"\1" * 256).decode()


def empty_signature_value(root: Tree) -> None:
    root.find(".//ds:SignatureValue", NS).text = None


def junk_signature_value(root: Tree) -> None:
    root.find(".//ds:SignatureValue", NS).text = "не base64"


def drop_reference(root: Tree) -> None:
    info = root.find(".//ds:SignedInfo", NS)
    info.remove(info.findall("ds:Reference", NS)[3])


def drop_signature(root: Tree) -> None:
    security(root).remove(security(root).find("ds:Signature", NS))


def drop_security(root: Tree) -> None:
    root[0].remove(security(root))


def swap_algorithm(name: str, value: str) -> Callable[[Tree], None]:
    def change(root: Tree) -> None:
        root.find(f".//ds:{name}", NS).set("Algorithm", value)

    return change


def key_value_beside_the_token(root: Tree) -> None:
    info = root.find(".//ds:KeyInfo", NS)
    etree.SubElement(info, f"{{{NS['ds']}}}KeyValue")


def point_to_another_token(root: Tree) -> None:
    root.find(".//wsse:Reference", NS).set("URI", "#X509-2")


def reference_to_everything(root: Tree) -> None:
    root.find(".//ds:Reference", NS).set("URI", "")


def reference_outside(root: Tree) -> None:
    root.find(".//ds:Reference", NS).set("URI", "http://evil.invalid/x")


def reference_by_xpointer(root: Tree) -> None:
    root.find(".//ds:Reference", NS).set("URI", "#xpointer(/)")


def text_as_base64_transform(root: Tree) -> None:
    transforms = root.find(".//ds:Transforms", NS)
    etree.SubElement(
        transforms, f"{{{NS['ds']}}}Transform", Algorithm="http://www.w3.org/2000/09/xmldsig#base64"
    )


def other_soap_version(root: Tree) -> None:
    root.tag = f"{{{SOAP12}}}Envelope"


def extra_child_of_the_envelope(root: Tree) -> None:
    etree.SubElement(root, "extra")


def shorten_the_value(root: Tree) -> None:
    method = root.find(".//ds:SignatureMethod", NS)
    etree.SubElement(method, f"{{{NS['ds']}}}HMACOutputLength").text = "8"


def many_prefixes(root: Tree) -> None:
    transform = root.find(".//ds:Transform", NS)
    etree.SubElement(
        transform, f"{{{EXC}}}InclusiveNamespaces", PrefixList=" ".join(map("p{}".format, range(99)))
    )


def xpath_inside_the_transform(root: Tree) -> None:
    transform = root.find(".//ds:Transform", NS)
    etree.SubElement(transform, f"{{{NS['ds']}}}XPath").text = "not(ancestor-or-self::status)"


def algorithm_of_another_family(root: Tree) -> None:
    """RSA becomes ГОСТ and ГОСТ becomes RSA: the value must not be taken for what it is not."""
    method = root.find(".//ds:SignatureMethod", NS)
    names = [SUITES[suite].xml_signatures[0] for suite in (Suite.RSA_SHA256, Suite.GOST2012_256)]
    method.set("Algorithm", names[1] if method.get("Algorithm") == names[0] else names[0])


def digest_of_another_suite(root: Tree) -> None:
    method = root.find(".//ds:DigestMethod", NS)
    names = [
        SUITES[suite].xml_digests[0] for suite in (Suite.RSA_SHA256, Suite.GOST2012_512, Suite.GOST2012_256)
    ]
    method.set("Algorithm", next(one for one in names[1:] if one != method.get("Algorithm")))


def empty_digest(root: Tree) -> None:
    root.find(".//ds:DigestValue", NS).text = None


def halve_a_digest(root: Tree) -> None:
    value = root.find(".//ds:DigestValue", NS)
    value.text = base64.b64encode(base64.b64decode(value.text)[:16]).decode()


def signature_beside_security(root: Tree) -> None:
    root[0].append(security(root).find("ds:Signature", NS))


def action_outside_the_header(root: Tree) -> None:
    root[1].append(root[0].find("wsa:Action", NS))


def addressing_of_another_edition(root: Tree) -> None:
    """A MessageID of the draft of 2004 beside the signed one: whoever reads it first must not be led astray."""
    root[0].find("wsa:MessageID", NS).tag = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}MessageID"


def security_for_another_actor(root: Tree) -> None:
    other = copy.deepcopy(security(root))
    other.set(f"{{{SOAP11}}}actor", "urn:other")
    root[0].insert(0, other)


def element_in_the_signature(root: Tree) -> None:
    info = root.find(".//ds:SignedInfo", NS)
    info.insert(1, etree.Element("extra"))


def attribute_takes_an_id(root: Tree) -> None:
    root[0].find("wsa:To", NS).set("id", "body")


ATTACKS = [
    (shorten_the_value, WssCode.ALGORITHM),
    (many_prefixes, WssCode.ALGORITHM),
    (xpath_inside_the_transform, WssCode.ALGORITHM),
    (algorithm_of_another_family, WssCode.ALGORITHM),
    (digest_of_another_suite, WssCode.ALGORITHM),
    (empty_digest, WssCode.BAD_SIGNATURE),
    (halve_a_digest, WssCode.BAD_SIGNATURE),
    (signature_beside_security, WssCode.NO_SIGNATURE),
    (action_outside_the_header, WssCode.REFERENCE),
    (addressing_of_another_edition, WssCode.REFERENCE),
    (security_for_another_actor, WssCode.STRUCTURE),
    (element_in_the_signature, WssCode.STRUCTURE),
    (attribute_takes_an_id, WssCode.DUPLICATE_ID),
    (move_body_into_header, WssCode.REFERENCE),
    (move_body_into_header_and_take_its_id, WssCode.DUPLICATE_ID),
    (move_body_and_lend_a_plain_id, WssCode.REFERENCE),
    (move_body_into_new_body, WssCode.REFERENCE),
    (move_body_into_signature_object, WssCode.STRUCTURE),
    (second_body, WssCode.STRUCTURE),
    (second_body_first, WssCode.STRUCTURE),
    (second_header, WssCode.STRUCTURE),
    (second_security, WssCode.STRUCTURE),
    (second_signature, WssCode.STRUCTURE),
    (second_message_id, WssCode.STRUCTURE),
    (second_timestamp, WssCode.STRUCTURE),
    (second_token, WssCode.STRUCTURE),
    (move_action_into_wrapper, WssCode.REFERENCE),
    (drop_action, WssCode.REFERENCE),
    (double_id_elsewhere, WssCode.DUPLICATE_ID),
    (double_id_under_another_name, WssCode.DUPLICATE_ID),
    (double_xml_id, WssCode.DUPLICATE_ID),
    (change_body, WssCode.BAD_SIGNATURE),
    (change_header, WssCode.BAD_SIGNATURE),
    (change_timestamp, WssCode.BAD_SIGNATURE),
    (change_digest, WssCode.BAD_SIGNATURE),
    (change_signature_value, WssCode.BAD_SIGNATURE),
    (empty_signature_value, WssCode.BAD_SIGNATURE),
    (junk_signature_value, WssCode.BAD_SIGNATURE),
    (drop_reference, WssCode.UNSIGNED_PART),
    (drop_signature, WssCode.NO_SIGNATURE),
    (drop_security, WssCode.NO_SIGNATURE),
    (key_value_beside_the_token, WssCode.STRUCTURE),
    (point_to_another_token, WssCode.STRUCTURE),
    (reference_to_everything, WssCode.REFERENCE),
    (reference_outside, WssCode.REFERENCE),
    (reference_by_xpointer, WssCode.REFERENCE),
    (text_as_base64_transform, WssCode.ALGORITHM),
    (other_soap_version, WssCode.STRUCTURE),
    (extra_child_of_the_envelope, WssCode.STRUCTURE),
    (swap_algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"), WssCode.ALGORITHM),
    (swap_algorithm("SignatureMethod", "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), WssCode.ALGORITHM),
    (swap_algorithm("DigestMethod", "http://www.w3.org/2000/09/xmldsig#sha1"), WssCode.ALGORITHM),
    (swap_algorithm("CanonicalizationMethod", f"{EXC}WithComments"), WssCode.ALGORITHM),
    (swap_algorithm("Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"), WssCode.ALGORITHM),
    (swap_algorithm("Transform", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"), WssCode.ALGORITHM),
]


def test_the_envelope_the_attacks_start_from_is_good(enveloped: Stand) -> None:
    assert code_of(enveloped, etree.tostring(signed(enveloped))) is None


@pytest.mark.parametrize(("attack", "code"), ATTACKS)
def test_an_attacked_envelope_is_refused(
    enveloped: Stand, attack: Callable[[Tree], None], code: WssCode
) -> None:
    root = signed(enveloped)
    attack(root)
    assert code_of(enveloped, etree.tostring(root)) is code


def test_another_signer_is_refused_even_with_a_certificate_of_the_same_authority(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.stranger).send()
    assert code_of(enveloped, data) is WssCode.UNKNOWN_CERTIFICATE


def test_a_swapped_certificate_is_refused(enveloped: Stand) -> None:
    """The stranger signs and shows the pinned certificate; or the peer signs and somebody swaps the token."""
    root = ForeignEnvelope(issued=enveloped.stranger).sign()
    token = root.find(".//wsse:BinarySecurityToken", NS)
    token.text = base64.b64encode(enveloped.system.certificate).decode()
    assert code_of(enveloped, etree.tostring(root)) is WssCode.BAD_SIGNATURE
    root = signed(enveloped)
    token = root.find(".//wsse:BinarySecurityToken", NS)
    token.text = base64.b64encode(enveloped.stranger.certificate).decode()
    assert code_of(enveloped, etree.tostring(root)) is WssCode.UNKNOWN_CERTIFICATE
    token.text = "не base64"
    assert code_of(enveloped, etree.tostring(root)) is WssCode.UNKNOWN_CERTIFICATE


@pytest.mark.parametrize("part", ["Timestamp", "MessageID", "Action", "To"])
def test_an_unsigned_part_is_refused(enveloped: Stand, part: str) -> None:
    names = tuple(name for name in ("Body", "Timestamp", "MessageID", "Action", "To") if name != part)
    data = ForeignEnvelope(issued=enveloped.system, signed=names).send()
    peer = trusting(enveloped)
    assert opened(data, peer, enveloped) == WssRefusal(WssCode.UNSIGNED_PART, part)


def test_an_unsigned_body_is_refused_whatever_the_profile_says(enveloped: Stand) -> None:
    data = ForeignEnvelope(issued=enveloped.system, signed=("Timestamp", "MessageID")).send()
    assert code_of(enveloped, data, required=()) is WssCode.UNSIGNED_PART


def test_a_peer_that_signs_something_of_its_own_is_refused(enveloped: Stand) -> None:
    """Targets come from a closed list: a signature over an element we do not know proves nothing to us."""
    foreign = ForeignEnvelope(
        issued=enveloped.system, signed=("Body", "Timestamp", "MessageID", "Action", "To", "own")
    )
    tree = foreign.tree()
    etree.SubElement(tree[0], "own").set(WSU_ID, "own")
    assert code_of(enveloped, etree.tostring(foreign.sign(tree))) is WssCode.REFERENCE


def test_the_same_part_signed_twice_is_refused(enveloped: Stand) -> None:
    names = ("Body", "Timestamp", "MessageID", "Action", "To", "Body")
    assert (
        code_of(enveloped, ForeignEnvelope(issued=enveloped.system, signed=names).send()) is WssCode.REFERENCE
    )


def test_too_many_references_are_refused_before_any_work(enveloped: Stand) -> None:
    root = signed(enveloped)
    info = root.find(".//ds:SignedInfo", NS)
    for _ in range(200):
        info.append(copy.deepcopy(info[-1]))
    assert code_of(enveloped, etree.tostring(root)) is WssCode.STRUCTURE


def test_a_comment_cannot_truncate_a_signed_value(enveloped: Stand) -> None:
    """Comments are outside the signature: a reader that stops at one would see half a value."""
    data = (
        etree.tostring(signed(enveloped))
        .replace(b"success", b"suc<!-- x -->cess")
        .replace(b"m-1", b"m<!---->-1")
    )
    result = opened(data, trusting(enveloped), enveloped)
    assert isinstance(result, VerifiedEnvelope)
    assert result.body_element()[0][0].text == "success"
    assert result.message_id == "m-1"


def test_a_processing_instruction_cannot_truncate_a_signed_value(enveloped: Stand) -> None:
    data = etree.tostring(signed(enveloped)).replace(b"success", b"suc<?x y?>cess")
    result = opened(data, trusting(enveloped), enveloped)
    assert isinstance(result, VerifiedEnvelope)
    assert result.body_element()[0][0].text == "success"


@pytest.mark.parametrize(
    "doctype",
    [
        b"<!DOCTYPE x>",
        b'<!DOCTYPE x [<!ENTITY a "b">]>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "http://evil.invalid/">]>',
        b"<!DOCTYPE x [<!ATTLIST r id ID #IMPLIED>]>",
    ],
)
def test_a_doctype_is_refused(enveloped: Stand, doctype: bytes) -> None:
    assert code_of(enveloped, doctype + etree.tostring(signed(enveloped))) is WssCode.DOCTYPE


def test_an_entity_bomb_is_refused(enveloped: Stand) -> None:
    layers = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10 if i else "x"}">' for i in range(12))
    bomb = f"<!DOCTYPE x [{layers}]><x>&e11;</x>".encode()
    assert code_of(enveloped, bomb) in {WssCode.DOCTYPE, WssCode.MALFORMED}


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (timedelta(minutes=-7), WssCode.FROM_FUTURE),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=13), None),
        (timedelta(minutes=14), WssCode.STALE),
        (timedelta(days=30), WssCode.STALE),
    ],
)
def test_a_stale_timestamp_is_refused_but_clocks_may_differ(
    enveloped: Stand, shift: timedelta, code: WssCode | None
) -> None:
    assert code_of(enveloped, ForeignEnvelope(issued=enveloped.system).send(), enveloped.now + shift) is code


@pytest.mark.parametrize(
    ("created", "expires", "code"),
    [
        ("2026-03-02T09:29:00Z", "2027-03-02T09:29:00Z", WssCode.FROM_FUTURE),
        ("2026-03-02T09:29:00Z", "2026-03-02T09:29:00Z", WssCode.STALE),
        ("2026-03-02T09:31:00Z", "2026-03-02T09:29:00Z", WssCode.STALE),
        ("2026-03-02T12:29:00+03:00", "2026-03-02T12:39:00+03:00", None),
        ("2026-03-02T09:29:00.1234567Z", "2026-03-02T09:39:00.1234567Z", None),
        ("2026-03-02T09:29:00", "2026-03-02T09:39:00", WssCode.STRUCTURE),
        ("yesterday", "tomorrow", WssCode.STRUCTURE),
        ("", "", WssCode.STRUCTURE),
        ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", WssCode.STRUCTURE),
    ],
)
def test_a_signed_timestamp_must_make_sense(
    enveloped: Stand, created: str, expires: str, code: WssCode | None
) -> None:
    data = ForeignEnvelope(issued=enveloped.system, created=created, expires=expires).send()
    assert code_of(enveloped, data) is code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", WssCode.MALFORMED),
        (b"not xml", WssCode.MALFORMED),
        (b"<a>", WssCode.MALFORMED),
        (b"<a/>", WssCode.NOT_SOAP),
        (b"\xff\xfe\x00", WssCode.MALFORMED),
        (f"<s:Envelope xmlns:s='{SOAP11}'/>".encode(), WssCode.STRUCTURE),
        (f"<s:Envelope xmlns:s='{SOAP11}'><s:Header/><s:Body/></s:Envelope>".encode(), WssCode.NO_SIGNATURE),
        (f"<s:Envelope xmlns:s='{SOAP11}'><s:Body/><s:Header/></s:Envelope>".encode(), WssCode.STRUCTURE),
    ],
)
def test_what_is_no_signed_envelope_is_refused(enveloped: Stand, data: bytes, code: WssCode) -> None:
    assert code_of(enveloped, data) is code


def test_an_envelope_over_the_limit_is_refused_without_parsing(enveloped: Stand) -> None:
    assert code_of(enveloped, b"<" * 1001, limit=1000) is WssCode.TOO_LARGE


def test_nobody_is_trusted_when_nothing_is_pinned(enveloped: Stand) -> None:
    result = opened(
        ForeignEnvelope(issued=enveloped.system).send(),
        PeerTrust(certificates=(), suites={enveloped.suite}),
        enveloped,
    )
    assert result == WssRefusal(WssCode.UNKNOWN_CERTIFICATE)


def test_a_repeated_message_is_recognisable_by_the_caller(enveloped: Stand) -> None:
    """Replay is the caller's duty; the verdict hands over what it needs: the signed id and how long to remember it."""
    data = ForeignEnvelope(issued=enveloped.system).send()
    peer = trusting(enveloped)
    first, second = (opened(data, peer, enveloped) for _ in range(2))
    assert isinstance(first, VerifiedEnvelope)
    assert isinstance(second, VerifiedEnvelope)
    assert first.message_id == second.message_id != ""
    assert first.replay_until is not None
    assert code_of(enveloped, data, first.replay_until) is WssCode.STALE
