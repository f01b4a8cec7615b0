"""The directory of trust: what an operator keeps becomes one snapshot, and what cannot be used is named in Russian."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.trust import CrlMode, SnapshotSpoilt, Suite, ThrowAwayCa, TrustSnapshot, new_key, read_snapshot
from broker.trust.directory import TrustRefused, read_directory, traces
from broker.trust.inventory import Doubt, doubts, inventory
from broker.trust.list_judging import judge_list
from broker.trust.snapshot import SUFFIX

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def ca() -> ThrowAwayCa:
    return ThrowAwayCa.create(NOW - YEAR)


@pytest.fixture(scope="module")
def authority(ca: ThrowAwayCa) -> ThrowAwayCa:
    return ca.issue_authority("Промежуточный учебный УЦ", not_before=NOW - YEAR, not_after=NOW + YEAR)


@pytest.fixture(scope="module")
def stranger() -> ThrowAwayCa:
    return ThrowAwayCa.create(NOW - YEAR, key=new_key())


@pytest.fixture
def directory(tmp_path: Path, ca: ThrowAwayCa, authority: ThrowAwayCa) -> Path:
    for part in ("roots", "intermediates", "crls"):
        (tmp_path / part).mkdir()
    (tmp_path / "roots" / "root.pem").write_bytes(ca.certificate_pem)
    (tmp_path / "intermediates" / "authority.cer").write_bytes(authority.certificate)
    (tmp_path / "crls" / "root.crl").write_bytes(ca.crl(now=NOW - DAY, until=NOW + DAY))
    (tmp_path / "crls" / "authority.crl").write_bytes(authority.crl(now=NOW - DAY, until=NOW + DAY))
    (tmp_path / "roots" / "README.md").write_text("откуда взяты", encoding="utf-8")
    (tmp_path / "roots" / ".hidden").write_text("не сертификат", encoding="utf-8")
    (tmp_path / "trust.toml").write_text(
        '[production]\ncrl = "required"\nsuites = ["GOST2012_256"]\nskew-seconds = 60\nweights = {no_ess = "warning"}\n'
        '[[lists]]\nfile = "authority.crl"\nurl = "http://uc.invalid/a.crl"\n',
        encoding="utf-8",
    )
    (tmp_path / "signing.toml").write_text(
        '[[rule]]\nkinds = ["306"]\nreason = "приказ"\nseverity = "error"\n[[rule.roles]]\nrole = "CHAIRMAN"\n',
        encoding="utf-8",
    )
    return tmp_path


def test_everything_of_the_directory_is_in_the_snapshot(
    directory: Path, ca: ThrowAwayCa, authority: ThrowAwayCa
):
    snapshot = read_directory(directory)
    assert (snapshot.roots, snapshot.intermediates) == ((ca.certificate,), (authority.certificate,))
    assert len(snapshot.crls) == 2
    profile = snapshot.profile("production")
    assert (profile.crl, profile.suites, profile.skew_seconds) == (
        CrlMode.REQUIRED,
        frozenset({Suite.GOST2012_256}),
        60,
    )
    assert snapshot.profile("test").crl is CrlMode.SOFT
    assert snapshot.rules[0].roles[0].role == "CHAIRMAN"


def test_the_same_directory_makes_the_same_digest_in_whatever_files_it_lies(
    directory: Path, tmp_path_factory: pytest.TempPathFactory, ca: ThrowAwayCa, authority: ThrowAwayCa
):
    other = tmp_path_factory.mktemp("other")
    (other / "roots").mkdir()
    (other / "roots" / "both.pem").write_bytes(ca.certificate_pem + ca.certificate_pem)
    (other / "intermediates").mkdir()
    (other / "intermediates" / "x.pem").write_bytes(authority.certificate_pem)
    (other / "crls").mkdir()
    for number, path in enumerate(sorted((directory / "crls").iterdir())):
        (other / "crls" / f"{9 - number}.crl").write_bytes(path.read_bytes())
    for name in ("trust.toml", "signing.toml"):
        (other / name).write_bytes((directory / name).read_bytes())
    assert read_directory(other).digest == read_directory(directory).digest
    (other / "trust.toml").write_text("[production]\nskew-seconds = 61\n", encoding="utf-8")
    assert read_directory(other).digest != read_directory(directory).digest


def test_a_written_snapshot_is_read_back_and_a_spoilt_one_refused(directory: Path, tmp_path: Path):
    snapshot = read_directory(directory)
    path = tmp_path / f"{snapshot.digest}{SUFFIX}"
    path.write_bytes(snapshot.encode())
    assert read_snapshot(path) == snapshot
    path.write_bytes(snapshot.encode()[:-1])
    with pytest.raises(SnapshotSpoilt):
        read_snapshot(path)
    with pytest.raises(OSError, match="No such file"):
        read_snapshot(tmp_path / f"gone{SUFFIX}")


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("roots/bad.cer", "не сертификат", "roots/bad.cer: это не сертификат X.509"),
        ("intermediates/half.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n", "intermediates/half.pem"),
        ("crls/bad.crl", "пусто", "crls/bad.crl: это не список отзыва"),
        ("trust.toml", "[production", "trust.toml: "),
        ("trust.toml", '[production]\ncrl = "maybe"\n', "trust.toml: "),
        ("trust.toml", "[prodaction]\n", "trust.toml: "),
        ("trust.toml", '[production.weights]\nno_es = "off"\n', "похоже, имелось в виду no_ess"),
        ("trust.toml", '[production.weights]\ndigest_mismatch = "off"\n', "вес digest_mismatch не меняется"),
        ("trust.toml", '[[lists]]\nfile = "../x"\nurl = "http://a/"\n', "trust.toml: "),
        ("trust.toml", '[[lists]]\nfile = "x"\nurl = "file:///etc/passwd"\n', "trust.toml: "),
        (
            "trust.toml",
            '[[lists]]\nfile = "x"\nurl = "http://a/"\n[[lists]]\nfile = "x"\nurl = "http://b/"\n',
            "список x указан дважды",
        ),
        ("signing.toml", '[[rule]]\nkinds = ["306"]\n', "signing.toml: "),
        ("signing.toml", '[[rules]]\nkinds = ["306"]\n', "неизвестный раздел rules"),
        ("signing.toml", '[[rule]]\nkinds = ["306", "306"]\nreason = "x"\n', "вид 306 указан дважды"),
        (
            "signing.toml",
            '[[rule]]\nkinds = ["306"]\nreason = "x"\n[[rule.roles]]\nrole = "CHAIRMAN"\ncontrol = "strict"\n',
            "должности сверяются, но не названы",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(directory: Path, file: str, content: str, said: str):
    (directory / file).write_text(content, encoding="utf-8")
    for read in (read_directory, lambda place: doubts(place, NOW)):
        with pytest.raises(TrustRefused) as refused:
            read(directory)
        assert said in str(refused.value)


def test_a_directory_without_roots_or_without_itself_is_refused(directory: Path, tmp_path: Path):
    (directory / "roots" / "root.pem").unlink()
    with pytest.raises(TrustRefused, match="нет ни одного корневого сертификата"):
        read_directory(directory)
    with pytest.raises(TrustRefused, match="нет"):
        read_directory(tmp_path / "elsewhere")


def test_a_change_of_any_file_leaves_another_trace(directory: Path):
    before = traces(directory)
    assert traces(directory) == before
    (directory / "crls" / "root.crl").unlink()
    assert traces(directory) != before


def test_a_good_directory_raises_no_doubts(directory: Path):
    assert doubts(directory, NOW) == []
    assert [(one.part, one.file) for one in inventory(directory)] == [
        ("roots", "root.pem"),
        ("intermediates", "authority.cer"),
        ("crls", "authority.crl"),
        ("crls", "root.crl"),
    ]


def _texts(found: list[Doubt], *, grave: bool) -> str:
    return " ".join(one.text for one in found if one.grave is grave)


def test_what_stops_documents_is_told_first(directory: Path, ca: ThrowAwayCa):
    (directory / "crls" / "authority.crl").unlink()
    (directory / "crls" / "root.crl").write_bytes(ca.crl(now=NOW - 3 * DAY, until=NOW - DAY))
    found = doubts(directory, NOW)
    assert found[0].grave
    assert "нет списка отзыва центра «Промежуточный учебный УЦ»" in _texts(found, grave=True)
    assert "устарел" in _texts(found, grave=True)
    assert "crls/authority.crl: список ни разу не загружен" in _texts(found, grave=True)


def test_what_leads_nowhere_or_runs_out_is_doubted(directory: Path, stranger: ThrowAwayCa):
    lost = stranger.issue_authority("УЦ ниоткуда", not_before=NOW - YEAR, not_after=NOW + 5 * DAY)
    (directory / "intermediates" / "lost.pem").write_bytes(lost.certificate_pem)
    (directory / "trust.toml").unlink()
    leaf = stranger.issue_system("не центр", not_before=NOW - YEAR, not_after=NOW + YEAR)
    (directory / "intermediates" / "leaf.pem").write_bytes(leaf.certificate_pem)
    text = _texts(doubts(directory, NOW), grave=False)
    assert "«УЦ ниоткуда»: срок истекает 07.03.2026" in text
    assert "«не центр» — не сертификат удостоверяющего центра" in text


def test_a_list_of_an_authority_that_is_not_held_is_doubted(directory: Path, stranger: ThrowAwayCa):
    foreign = stranger.issue_authority("Чужой УЦ", not_before=NOW - YEAR, not_after=NOW + YEAR)
    (directory / "crls" / "foreign.crl").write_bytes(foreign.crl(now=NOW - DAY, until=NOW + DAY))
    assert "список центра «Чужой УЦ», которого в каталоге нет" in _texts(doubts(directory, NOW), grave=False)


def test_a_newer_list_may_take_the_place_of_the_old_one(directory: Path, authority: ThrowAwayCa):
    old = (directory / "crls" / "authority.crl").read_bytes()
    new = authority.crl((5,), now=NOW, until=NOW + DAY)
    assert judge_list(directory, new, old).startswith("список от 02.03.2026 09:30, до 03.03.2026")
    assert judge_list(directory, new, b"")


def test_a_list_that_forgets_or_is_nobodys_may_not(
    directory: Path, ca: ThrowAwayCa, authority: ThrowAwayCa, stranger: ThrowAwayCa
):
    old = (directory / "crls" / "authority.crl").read_bytes()
    refused = {
        "старше нашего": authority.crl(now=NOW - 5 * DAY, until=NOW + DAY),
        "другого центра": ca.crl(now=NOW, until=NOW + DAY),
        "подпись списка неверна": stranger.crl(now=NOW, until=NOW + DAY),
        "это не список отзыва": b"<html>",
    }
    for said, raw in refused.items():
        with pytest.raises(TrustRefused, match=said):
            judge_list(directory, raw, old)


def test_an_unanchored_snapshot_says_so_in_its_digest():
    assert TrustSnapshot(anchored=False).digest != TrustSnapshot().digest
