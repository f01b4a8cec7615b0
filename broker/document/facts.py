"""What the sender said beside the document: the submission without its bytes, as the checks and the normaliser need it."""

import msgspec

from broker.document.submission import Metadata, SignatureKind


class SignatureFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One signature as the sender described it, and the СНИЛС its certificate shows once somebody has decoded it."""

    kind: SignatureKind
    role: str = ""
    snils: str = ""
    local_id: str = ""
    position: str = ""
    speciality: str = ""
    department: str = ""
    certificate_snils: str = ""

    @property
    def known_snils(self) -> str:
        """Return the signer's СНИЛС: the sender's word, else the certificate's."""
        return self.snils or self.certificate_snils


class PreviousVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The latest version of the same set we know of: its localUid, number and kind."""

    local_uid: str
    version: int
    kind: str = ""


class SubmissionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The sender's words about one document; an empty field was not said.

    ``profile`` is the mode of the credential, which may weigh rules otherwise; ``previous`` is None where nobody looked.
    """

    kind: str = ""
    clinic: str = ""
    local_uid: str = ""
    metadata: Metadata = Metadata()
    signatures: tuple[SignatureFacts, ...] = ()
    profile: str = "production"
    previous: PreviousVersion | None = None
