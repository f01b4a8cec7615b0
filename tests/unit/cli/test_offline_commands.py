"""Commands that need no server: what they print, and the status a script may rely on."""

import argparse
import hashlib
import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker.cli.checking import read_signature
from broker.cli.entry import make_parser
from broker.cli.sending import make_submission
from broker.cli.terminal import CommandFailed, columns
from broker.dev.trust import write_trust
from broker.document.submission import SignatureKind, SubmissionType
from broker.trust import ThrowAwayCa, sign_detached
from broker.trust.providers import _Process

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "schemas" / "semd" / "306" / "3" / "samples"
GOOD = SAMPLES / "good" / "plain.xml"
BAD = SAMPLES / "bad" / "xsd-wrong-order.xml"


def run(*words: str) -> int:
    arguments = make_parser().parse_args([str(word) for word in words])
    return arguments.run(arguments)


def test_a_good_document_is_valid_and_the_kind_is_found_in_it(capsys):
    assert run("validate", GOOD) == 0
    said = capsys.readouterr().out
    assert "годен" in said
    assert "вид 306" in said
    assert "Подписи: пропущено" in said


def test_a_bad_document_says_where_and_what_to_do(capsys):
    assert run("validate", BAD) == 1
    said = capsys.readouterr().out
    assert "не годен" in said
    assert "Что сделать" in said


def test_one_bad_file_among_good_ones_is_enough(capsys):
    assert run("validate", GOOD, BAD) == 1
    assert capsys.readouterr().out.count("Набор правил") == 2


def test_json_holds_the_whole_report(capsys):
    assert run("validate", BAD, "--format", "json") == 1
    (one,) = json.loads(capsys.readouterr().out)
    assert one["valid"] is False
    assert {finding["layer"] for finding in one["report"]["findings"]} & {"xsd", "schematron"}
    assert one["report"]["layers"]["signature"]["ran"] is False


def test_html_is_one_page_with_everything_escaped(capsys, tmp_path):
    strange = tmp_path / "<b>.xml"
    strange.write_bytes(b"<x/>")
    assert run("validate", strange, "--format", "html") == 1
    said = capsys.readouterr().out
    assert said.startswith("<!doctype html>")
    assert "<b>.xml" not in said
    assert "&lt;b&gt;.xml" in said


def test_the_document_stands_beside_its_findings_only_when_asked_for(capsys):
    family = re.search(r"<family>([^<]+)", BAD.read_text(encoding="utf-8"))
    assert family is not None
    assert run("validate", BAD, "--format", "html") == 1
    assert family[1] not in capsys.readouterr().out
    assert run("validate", BAD, "--format", "html", "--with-source") == 1
    assert family[1] in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b""])
def test_what_cannot_be_a_document_is_unusable_input(tmp_path, content, capsys):
    path = tmp_path / "input.xml"
    if content is not None:
        path.write_bytes(content)
    assert run("validate", path) == 2
    assert str(path) in capsys.readouterr().err


def test_an_unknown_kind_is_unusable_input():
    with pytest.raises(CommandFailed, match="вида 99999 нет"):
        run("validate", GOOD, "--kind", "99999")


def test_signatures_belong_to_one_document():
    with pytest.raises(CommandFailed, match="одному файлу"):
        run("validate", GOOD, BAD, "--signature", str(GOOD))


def test_a_signature_that_is_none_is_a_finding(tmp_path, capsys):
    junk = tmp_path / "a.p7s"
    junk.write_bytes(b"not a container")
    assert run("validate", GOOD, "--signature", junk, "--format", "json") == 1
    (one,) = json.loads(capsys.readouterr().out)
    assert "signature.malformed" in {finding["code"] for finding in one["report"]["findings"]}


@pytest.mark.parametrize(
    ("word", "kind", "role"),
    [
        ("{}", SignatureKind.PERSONAL, "AUTHOR"),
        ("chairman:{}", SignatureKind.PERSONAL, "CHAIRMAN"),
        ("org:{}", SignatureKind.ORGANIZATION, None),
    ],
)
def test_the_word_before_a_signature_says_whose_it_is(tmp_path, word, kind, role):
    path = tmp_path / "a.p7s"
    path.write_bytes(b"0")
    read = read_signature(word.format(path))
    assert (read.kind, read.role, read.data) == (kind, role, b"0")


def a_sending(**changes: object) -> argparse.Namespace:
    return argparse.Namespace(
        **({"clinic": "", "kind": "", "signature": [], "tfoms": "", "period": ""} | changes)
    )


def test_clinic_and_kind_are_read_from_the_document():
    made = make_submission(GOOD, a_sending())
    assert made.kind == "306"
    assert made.clinic.startswith("1.2.643.5.1.13.13.12.2.")
    assert made.message_id


def test_a_registry_is_recognised_by_its_bytes(tmp_path):
    package = tmp_path / "HM1.zip"
    package.write_bytes(b"PK\x03\x04rest")
    made = make_submission(package, a_sending(clinic="1.2.643.5.1.13.13.12.2.77.9001", tfoms="77"))
    assert made.type is SubmissionType.OMS_REGISTRY
    assert made.metadata.tfoms == "77"


def test_without_a_clinic_nothing_is_sent(tmp_path):
    package = tmp_path / "HM1.zip"
    package.write_bytes(b"PK\x03\x04rest")
    with pytest.raises(CommandFailed, match="--clinic"):
        make_submission(package, a_sending())


def test_a_ready_submission_is_sent_as_it_is(tmp_path):
    ready = tmp_path / "one.json"
    ready.write_text(
        '\ufeff{"clinic": "1.2", "content": {"data": "PA=="}, "messageId": "m-1"}', encoding="utf-8"
    )
    assert make_submission(ready, a_sending()).message_id == "m-1"


def test_sending_without_a_stand_says_what_is_missing(tmp_path):
    with pytest.raises(CommandFailed, match="--url"):
        run("send", GOOD, "--state-dir", tmp_path)
    with pytest.raises(CommandFailed, match="--secret-file"):
        run("send", GOOD, "--url", "http://127.0.0.1:9")


def test_rule_sets_are_listed_and_judge_their_own_samples(capsys):
    assert run("schemas", "list") == 0
    assert "306" in capsys.readouterr().out
    assert run("schemas", "selftest") == 0
    assert "прошла" in capsys.readouterr().out


def test_a_rule_set_that_lets_a_bad_sample_pass_fails_its_selftest(tmp_path, capsys):
    schemas = tmp_path / "schemas"
    shutil.copytree(ROOT / "schemas", schemas)
    (schemas / "semd/306/3/samples/bad/harmless.xml").write_bytes(GOOD.read_bytes())
    assert run("schemas", "selftest", "--schemas", schemas) == 1
    assert "harmless.xml: пропущен" in capsys.readouterr().out


def test_profiles_and_dictionaries_are_listed_and_checked(capsys, tmp_path):
    assert run("profiles", "list") == 0
    assert run("profiles", "check") == 0
    assert run("nsi", "list") == 0
    assert "Татарстан" in capsys.readouterr().out
    broken = tmp_path / "99.toml"
    broken.write_text("region = 99", encoding="utf-8")
    assert run("profiles", "check", broken) == 1
    assert "не читается" in capsys.readouterr().out


def test_settings_tell_which_are_required(capsys):
    assert run("settings") == 0
    said = capsys.readouterr().out
    assert any(line.startswith("INAYA_DATABASE_URL") and "обязательна" in line for line in said.splitlines())


def test_settings_name_what_the_contract_names(capsys):
    assert run("settings") == 0
    said = capsys.readouterr().out
    for name in ("DATABASE_URL", "AMQP_URL", "HTTP_PORT", "PEER_PORT", "INSTALL"):
        assert f"INAYA_{name} " in said


def test_the_reference_is_written_once_and_then_agrees(tmp_path, capsys):
    words = ("reference", "--directory", str(tmp_path))
    assert run(*words, "--check") == 1
    assert run(*words, "--write") == 0
    assert run(*words, "--check") == 0
    assert "всё совпадает" in capsys.readouterr().out


def test_columns_are_as_wide_as_their_widest_cell():
    assert columns([("a", "bb"), ("ccc", "d")], ("x", "y")) == "x    y\na    bb\nccc  d"


def test_every_command_of_the_contract_is_there():
    for line in (
        "serve", "work", "dev", "migrate", "doctor", "settings", "demo --once", "validate x", "send x",
        "schemas list", "schemas selftest", "nsi list", "profiles check", "profiles list", "routes explain",
        "sim remd --port 1", "partners list", "queues list", "replay --reason x", "reference --check",
    ):  # fmt: skip
        assert make_parser().parse_args(line.split()).run is not None


def test_every_argument_is_explained_in_russian():
    def walk(parser):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for child in action.choices.values():
                    yield from walk(child)
            elif not isinstance(action, argparse._HelpAction):
                yield parser.prog, action

    silent = [
        f"{prog} {action.option_strings or action.dest}"
        for prog, action in walk(make_parser())
        if not action.help or not any("а" <= letter <= "я" for letter in action.help.lower())
    ]
    assert [name for name in silent if "sim ['name']" not in name and "sim name" not in name] == []


def test_a_registry_is_judged_by_its_own_rules(tmp_path, capsys):
    package = tmp_path / "broken.zip"
    package.write_bytes(b"PK\x03\x04 not really an archive")
    assert run("validate", package) == 1
    assert "oms.zip_" in capsys.readouterr().out


@pytest.fixture
def careless(tmp_path) -> Path:
    """A good document as a careless program exports it."""
    path = tmp_path / "document.xml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.read_bytes().replace(b"tel:+7", b"8 "))
    return path


def test_a_draft_is_prepared_and_written_where_it_was_asked(capsys, tmp_path, careless):
    out = tmp_path / "to-sign.xml"
    assert run("prepare", careless, "--out", out) == 0
    said = capsys.readouterr().out
    assert "- bom:" in said
    assert "- phone:" in said
    assert b'"tel:+7' in out.read_bytes()
    assert hashlib.sha256(out.read_bytes()).hexdigest() in said
    assert run("prepare", out) == 0
    assert "менять нечего" in capsys.readouterr().out


def test_a_draft_is_only_shown_without_a_place_to_write_to(capsys, careless):
    before = careless.read_bytes()
    assert run("prepare", careless, "--without", "phone", "--format", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert {change["rule"] for change in said["changes"]} == {"bom"}
    assert {finding["code"] for finding in said["reported"]} <= {"normalise.name_case"}
    assert careless.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--without", "fone"), "правила нет: fone; есть: bom"),
        (("--out", "/nowhere/to-sign.xml"), "файл не записан"),
        (("--out", "{draft}"), "исходный файл не перезаписывается"),
        (("--kind", "0"), "вида 0 нет"),
        (("--schemas", "/nowhere", "--kind", "290"), "справочник видов не читается"),
        (("--schemas", "{broken}"), "normalising.toml"),
    ],
)
def test_a_draft_that_cannot_be_prepared_says_why(tmp_path, careless, words, why):
    broken = tmp_path / "schemas"
    broken.mkdir()
    (broken / "normalising.toml").write_text("[rules]\nfone = true")
    with pytest.raises(CommandFailed, match=why):
        run("prepare", careless, *(word.format(broken=broken, draft=careless) for word in words))


def test_what_is_no_document_is_not_prepared(tmp_path):
    path = tmp_path / "document.pdf"
    path.write_bytes(b"%PDF-1.4")
    with pytest.raises(CommandFailed, match="не XML"):
        run("prepare", path)


def test_signatures_are_judged_by_a_directory_of_trust_where_one_is_named(
    capsys, monkeypatch, tmp_path, signers, world
):
    monkeypatch.setattr(_Process, "prepared", _Process.prepared)  # what the command prepares is for it alone
    doctor = signers.of(world.population.doctor(world.clinics[0], 0))
    signature = tmp_path / "doctor.p7s"
    signature.write_bytes(sign_detached(GOOD.read_bytes(), doctor.signer, signing_time=datetime.now(UTC)))
    stranger = ThrowAwayCa.create(datetime(2026, 1, 1, tzinfo=UTC))
    trust = write_trust(tmp_path / "trust", [("other", stranger)])
    words = ("validate", GOOD, "--signature", f"CHAIRMAN:{signature}")
    run(*words)
    assert "signature.chain_untrusted" not in capsys.readouterr().out
    assert run(*words, "--trust", trust) == 1
    assert "signature.chain_untrusted" in capsys.readouterr().out
    with pytest.raises(CommandFailed, match="каталог доверия не читается"):
        run(*words, "--trust", tmp_path / "nowhere")


def test_the_commands_of_the_directory_of_trust_say_what_is_in_it_and_what_is_wrong(
    capsys, tmp_path, signers
):
    trust = write_trust(tmp_path / "trust", [("rsa", signers.ca)])
    assert run("trust", "list", "--dir", trust) == 0
    said = capsys.readouterr().out
    assert "корень" in said
    assert "список отзыва" in said
    assert "Отпечаток снимка: " in said
    assert run("trust", "check", "--dir", trust) == 0
    (trust / "crls" / "rsa.crl").unlink()
    assert run("trust", "check", "--dir", trust) == 1
    assert "ПЛОХО: нет списка отзыва центра" in capsys.readouterr().out
    with pytest.raises(CommandFailed):
        run("trust", "list", "--dir", tmp_path / "nowhere")
