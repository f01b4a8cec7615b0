"""What may be said about a signature: stable codes, their Russian texts and the РЭМД mnemonic each prevents."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from broker.trust.certificate import SignerSubject
from broker.trust.suites import Suite


class SignatureCode(StrEnum):
    """Why a container is not what it must be; the first cause met is told."""

    OK = "OK"
    """Everything that could be checked holds."""
    NOT_CHECKED = "NOT_CHECKED"
    """Not looked at: the submission holds more signatures than the policy allows."""
    NOT_BASE64 = "NOT_BASE64"
    """The text in the submission is not base64."""
    TOO_LARGE = "TOO_LARGE"
    """Larger than any detached container."""
    MALFORMED = "MALFORMED"
    """Not an ASN.1 structure of CMS."""
    NOT_SIGNED_DATA = "NOT_SIGNED_DATA"
    """CMS, but not SignedData."""
    NO_SIGNER = "NO_SIGNER"
    """No SignerInfo inside."""
    MULTIPLE_SIGNERS = "MULTIPLE_SIGNERS"
    """More than one SignerInfo: РЭМД wants one container per signer."""
    NO_CERTIFICATE = "NO_CERTIFICATE"
    """The certificate of the signer is not in the container."""
    UNKNOWN_ALGORITHM = "UNKNOWN_ALGORITHM"
    """An algorithm outside our suites."""
    WRONG_SUITE = "WRONG_SUITE"
    """A known algorithm the policy does not allow."""
    ATTACHED = "ATTACHED"
    """The document itself is inside the container, though it is the right one."""
    ATTACHED_MISMATCH = "ATTACHED_MISMATCH"
    """Another document is inside the container."""
    DIGEST_MISMATCH = "DIGEST_MISMATCH"
    """The signature belongs to other bytes."""
    BAD_SIGNATURE = "BAD_SIGNATURE"
    """The signature value does not fit the certificate's key."""
    NO_SIGNING_TIME = "NO_SIGNING_TIME"
    """The signed attribute signingTime is absent."""
    NO_ESS = "NO_ESS"
    """The signed attribute signingCertificate(V2) of CAdES-BES is absent."""
    ESS_MISMATCH = "ESS_MISMATCH"
    """signingCertificate(V2) names another certificate than the one inside."""
    DIGEST_UNVERIFIED = "DIGEST_UNVERIFIED"
    """Read and well formed, but no provider here can compute the algorithm: integrity is unknown."""


class SignatureVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one container. Fields that could be read are filled even when the verdict is bad.

    ``text`` is Russian and free of personal data; ``key_usage`` holds names of RFC 5280 (``digital_signature``);
    ``message_digest`` is what the signer says the digest is; ``certificate`` and ``extra_certificates`` are DER;
    ``provider`` names who computed, for the receipt.
    """

    code: SignatureCode
    suite: Suite | None = None
    signer: SignerSubject = SignerSubject()
    signing_time: datetime | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    key_usage: frozenset[str] | None = None
    serial: int | None = None
    issuer: str = ""
    message_digest: bytes = b""
    certificate: bytes = b""
    extra_certificates: tuple[bytes, ...] = ()
    provider: str = ""

    @property
    def ok(self) -> bool:
        """Whether everything was checked and holds."""
        return self.code is SignatureCode.OK

    @property
    def text(self) -> str:
        """What is wrong, in Russian."""
        return TEXTS[self.code]

    @property
    def remd_code(self) -> str | None:
        """The mnemonic of НСИ 1.2.643.5.1.13.13.99.2.305 РЭМД would answer with."""
        return REMD_CODES.get(self.code)


TEXTS: Final[dict[SignatureCode, str]] = {
    SignatureCode.OK: "Подпись верна.",
    SignatureCode.NOT_CHECKED: "Подпись не проверялась: подписей слишком много.",
    SignatureCode.NOT_BASE64: "Подпись не читается: это не base64 (возможно, строка обрезана).",
    SignatureCode.TOO_LARGE: "Контейнер подписи слишком велик для откреплённой подписи.",
    SignatureCode.MALFORMED: "Подпись не читается: это не контейнер CMS (PKCS#7).",
    SignatureCode.NOT_SIGNED_DATA: "Контейнер CMS не является подписью (SignedData).",
    SignatureCode.NO_SIGNER: "В контейнере подписи нет ни одного подписанта.",
    SignatureCode.MULTIPLE_SIGNERS: "В контейнере подписи больше одного подписанта.",
    SignatureCode.NO_CERTIFICATE: "В контейнере подписи нет сертификата подписанта.",
    SignatureCode.UNKNOWN_ALGORITHM: "Подпись сделана неизвестным алгоритмом.",
    SignatureCode.WRONG_SUITE: "Алгоритм подписи не разрешён.",
    SignatureCode.ATTACHED: "Подпись присоединённая: документ вложен в контейнер, а нужна откреплённая.",
    SignatureCode.ATTACHED_MISMATCH: "Подпись присоединённая, и в контейнер вложен другой документ.",
    SignatureCode.DIGEST_MISMATCH: "Подписан другой файл: хеш-сумма документа не совпадает с подписанной.",
    SignatureCode.BAD_SIGNATURE: "Подпись не верна: значение подписи не соответствует сертификату.",
    SignatureCode.NO_SIGNING_TIME: "В подписи отсутствует атрибут «Дата и время создания» (signingTime).",
    SignatureCode.NO_ESS: "В подписи нет атрибута signingCertificateV2: это не CAdES-BES.",
    SignatureCode.ESS_MISMATCH: "Атрибут signingCertificateV2 указывает на другой сертификат.",
    SignatureCode.DIGEST_UNVERIFIED: "Подпись прочитана, но её целостность не проверена: здесь нет средства для этого алгоритма.",
}

REMD_CODES: Final[dict[SignatureCode, str]] = {
    SignatureCode.NOT_BASE64: "SIGNATURE_DECODING_ERROR",
    SignatureCode.TOO_LARGE: "WRONG_SIGNATURE_FORMAT",
    SignatureCode.MALFORMED: "SIGNATURE_DECODING_ERROR",
    SignatureCode.NOT_SIGNED_DATA: "WRONG_SIGNATURE_FORMAT",
    SignatureCode.NO_SIGNER: "NO_SIGNATURE",
    SignatureCode.MULTIPLE_SIGNERS: "MULTIPLE_SIGNERS",
    SignatureCode.NO_CERTIFICATE: "NO_END_ENTITY_CERTIFICATE",
    SignatureCode.UNKNOWN_ALGORITHM: "UNKNOWN_ALGORITHM",
    SignatureCode.WRONG_SUITE: "UNKNOWN_ALGORITHM",
    SignatureCode.ATTACHED: "WRONG_SIGNATURE_FORMAT",
    SignatureCode.ATTACHED_MISMATCH: "DIGEST_MISMATCH",
    SignatureCode.DIGEST_MISMATCH: "DIGEST_MISMATCH",
    SignatureCode.BAD_SIGNATURE: "SIGNATURE_VERIFICATION_ERROR",
    SignatureCode.NO_SIGNING_TIME: "WRONG_SIGNATURE_FORMAT",
    SignatureCode.NO_ESS: "WRONG_SIGNATURE_FORMAT",
    SignatureCode.ESS_MISMATCH: "SIGNATURE_VERIFICATION_ERROR",
}
"""Which codes are official is known (dictionary 99.2.305); which one РЭМД picks in each case is our reading of remd.md §5."""
