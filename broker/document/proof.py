"""What was established of each signature when a document was examined: kept with it, free of personal data."""

from datetime import datetime

import msgspec

from broker.document.submission import SignatureKind


class SignatureProof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The verdict on one signature as it is kept.

    ``code`` is OK or the first thing wrong (``DIGEST_MISMATCH``), ``chain`` the same of the certificate's chain, empty where
    it was not judged. ``provider`` computed (``openssl-gost/3.0.19``). ``certificate`` is the SHA-256 of the signer's
    certificate in hex, empty when there was none. ``required`` tells whether the kind demands this signature.
    """

    kind: SignatureKind
    code: str
    role: str = ""
    suite: str = ""
    signing_time: datetime | None = None
    provider: str = ""
    certificate: str = ""
    chain: str = ""
    required: bool = True


def signed_at(proofs: "list[SignatureProof] | tuple[SignatureProof, ...]") -> datetime | None:
    """Return when the last of the required signatures was made: the clock of the term to register starts there."""
    times = [one.signing_time for one in proofs if one.required and one.signing_time is not None]
    return max(times, default=None)
