"""Trust: verdicts on certificates, CAdES containers and IPS envelopes; keys are drivers behind the ``Signer`` port.

Everything is a pure function of bytes, instants and settings. The heavy ones run in compute processes.
"""

from broker.trust.certificate import SignerSubject
from broker.trust.chain import ChainCode, ChainVerdict, verify_chain
from broker.trust.cms import MAX_CONTAINER, decode_armoured, inspect, sign_detached
from broker.trust.envelope import (
    IPS_PARTS,
    IPS_REQUEST_PARTS,
    Part,
    PeerTrust,
    VerifiedEnvelope,
    WssCode,
    WssRefusal,
)
from broker.trust.findings import SignaturePolicy, signature_findings
from broker.trust.openssl import GostKey, GostProvider, GostSigner, load_gost
from broker.trust.pki import Issued, ThrowAwayCa, new_key
from broker.trust.provider import (
    RSA_PROVIDER,
    CompositeProvider,
    Provider,
    ProviderUnavailable,
    RsaProvider,
)
from broker.trust.providers import Prepared, prepare_trust, process_provider, providers
from broker.trust.signer import RsaSigner, Signer
from broker.trust.signing import SigningKey, signer_of
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
    "ChainCode",
    "ChainVerdict",
    "CompositeProvider",
    "GostKey",
    "GostProvider",
    "GostSigner",
    "Issued",
    "Part",
    "PeerTrust",
    "Prepared",
    "Provider",
    "ProviderUnavailable",
    "RsaProvider",
    "RsaSigner",
    "SignatureCode",
    "SignaturePolicy",
    "SignatureVerdict",
    "Signer",
    "SignerSubject",
    "SigningKey",
    "Suite",
    "SuiteFacts",
    "ThrowAwayCa",
    "VerifiedEnvelope",
    "WssCode",
    "WssRefusal",
    "decode_armoured",
    "inspect",
    "load_gost",
    "new_key",
    "prepare_trust",
    "process_provider",
    "providers",
    "sign_detached",
    "sign_envelope",
    "signature_findings",
    "signer_of",
    "verify_chain",
    "verify_envelope",
]
