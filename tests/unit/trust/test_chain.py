"""Chains and revocation, for every suite: who is believed, when, and what is said of the rest."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from gost import needs_gost
from trust_stand import EVERYTHING, Stand, inspect

import broker.trust
from broker.trust import (
    RSA_PROVIDER,
    ChainCode,
    SignatureCode,
    SignatureVerdict,
    Suite,
    ThrowAwayCa,
    new_key,
    sign_detached,
)
from broker.trust.authority import lists_by_issuer, read_link
from broker.trust.certificate import certificate_names
from broker.trust.chain import MAX_TRIALS, ChainVerdict
from broker.trust.issuing import Order, make_certificate
from broker.trust.pki import Issued

verify_chain = partial(broker.trust.verify_chain, provider=EVERYTHING)
DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def stand(any_stand: Stand) -> Stand:
    """Everything here holds for every suite."""
    return any_stand


def verdict_of(stand: Stand) -> SignatureVerdict:
    verdict = inspect(sign_detached(b"x", stand.doctor.signer, signing_time=stand.now), b"x")
    assert verdict.ok
    return verdict


def test_a_chain_to_a_trusted_root_is_good(stand: Stand) -> None:
    chain = verify_chain(verdict_of(stand), [stand.ca.certificate], stand.now)
    assert chain.ok
    assert chain.depth == 1


def test_another_root_of_the_same_name_is_not_trusted(stand: Stand) -> None:
    impostor = ThrowAwayCa.create(stand.now - timedelta(days=365), suite=stand.suite)
    chain = verify_chain(verdict_of(stand), [impostor.certificate], stand.now)
    assert chain.code is ChainCode.UNTRUSTED
    assert chain.remd_code == "CANT_BUILD_CERT_CHAIN_TO_ACCREDITED_CA_CERT"
    assert verify_chain(verdict_of(stand), [], stand.now).code is ChainCode.UNTRUSTED


def test_a_certificate_that_is_no_authority_cannot_vouch(stand: Stand) -> None:
    verdict = verdict_of(stand)
    assert verify_chain(verdict, [stand.organization.certificate], stand.now).code is ChainCode.UNTRUSTED


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (datetime(2024, 1, 1, tzinfo=UTC), ChainCode.NOT_YET_VALID),
        (datetime(2031, 1, 1, tzinfo=UTC), ChainCode.CERT_EXPIRED),
    ],
)
def test_validity_is_judged_at_the_instant_given(stand: Stand, at: datetime, code: ChainCode) -> None:
    chain = verify_chain(verdict_of(stand), [stand.ca.certificate], at)
    assert chain.code is code
    assert chain.remd_code == "PERSONAL_SIG_CERT_NOT_ACTUAL_ON_CHECK_DT"


def test_a_revoked_certificate_is_refused_from_the_day_of_revocation(stand: Stand) -> None:
    crl = stand.ca.crl([stand.doctor.serial], now=stand.now)
    verdict, roots = verdict_of(stand), [stand.ca.certificate]
    assert verify_chain(verdict, roots, stand.now, [crl]).code is ChainCode.REVOKED
    assert verify_chain(verdict, roots, stand.now - timedelta(days=1), [crl]).ok
    assert verify_chain(verdict, roots, stand.now, [stand.ca.crl([stand.system.serial])]).ok


def test_a_revocation_list_is_demanded_where_the_policy_says_so(stand: Stand) -> None:
    verdict, roots = verdict_of(stand), [stand.ca.certificate]
    missing = verify_chain(verdict, roots, stand.now, crl_required=True)
    assert missing.code is ChainCode.CRL_MISSING
    assert missing.remd_code == "CA_INACCESSIBILITY"
    assert verify_chain(verdict, roots, stand.now, [stand.ca.crl()], crl_required=True).ok
    future = stand.ca.crl(now=stand.now + timedelta(days=1))
    assert verify_chain(verdict, roots, stand.now, [future], crl_required=True).code is ChainCode.CRL_EXPIRED


def test_a_list_signed_by_somebody_else_counts_for_nothing(stand: Stand) -> None:
    impostor = ThrowAwayCa.create(stand.now - timedelta(days=365), suite=stand.suite)
    crl = impostor.crl([stand.doctor.serial])
    assert verify_chain(verdict_of(stand), [stand.ca.certificate], stand.now, [crl]).ok


def test_junk_certificates_in_a_container_do_not_matter(stand: Stand) -> None:
    verdict = SignatureVerdict(
        code=SignatureCode.OK, certificate=stand.doctor.certificate, extra_certificates=(b"junk", b"\x30\x00")
    )
    assert verify_chain(verdict, [stand.ca.certificate], stand.now).ok
    assert verify_chain(SignatureVerdict(code=SignatureCode.OK), [], stand.now).code is ChainCode.UNTRUSTED


def test_every_chain_code_has_a_russian_text() -> None:
    assert all(ChainVerdict(code).text for code in ChainCode)


def a_signer_below(stand: Stand, authority: ThrowAwayCa, **changes: datetime) -> Issued:
    life = {"not_before": stand.now - DAY, "not_after": stand.now + DAY, **changes}
    return authority.issue_system("Система", **life)


def verdict_by(stand: Stand, issued: Issued, *, chain: bool = True) -> SignatureVerdict:
    signer = issued.signer
    if not chain:
        signer.chain = ()
    verdict = inspect(sign_detached(b"x", signer, signing_time=stand.now), b"x")
    assert verdict.ok
    return verdict


@pytest.fixture(scope="session")
def between(stand: Stand) -> ThrowAwayCa:
    life = {"not_before": stand.now - 30 * DAY, "not_after": stand.now + 30 * DAY}
    return stand.ca.issue_authority("УЦ второго уровня", **life)


def test_an_authority_between_is_found_in_the_container_or_among_ours(
    stand: Stand, between: ThrowAwayCa
) -> None:
    issued, roots = a_signer_below(stand, between), [stand.ca.certificate]
    chain = verify_chain(verdict_by(stand, issued), roots, stand.now)
    assert (chain.code, chain.depth) == (ChainCode.OK, 2)
    alone = verdict_by(stand, issued, chain=False)
    assert verify_chain(alone, roots, stand.now).code is ChainCode.UNTRUSTED
    assert verify_chain(alone, roots, stand.now, intermediates=[between.certificate]).ok


def test_every_level_is_looked_up_in_the_list_of_its_own_issuer(stand: Stand, between: ThrowAwayCa) -> None:
    verdict, roots = verdict_by(stand, a_signer_below(stand, between)), [stand.ca.certificate]
    own, above = between.crl(), stand.ca.crl()
    assert verify_chain(verdict, roots, stand.now, [own, above], crl_required=True).ok
    missing = verify_chain(verdict, roots, stand.now, [own], crl_required=True)
    assert (missing.code, missing.depth) == (ChainCode.CRL_MISSING, 1)
    serial = read_link(between.certificate).serial
    revoked = verify_chain(verdict, roots, stand.now, [own, stand.ca.crl([serial], now=stand.now)])
    assert (revoked.code, revoked.depth) == (ChainCode.REVOKED, 1)


def test_an_authority_that_had_run_out_is_told_with_its_depth(stand: Stand) -> None:
    over = stand.ca.issue_authority("УЦ прошлого", not_before=stand.now - 9 * DAY, not_after=stand.now - DAY)
    verdict = verdict_by(stand, a_signer_below(stand, over))
    chain = verify_chain(verdict, [stand.ca.certificate], stand.now)
    assert (chain.code, chain.depth) == (ChainCode.CERT_EXPIRED, 1)


def test_an_authority_of_the_last_level_cannot_make_another(stand: Stand, between: ThrowAwayCa) -> None:
    """Its certificate says pathLen 0 (RFC 5280 §4.2.1.9)."""
    below = between.issue_authority("УЦ самозваный", not_before=stand.now - DAY, not_after=stand.now + DAY)
    verdict = verdict_by(stand, a_signer_below(stand, below))
    assert verify_chain(verdict, [stand.ca.certificate], stand.now).code is ChainCode.UNTRUSTED


def test_a_signer_cannot_vouch_for_another(stand: Stand) -> None:
    _, _, subject = certificate_names(stand.doctor.certificate)
    key = new_key(stand.suite)
    order = Order(
        serial=7, issuer=subject, subject=subject, not_before=stand.now - DAY, not_after=stand.now + DAY
    )
    by = broker.trust.private_keys.read_key(stand.doctor.key_pem, stand.suite)
    verdict = SignatureVerdict(
        code=SignatureCode.OK,
        certificate=make_certificate(order, key, by),
        extra_certificates=(stand.doctor.certificate,),
    )
    assert verify_chain(verdict, [stand.ca.certificate], stand.now).code is ChainCode.UNTRUSTED


def test_a_renewed_root_of_the_same_key_is_believed_beside_the_old_one(stand: Stand) -> None:
    """Authorities renew their own certificate with the key they have: whichever is valid then vouches."""
    key = new_key(stand.suite)
    old = ThrowAwayCa.create(stand.now - 4000 * DAY, key=key)
    new = ThrowAwayCa.create(stand.now - 9 * DAY, key=key)
    verdict = verdict_by(stand, a_signer_below(stand, new))
    assert verify_chain(verdict, [old.certificate, new.certificate], stand.now).ok
    assert verify_chain(verdict, [old.certificate], stand.now).code is ChainCode.CERT_EXPIRED


def test_the_newest_list_counts_and_is_demanded_to_be_of_this_time(stand: Stand) -> None:
    verdict, roots = verdict_of(stand), [stand.ca.certificate]
    old = stand.ca.crl(now=stand.now - 9 * DAY, until=stand.now - DAY)
    new = stand.ca.crl([stand.doctor.serial], now=stand.now - 2 * DAY, until=stand.now + DAY)
    assert verify_chain(verdict, roots, stand.now, [old], crl_required=True).code is ChainCode.CRL_EXPIRED
    assert verify_chain(verdict, roots, stand.now, [old]).ok
    assert verify_chain(verdict, roots, stand.now, [old, new]).code is ChainCode.REVOKED


def test_lists_are_read_once_and_forgotten_when_they_are_replaced(stand: Stand) -> None:
    first, second = stand.ca.crl([1]), stand.ca.crl([2])
    held = lists_by_issuer((first, second))
    kept = lists_by_issuer((second,))
    [subject] = kept
    assert kept[subject][0] in held[subject]


def test_a_crowd_of_authorities_of_one_name_costs_a_bounded_number_of_trials(stand: Stand) -> None:
    tried = 0

    class Counting:
        name, version, certified = "counting", "0", False

        def digest(self, suite: Suite, data: bytes) -> bytes | None:
            return None

        def verify(self, suite: Suite, certificate: bytes, signature: bytes, data: bytes) -> bool | None:
            nonlocal tried
            tried += 1
            return False

    if stand.suite is Suite.RSA_SHA256:
        return  # RSA links are computed without a provider; the bound is the same code
    crowd = tuple(
        ThrowAwayCa.create(stand.now - DAY, suite=stand.suite).certificate for _ in range(MAX_TRIALS * 2)
    )
    verdict = SignatureVerdict(
        code=SignatureCode.OK, certificate=stand.doctor.certificate, extra_certificates=crowd
    )
    verify_chain(verdict, [stand.ca.certificate], stand.now, provider=Counting())
    assert tried == MAX_TRIALS


@needs_gost
def test_a_gost_chain_without_a_provider_is_said_to_be_unverified(stand: Stand) -> None:
    verdict, roots = verdict_of(stand), [stand.ca.certificate]
    expected = ChainCode.OK if stand.suite is Suite.RSA_SHA256 else ChainCode.CHAIN_UNVERIFIED
    assert broker.trust.verify_chain(verdict, roots, stand.now, provider=RSA_PROVIDER).code is expected
