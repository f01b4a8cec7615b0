"""What an attacker does to a signed envelope, each with the code it is refused with."""

import base64
import copy
from collections.abc import Callable

from lxml import etree
from trust_stand import EXC, NS, SOAP11, SOAP12

from broker.trust import SUITES, Suite, WssCode

Tree = etree._Element
WSU_ID = f"{{{NS['wsu']}}}Id"


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
