"""The throw-away authority: kept on disk, continued after a restart, its keys unreadable for others."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from trust_stand import Stand

from broker.trust import Issued, RsaSigner, ThrowAwayCa, new_key
from broker.trust.certificate import read_certificate


def test_it_goes_on_after_being_saved_and_loaded(stand: Stand, tmp_path: Path) -> None:
    life = {"not_before": stand.now, "not_after": stand.now + timedelta(days=1), "key": new_key()}
    ca = ThrowAwayCa.create(stand.now, key=new_key())
    first = ca.issue_system("one.invalid", **life)
    ca.save(tmp_path / "pki")
    again = ThrowAwayCa.load(tmp_path / "pki")
    second = again.issue_system("two.invalid", **life)
    assert again.certificate == ca.certificate
    assert second.serial == first.serial + 1
    assert read_certificate(second.certificate).serial == second.serial


def test_private_keys_are_readable_by_the_owner_only(stand: Stand, tmp_path: Path) -> None:
    stand.ca.save(tmp_path)
    _, key = stand.doctor.save(tmp_path, "doctor")
    for path in (key, tmp_path / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key.chmod(0o644)
    stand.doctor.save(tmp_path, "doctor")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Issued.load(tmp_path, "doctor") == stand.doctor


def test_a_signer_is_read_with_its_chain(stand: Stand) -> None:
    pem = stand.doctor.certificate_pem + stand.ca.certificate_pem
    signer = RsaSigner.from_pem(pem, stand.doctor.key_pem)
    assert signer.certificate == stand.doctor.certificate
    assert signer.chain == (stand.ca.certificate,)
    assert signer.provider == "openssl-rsa"
    assert signer.provider_version


def test_a_key_of_somebody_else_is_refused(stand: Stand) -> None:
    with pytest.raises(ValueError, match="does not belong"):
        RsaSigner.from_pem(stand.doctor.certificate_pem, stand.organization.key_pem)


@pytest.mark.parametrize(("cert", "key"), [(b"junk", None), (None, b"junk")])
def test_unreadable_files_are_refused(stand: Stand, cert: bytes | None, key: bytes | None) -> None:
    with pytest.raises(ValueError, match=r"load|valid|PEM"):
        RsaSigner.from_pem(cert or stand.doctor.certificate_pem, key or stand.doctor.key_pem)


def test_an_organization_certificate_names_the_clinic_and_who_acts_for_it(stand: Stand) -> None:
    subject = read_certificate(stand.organization.certificate).subject
    assert (subject.ogrn, subject.inn_le, subject.snils) == ("1999900000010", "9900000000", "99000000254")
    assert (subject.surname, subject.given_name, subject.title) == ("Главный", "Понарошк", "главный врач")
