"""What the tests of trust stand on: invented signers, containers of odd forms, and a second voice for envelopes.

``ForeignEnvelope`` signs by hand with lxml and ``cryptography``, knowing nothing of our code, and can be told to err.
"""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from asn1crypto import parser
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

import broker.trust
from broker.document.canonical import PersonName
from broker.trust import (
    SUITES,
    Issued,
    PeerTrust,
    SignatureVerdict,
    Signer,
    Suite,
    ThrowAwayCa,
    der,
    new_key,
    providers,
    sign_envelope,
    verify_envelope,
)
from broker.trust.pki import certificate_suite
from broker.trust.private_keys import read_key, sign_with
from broker.trust.wss import Arithmetic

EVERYTHING = providers()
"""What this machine can compute."""

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
NS = {
    "wsa": "http://www.w3.org/2005/08/addressing",
    "wsse": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "egisz": "http://egisz.rosminzdrav.ru",
}
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256 = ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmlenc#sha256")
SHA1 = ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", "http://www.w3.org/2000/09/xmldsig#sha1")
IDS = {
    "Body": "body",
    "Timestamp": "TS-1",
    "MessageID": "id-1",
    "Action": "id-2",
    "To": "id-3",
    "ReplyTo": "id-4",
    "RelatesTo": "id-5",
}


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """The people and systems of the tests."""

    suite: Suite
    now: datetime
    ca: ThrowAwayCa
    doctor: Issued
    expired: Issued
    organization: Issued
    system: Issued
    stranger: Issued
    arithmetic: Arithmetic | None = None


def a_stand(suite: Suite) -> Stand:
    keys = [new_key(suite) for _ in range(3)]
    ca = ThrowAwayCa.create(NOW - YEAR, key=keys[0])

    def person(snils: str, **changes: datetime) -> Issued:
        life = {"not_before": NOW - YEAR, "not_after": NOW + YEAR, **changes}
        name = PersonName(family="Невзаправдов", given="Пробирк", patronymic="Тестович")
        return ca.issue_person(
            name,
            snils=snils,
            inn="990000000041",
            organization="ООО «Выдуманная поликлиника»",
            ogrn="1999900000010",
            post="врач-терапевт",
            key=keys[1],
            **life,
        )

    return Stand(
        suite=suite,
        now=NOW,
        ca=ca,
        doctor=person("99000000153"),
        expired=person("99000000153", not_after=NOW - timedelta(days=1)),
        organization=ca.issue_organization(
            "ООО «Выдуманная поликлиника»",
            ogrn="1999900000010",
            inn_le="9900000000",
            head=PersonName(family="Главный", given="Понарошк"),
            snils="99000000254",
            post="главный врач",
            not_before=NOW - YEAR,
            not_after=NOW + YEAR,
            key=keys[2],
        ),
        system=ca.issue_system("ips-test.invalid", not_before=NOW - YEAR, not_after=NOW + YEAR, key=keys[1]),
        stranger=ca.issue_system(
            "stranger.invalid", not_before=NOW - YEAR, not_after=NOW + YEAR, key=keys[2]
        ),
    )


def trusting(stand: Stand, **changes: object) -> PeerTrust:
    """What we demand of the system's envelopes."""
    given = {"suites": frozenset({stand.suite})} | changes
    return PeerTrust(certificates=(stand.system.certificate,), **given)


def opened(data: bytes, peer: PeerTrust, stand: Stand, now: datetime | None = None) -> Any:
    """Verify with everything this machine can compute, by the arithmetic the stand is for."""
    return verify_envelope(data, peer, now or stand.now, provider=EVERYTHING, arithmetic=stand.arithmetic)


def sealed(tree: etree._Element, stand: Stand, *, signer: Signer | None = None, **given: Any) -> bytes:
    """Sign with the system's key, or another signer, by the arithmetic the stand is for."""
    given = {"now": stand.now, "provider": EVERYTHING, "arithmetic": stand.arithmetic} | given
    return sign_envelope(tree, signer or stand.system.signer, **given)


class ForeignSuite:
    """A signer of a suite this machine cannot compute; its values are arbitrary bytes."""

    provider = "foreign"
    provider_version = "0"
    chain: tuple[bytes, ...] = ()

    def __init__(self, suite: Suite, certificate: bytes) -> None:
        self.suite = suite
        self.certificate = certificate

    def sign(self, data: bytes) -> bytes:
        return hashlib.sha512(data).digest()


class ForeignDigests:
    """A provider that gives some digest for every suite, so that containers of any suite can be assembled."""

    name = "foreign"
    version = "0"

    def digest(self, suite: Suite, data: bytes) -> bytes | None:
        return hashlib.sha256(suite.encode() + data).digest()

    def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
        return signature == hashlib.sha512(data).digest()


def children(element: bytes) -> list[bytes]:
    """Split a constructed element into what it holds."""
    body, found, offset = parser.parse(element)[4], [], 0
    while offset < len(body):
        length = parser.peek(body[offset:])
        found.append(body[offset : offset + length])
        offset += length
    return found


def indefinite(element: bytes, depth: int) -> bytes:
    """Rewrite the outer constructed elements with indefinite length, as streaming programs do (BER)."""
    if depth == 0 or not element[0] & 0x20:
        return element
    inside = b"".join(indefinite(child, depth - 1) for child in children(element))
    return element[:1] + b"\x80" + inside + b"\x00\x00"


class Container(msgspec.Struct):
    """A detached container taken apart; ``pack`` puts it together again as it is."""

    version: bytes
    algorithms: bytes
    content: bytes
    certificates: list[bytes]
    infos: list[bytes]

    @classmethod
    def open(cls, raw: bytes) -> "Container":
        signed_data = children(children(raw)[1])[0]
        version, algorithms, content, certificates, infos = children(signed_data)
        return cls(version, algorithms, content, children(certificates), children(infos))

    def pack(self) -> bytes:
        certificates = der.context(0, *self.certificates) if self.certificates else b""
        infos = der.tlv(der.SET, *self.infos)
        signed = der.sequence(self.version, self.algorithms, self.content, certificates, infos)
        return der.sequence(der.oid("1.2.840.113549.1.7.2"), der.context(0, signed))


def resigned(raw: bytes, key_pem: bytes, *, drop: str = "", add: bytes = b"", keep: bool = True) -> bytes:
    """Drop or add a signed attribute (or all of them, ``keep=False``) and sign again."""
    box = Container.open(raw)
    version, sid, digest, attributes, algorithm, _ = children(box.infos[0])
    kept = [item for item in children(attributes) if children(item)[0] != (der.oid(drop) if drop else b"")]
    kept += [add] if add else []
    signed = der.set_of(*kept)
    value = der.octets(sign_by(key_pem, certificate_suite(box.certificates[0]), signed))
    parts = [version, sid, digest, der.context(0, *sorted(kept)) if keep else b"", algorithm, value]
    box.infos = [der.sequence(*parts)]
    return box.pack()


def sign_by(key_pem: bytes, suite: Suite, data: bytes) -> bytes:
    return sign_with(read_key(key_pem, suite), data)


def inspect(container: bytes, content: bytes, **given: Any) -> SignatureVerdict:
    """Judge with everything this machine can compute."""
    return broker.trust.inspect(container, content, **{"provider": EVERYTHING, **given})


def rsa_sign(key_pem: bytes, data: bytes, algorithm: hashes.HashAlgorithm | None = None) -> bytes:
    key = serialization.load_pem_private_key(key_pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(data, padding.PKCS1v15(), algorithm or hashes.SHA256())


def unsigned_envelope(soap: str = SOAP11, *, body: str = "<r xmlns='urn:x'><a>1</a></r>") -> etree._Element:
    """An envelope as an adapter builds it, before signing."""
    return etree.fromstring(
        f"""<s:Envelope xmlns:s="{soap}" xmlns:wsa="{NS["wsa"]}" xmlns:egisz="{NS["egisz"]}"><s:Header>
        <egisz:transportHeader><egisz:authInfo><egisz:clientEntityId>7b0b5a7e-0000-4000-8000-00000000000a</egisz:clientEntityId>
        </egisz:authInfo></egisz:transportHeader>
        <wsa:MessageID>urn:uuid:3f0b5a7e-0000-4000-8000-000000000001</wsa:MessageID>
        <wsa:Action>registerDocument</wsa:Action><wsa:To>https://ips.invalid/emdr</wsa:To>
        <wsa:ReplyTo><wsa:Address>https://broker.invalid/peer/remd/callback</wsa:Address></wsa:ReplyTo>
        <wsa:RelatesTo>urn:uuid:3f0b5a7e-0000-4000-8000-000000000002</wsa:RelatesTo>
        </s:Header><s:Body>{body}</s:Body></s:Envelope>""".encode()
    )


class ForeignEnvelope(msgspec.Struct, kw_only=True):
    """An envelope of somebody else, signed by hand after ``before`` changed the tree and sent as ``after`` left it."""

    issued: Issued
    created: str = "2026-03-02T09:29:00.000Z"
    expires: str = "2026-03-02T09:39:00.000Z"
    soap: str = SOAP11
    signed: tuple[str, ...] = ("Body", "Timestamp", "MessageID", "Action", "To")
    algorithms: tuple[str, str] | None = None
    transforms: tuple[str, ...] = (EXC,)
    c14n: str = EXC
    prefixes: str = ""
    body: str = "<cb:result xmlns:cb='urn:cb'><cb:status>success</cb:status></cb:result>"

    @property
    def named(self) -> tuple[str, str]:
        """The identifiers of the algorithms: those given, else those of the signer's key."""
        facts = SUITES[self.issued.suite]
        return self.algorithms or (facts.xml_signatures[0], facts.xml_digests[0])

    def tree(self) -> etree._Element:
        """The envelope without the signature; every part has its id."""
        token = base64.b64encode(self.issued.certificate).decode()
        wsu, ids = f'xmlns:wsu="{NS["wsu"]}"', IDS
        return etree.fromstring(
            f"""<s:Envelope xmlns:s="{self.soap}" xmlns:wsa="{NS["wsa"]}" {wsu}><s:Header>
<wsse:Security xmlns:wsse="{NS["wsse"]}"><wsse:BinarySecurityToken wsu:Id="X509-1">{token}</wsse:BinarySecurityToken>
<wsu:Timestamp wsu:Id="TS-1"><wsu:Created>{self.created}</wsu:Created><wsu:Expires>{self.expires}</wsu:Expires></wsu:Timestamp>
</wsse:Security><wsa:MessageID wsu:Id="{ids["MessageID"]}">m-1</wsa:MessageID>
<wsa:Action wsu:Id="{ids["Action"]}">sendRegisterDocumentResult</wsa:Action>
<wsa:To wsu:Id="{ids["To"]}">https://broker.invalid/peer/remd/callback</wsa:To>
<wsa:ReplyTo wsu:Id="{ids["ReplyTo"]}"><wsa:Address>https://ips.invalid/answer</wsa:Address></wsa:ReplyTo>
<wsa:RelatesTo wsu:Id="{ids["RelatesTo"]}">m-0</wsa:RelatesTo>
</s:Header><s:Body wsu:Id="body">{self.body}</s:Body></s:Envelope>""".encode()
        )

    def sign(
        self, tree: etree._Element | None = None, *, uris: dict[str, str] | None = None
    ) -> etree._Element:
        """Sign the parts by id over whatever the tree holds under it; ``uris`` overrides what references say."""
        root = self.tree() if tree is None else tree
        references = ""
        for part in self.signed:
            name = (uris or {}).get(part, IDS.get(part, part))
            [target] = root.xpath("//*[@wsu:Id=$name]", name=name, namespaces=NS)
            digest = self._hash(self._canonical(target))
            references += (
                f'<ds:Reference URI="#{name}"><ds:Transforms>{self._transforms()}</ds:Transforms>'
                f'<ds:DigestMethod Algorithm="{self.named[1]}"/>'
                f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
            )
        signature = etree.fromstring(
            f"""<ds:Signature xmlns:ds="{NS["ds"]}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{self.c14n}"/>
<ds:SignatureMethod Algorithm="{self.named[0]}"/>{references}</ds:SignedInfo><ds:SignatureValue/>
<ds:KeyInfo><wsse:SecurityTokenReference xmlns:wsse="{NS["wsse"]}"><wsse:Reference URI="#X509-1"/>
</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>"""
        )
        info = etree.tostring(signature[0], method="c14n", exclusive=True)
        if self.issued.suite is Suite.RSA_SHA256:
            sha = hashes.SHA1() if self.named == SHA1 else hashes.SHA256()
            value = rsa_sign(self.issued.key_pem, info, sha)
        else:
            value = sign_by(self.issued.key_pem, self.issued.suite, info)
        signature[1].text = base64.b64encode(value).decode()
        root[0].find(f"{{{NS['wsse']}}}Security").append(signature)
        return root

    def send(self) -> bytes:
        """The signed envelope as bytes."""
        return etree.tostring(self.sign())

    def _transforms(self) -> str:
        inside = (
            f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="{self.prefixes}"/>'
            if self.prefixes
            else ""
        )
        return "".join(
            f'<ds:Transform Algorithm="{name}">{inside if name == EXC else ""}</ds:Transform>'
            for name in self.transforms
        )

    def _canonical(self, target: etree._Element) -> bytes:
        prefixes = self.prefixes.split() or None
        return etree.tostring(target, method="c14n", exclusive=True, inclusive_ns_prefixes=prefixes)

    def _hash(self, data: bytes) -> bytes:
        if self.issued.suite is not Suite.RSA_SHA256:
            digest = EVERYTHING.digest(self.issued.suite, data)
            assert digest is not None
            return digest
        name = "sha1" if self.named[1] == SHA1[1] else "sha256"
        return hashlib.new(name, data, usedforsecurity=False).digest()
