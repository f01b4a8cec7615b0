"""Trust: verdicts on certificates, CAdES containers and IPS envelopes; keys are drivers behind the ``Signer`` port.

Everything is a pure function of bytes, instants and settings. The heavy ones run in compute processes.
"""

from broker.trust.anchors import Anchors
from broker.trust.certificate import SignerSubject
from broker.trust.chain import ChainCode, ChainVerdict, verify_chain
from broker.trust.cms import MAX_CONTAINER, decode_armoured, inspect, inspect_signers, sign_detached
from broker.trust.envelope import (
    IPS_PARTS,
    IPS_REQUEST_PARTS,
    Part,
    PeerTrust,
    VerifiedEnvelope,
    WssCode,
    WssRefusal,
)
from broker.trust.examiner import SignatureExaminer, Signed, signature_findings
from broker.trust.holder import Holder
from broker.trust.openssl import GostKey, GostProvider, GostSigner, load_gost
from broker.trust.pki import Issued, ThrowAwayCa
from broker.trust.policy import SignaturePolicy
from broker.trust.private_keys import PrivateKey, new_key
from broker.trust.provider import (
    RSA_PROVIDER,
    CompositeProvider,
    Provider,
    ProviderUnavailable,
    RsaProvider,
)
from broker.trust.providers import Prepared, prepare_trust, process_provider, providers
from broker.trust.said import signature_facts
from broker.trust.signer import RsaSigner, Signer
from broker.trust.signing import SigningKey, signer_of
from broker.trust.signing_rules import (
    RoleNeed,
    SigningRule,
    SigningRules,
    SigningRulesRefused,
    load_signing_rules,
)
from broker.trust.snapshot import (
    CrlMode,
    SnapshotSpoilt,
    TrustProfile,
    TrustSnapshot,
    read_snapshot,
)
from broker.trust.suites import STRONG_SUITES, SUITES, Suite, SuiteFacts
from broker.trust.verdict import SignatureCode, SignatureVerdict
from broker.trust.wss import sign_envelope, verify_envelope

__all__ = [
    "IPS_PARTS",
    "IPS_REQUEST_PARTS",
    "MAX_CONTAINER",
    "RSA_PROVIDER",
    "STRONG_SUITES",
    "SUITES",
    "Anchors",
    "ChainCode",
    "ChainVerdict",
    "CompositeProvider",
    "CrlMode",
    "GostKey",
    "GostProvider",
    "GostSigner",
    "Holder",
    "Issued",
    "Part",
    "PeerTrust",
    "Prepared",
    "PrivateKey",
    "Provider",
    "ProviderUnavailable",
    "RoleNeed",
    "RsaProvider",
    "RsaSigner",
    "SignatureCode",
    "SignatureExaminer",
    "SignaturePolicy",
    "SignatureVerdict",
    "Signed",
    "Signer",
    "SignerSubject",
    "SigningKey",
    "SigningRule",
    "SigningRules",
    "SigningRulesRefused",
    "SnapshotSpoilt",
    "Suite",
    "SuiteFacts",
    "ThrowAwayCa",
    "TrustProfile",
    "TrustSnapshot",
    "VerifiedEnvelope",
    "WssCode",
    "WssRefusal",
    "decode_armoured",
    "inspect",
    "inspect_signers",
    "load_gost",
    "load_signing_rules",
    "new_key",
    "prepare_trust",
    "process_provider",
    "providers",
    "read_snapshot",
    "sign_detached",
    "sign_envelope",
    "signature_facts",
    "signature_findings",
    "signer_of",
    "verify_chain",
    "verify_envelope",
]
