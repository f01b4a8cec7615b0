"""Does the signer's certificate lead to an authority we trust, was it valid then, had it been revoked?

Thin on purpose: names, signatures, validity, CA rights and CRL. Policies and OCSP belong to a certified provider.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from broker.trust.authority import (
    Link,
    RevocationList,
    links_by_subject,
    lists_by_issuer,
    read_link,
    signed_by,
)
from broker.trust.provider import Provider
from broker.trust.providers import process_provider
from broker.trust.verdict import SignatureVerdict

MAX_DEPTH: Final = 6
"""Certificates from the signer's to the root: real chains have two to four."""
MAX_TRIALS: Final = 32
"""Issuers tried for one verdict: many of one name are somebody's game, and each costs a signature to check."""


class ChainCode(StrEnum):
    """What is wrong with a chain; the first cause met from the signer upwards is told."""

    OK = "OK"
    """Leads to a trusted root and everything on the way was valid."""
    UNTRUSTED = "UNTRUSTED"
    """No way to a trusted root."""
    CERT_EXPIRED = "CERT_EXPIRED"
    """A certificate had run out."""
    NOT_YET_VALID = "NOT_YET_VALID"
    """A certificate was not valid yet."""
    REVOKED = "REVOKED"
    """A certificate had been revoked."""
    CRL_MISSING = "CRL_MISSING"
    """The policy demands a revocation list and there is none of this authority."""
    CRL_EXPIRED = "CRL_EXPIRED"
    """The newest revocation list of this authority is not of this time."""
    CHAIN_UNVERIFIED = "CHAIN_UNVERIFIED"
    """No provider here can check signatures of this algorithm."""


class ChainVerdict(msgspec.Struct, frozen=True):
    """The verdict on a chain; ``depth`` counts from 0, the signer's own certificate."""

    code: ChainCode
    depth: int = 0

    @property
    def ok(self) -> bool:
        """Whether the chain is good."""
        return self.code is ChainCode.OK

    @property
    def text(self) -> str:
        """What is wrong, in Russian."""
        return _TEXTS[self.code]

    @property
    def remd_code(self) -> str | None:
        """The mnemonic РЭМД would answer with (our reading of remd.md §5)."""
        return _REMD_CODES.get(self.code)


_TEXTS: Final = {
    ChainCode.OK: "Цепочка сертификатов верна.",
    ChainCode.UNTRUSTED: "Не удалось построить цепочку сертификатов до доверенного удостоверяющего центра.",
    ChainCode.CERT_EXPIRED: "Срок действия сертификата истёк.",
    ChainCode.NOT_YET_VALID: "Срок действия сертификата ещё не начался.",
    ChainCode.REVOKED: "Сертификат отозван.",
    ChainCode.CRL_MISSING: "Нет списка отозванных сертификатов удостоверяющего центра.",
    ChainCode.CRL_EXPIRED: "Список отозванных сертификатов удостоверяющего центра устарел.",
    ChainCode.CHAIN_UNVERIFIED: "Цепочка не проверена: здесь нет средства для алгоритма этого удостоверяющего центра.",
}
_REMD_CODES: Final = {
    ChainCode.UNTRUSTED: "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT",
    ChainCode.CERT_EXPIRED: "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT",
    ChainCode.NOT_YET_VALID: "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT",
    ChainCode.REVOKED: "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT",
    ChainCode.CRL_MISSING: "CA_INACCESSIBILITY",
    ChainCode.CRL_EXPIRED: "CA_INACCESSIBILITY",
}


def verify_chain(
    verdict: SignatureVerdict,
    roots: Sequence[bytes],
    at: datetime,
    crls: Sequence[bytes] = (),
    *,
    intermediates: Sequence[bytes] = (),
    crl_required: bool = False,
    lists_at: datetime | None = None,
    provider: Provider | None = None,
) -> ChainVerdict:
    """Judge the chain of a verdict's certificate at an instant; roots, our intermediates and CRLs are DER.

    Without ``crl_required`` an authority that has no list here is passed over; without ``crls`` nothing is looked up. CRLs
    must be readable (``ValueError`` otherwise); certificates may be anything. Give tuples: what they hold is kept by them.
    ``provider`` is that of this process unless one is given. ``lists_at`` is the instant CRLs must be of, where it is not
    that of the signature: one published since knows more, not less.
    """
    own = read_link(verdict.certificate)
    if own is None:
        return ChainVerdict(ChainCode.UNTRUSTED)
    climb = _Climb(
        roots=links_by_subject(tuple(roots)),
        ours=links_by_subject(tuple(intermediates)),
        theirs=verdict.extra_certificates,
        lists=lists_by_issuer(tuple(crls)),
        at=at,
        crl_required=crl_required,
        lists_at=lists_at or at,
        provider=provider or process_provider(),
    )
    return climb.judge(own, 0)


class _Climb:
    """One way up: what is trusted, what may stand between, and how many issuers may still be tried."""

    def __init__(
        self,
        *,
        roots: dict[bytes, list[Link]],
        ours: dict[bytes, list[Link]],
        theirs: Sequence[bytes],
        lists: dict[bytes, list[RevocationList]],
        at: datetime,
        crl_required: bool,
        lists_at: datetime,
        provider: Provider,
    ) -> None:
        self._roots = roots
        self._ours = ours
        self._theirs = theirs
        self._lists = lists
        self._at = at
        self._crl_required = crl_required
        self._lists_at = lists_at
        self._provider = provider
        self._trials = MAX_TRIALS

    def judge(self, current: Link, depth: int) -> ChainVerdict:
        """Judge a certificate and what stands above it; where several issuers fit, the best of their verdicts."""
        code = self._validity(current)
        if code is not None:
            return ChainVerdict(code, depth)
        if any(current.der == root.der for root in self._roots.get(current.subject, ())):
            return ChainVerdict(ChainCode.OK, depth)
        if depth + 1 >= MAX_DEPTH:
            return ChainVerdict(ChainCode.UNTRUSTED, MAX_DEPTH)
        answer = ChainVerdict(ChainCode.UNTRUSTED, depth)
        for issuer in self._candidates(current, depth):
            signed = signed_by(current, issuer, self._provider)
            if signed is None:
                answer = _telling(answer, ChainVerdict(ChainCode.CHAIN_UNVERIFIED, depth))
            if signed:
                found = self._through(current, issuer, depth)
                if found.ok:
                    return found
                answer = _telling(answer, found)
        return answer

    def _through(self, current: Link, issuer: Link, depth: int) -> ChainVerdict:
        code = self._revocation(current, issuer)
        return self.judge(issuer, depth + 1) if code is None else ChainVerdict(code, depth)

    def _validity(self, link: Link) -> ChainCode | None:
        if self._at > link.not_after:
            return ChainCode.CERT_EXPIRED
        if self._at < link.not_before:
            return ChainCode.NOT_YET_VALID
        return None

    def _candidates(self, current: Link, below: int) -> Iterator[Link]:
        """Yield those who by name and right may have issued a certificate: roots, then ours, then the container's."""
        for link in self._named(current.issuer):
            if link.may_issue(below) and link.der != current.der:
                if self._trials == 0:
                    return
                self._trials -= 1
                yield link

    def _named(self, subject: bytes) -> Iterator[Link]:
        yield from self._roots.get(subject, ())
        yield from self._ours.get(subject, ())
        for link in map(read_link, self._theirs):
            if link is not None and link.subject == subject:
                yield link

    def _revocation(self, certificate: Link, issuer: Link) -> ChainCode | None:
        """Look a certificate up in the newest list of its issuer."""
        newest = next(
            (
                one
                for one in self._lists.get(issuer.subject, ())
                if issuer.signs_lists and one.signed_by(issuer, self._provider)
            ),
            None,
        )
        if newest is None:
            return ChainCode.CRL_MISSING if self._crl_required else None
        revoked = newest.revoked_at(certificate.serial)
        if revoked is not None and revoked <= self._at:
            return ChainCode.REVOKED
        late = newest.next_update is not None and newest.next_update < self._lists_at
        if self._crl_required and (newest.last_update > self._lists_at or late):
            return ChainCode.CRL_EXPIRED
        return None


def _telling(one: ChainVerdict, other: ChainVerdict) -> ChainVerdict:
    """Return the verdict that says more: anything rather than that no way was found."""
    return other if one.code is ChainCode.UNTRUSTED else one
