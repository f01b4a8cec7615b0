"""A package is opened safely or refused in words: archives, names, encodings, XML, structure, joins, the submission's facts."""

import io
import time
import zipfile
from datetime import date
from pathlib import Path

import msgspec
import pytest
from registry_builder import AMBULATORY, NAME, TODAY, a_package, build, checked, codes, put, written, zipped

from broker.document.finding import Layer, Severity
from broker.document.zip_reading import MIB, ZipLimits
from broker.validation.registry import CaseKey, RegistryChecks, RegistryClinic, check_registry, default_checks
from broker.validation.registry.check import MAX_FINDINGS

MAIN, PERSON = (written(tree) for tree in build(AMBULATORY))
FILES = {f"{NAME}.XML": MAIN, f"L{NAME[1:]}.XML": PERSON}


def _with_flag(package: bytes, flag: int) -> bytes:
    """Set a general-purpose flag of every entry, in both headers."""
    data = bytearray(package)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= flag
            place = data.find(mark, place + 4)
    return bytes(data)


def _linked() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(f"{NAME}.XML")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
        archive.writestr(f"L{NAME[1:]}.XML", PERSON)
    return buffer.getvalue()


def _twice() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{NAME}.XML", MAIN)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(f"{NAME}.XML", MAIN)
    return buffer.getvalue()


def _lying_size(package: bytes) -> bytes:
    """State a size of one byte for every entry: headers are not believed."""
    data = bytearray(package)
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset : place + offset + 4] = (1).to_bytes(4, "little")
            place = data.find(mark, place + 4)
    return bytes(data)


def _damaged(package: bytes) -> bytes:
    data = bytearray(package)
    data[100] ^= 0xFF
    return bytes(data)


BAD_ZIPS = {
    "not an archive": (b"<ZL_LIST/>", "oms.zip_not_zip"),
    "nothing": (b"", "oms.zip_not_zip"),
    "cut": (zipped(FILES)[:-30], "oms.zip_not_zip"),
    "without files": (zipped({}), "oms.zip_empty"),
    "a bomb": (zipped({**FILES, "x.XML": b"0" * (60 * MIB)}), "oms.zip_bomb"),
    "much in stores": (zipped({"a.XML": b"0" * (21 * MIB)}, zipfile.ZIP_STORED), "oms.zip_too_large"),
    "many files": (zipped({f"{n}.XML": b"" for n in range(40)}), "oms.zip_too_many"),
    "a password": (_with_flag(zipped(FILES), 1), "oms.zip_encrypted"),
    "traversal": (zipped({"../x.XML": MAIN, "y.XML": PERSON}), "oms.zip_unsafe_name"),
    "an absolute path": (zipped({"/etc/x.XML": MAIN}), "oms.zip_unsafe_name"),
    "a drive": (zipped({"C:x.XML": MAIN}), "oms.zip_unsafe_name"),
    "a backslash": (zipped({"a\\x.XML": MAIN}), "oms.zip_unsafe_name"),
    "a folder": (zipped({"a/": b"", **FILES}), "oms.zip_unsafe_name"),
    "a control character": (zipped({"a\x07.XML": MAIN}), "oms.zip_unsafe_name"),
    "a link": (_linked(), "oms.zip_unsafe_name"),
    "an archive inside": (zipped({f"{NAME}.Zip": zipped(FILES)}), "oms.zip_nested"),
    "an archive in disguise": (zipped({f"{NAME}.XML": zipped(FILES), "L.XML": PERSON}), "oms.zip_nested"),
    "a name twice": (_twice(), "oms.zip_duplicate"),
    "another compression": (zipped(FILES, zipfile.ZIP_BZIP2), "oms.zip_method"),
    "a wrong checksum": (_damaged(zipped(FILES, zipfile.ZIP_STORED)), "oms.zip_damaged"),
    "a lying size": (_lying_size(zipped(FILES)), "oms.zip_damaged"),
    "one file": (zipped({f"{NAME}.XML": MAIN}), "oms.not_a_pair"),
    "two main files": (zipped({"a.XML": MAIN, "b.XML": MAIN}), "oms.not_a_pair"),
    "a third file": (zipped({**FILES, "readme.XML": b"<a/>"}), "oms.not_a_pair"),
    "a text beside": (zipped({**FILES, "readme.txt": b"text"}), "oms.not_xml"),
}


@pytest.mark.parametrize("name", BAD_ZIPS)
def test_a_bad_archive_is_refused_with_a_code_and_a_way_out(name: str) -> None:
    package, code = BAD_ZIPS[name]
    report = checked(package)
    assert code in [finding.code for finding in report.findings]
    assert report.summary is None
    assert not report.valid
    for finding in report.findings:
        assert finding.layer is Layer.XML
        assert finding.fix


def test_limits_may_be_tightened() -> None:
    pack = msgspec.structs.replace(default_checks(), limits=ZipLimits(total=100))
    assert codes(zipped(FILES), checks=pack) == ["oms.zip_too_large"]


@pytest.mark.parametrize("extension", [".XML", ".xml", ".Xml"])
def test_the_case_of_extensions_does_not_matter(extension: str) -> None:
    assert codes(zipped({f"{NAME}{extension}": MAIN, f"L{NAME[1:]}{extension}": PERSON})) == []


# ---------------------------------------------------------------------- bytes and XML


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<!DOCTYPE ZL_LIST [<!ENTITY a 'aa'>]>" + MAIN.partition(b"?>")[2], "oms.doctype"),
        (MAIN.partition(b"?>")[2], "oms.encoding"),
        (MAIN.replace(b"windows-1251", b"utf-8"), "oms.encoding"),
        (MAIN[:-5], "oms.not_xml"),
        (b"", "oms.not_xml"),
        (MAIN.replace(b"<ZAP>", b"<ZAP>" * 300), "oms.not_xml"),
        (written(build(AMBULATORY)[0], "utf-16"), "oms.encoding"),
    ],
)
def test_bytes_that_are_no_registry_are_named(content: bytes, code: str) -> None:
    assert code in codes(zipped({f"{NAME}.XML": content, f"L{NAME[1:]}.XML": PERSON}))


def test_russian_in_utf8_under_windows_1251_is_noticed() -> None:
    wrong = PERSON.decode("cp1251").encode()
    assert codes(zipped({f"{NAME}.XML": MAIN, f"L{NAME[1:]}.XML": wrong})) == ["oms.encoding_mismatch"]


def test_an_error_of_xml_tells_the_line_and_nothing_of_the_content() -> None:
    wrong = PERSON.replace(b"</FAM>", b"</FA>")
    (finding,) = checked(zipped({f"{NAME}.XML": MAIN, f"L{NAME[1:]}.XML": wrong})).findings
    assert finding.location is not None
    assert finding.location.line
    assert "Небыльский" not in msgspec.json.encode(finding).decode()


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HM65001T65_2401001", ["oms.file_name", "oms.header_name", "oms.header_name", "oms.header_name"]),
        ("HM650001T65_2413001", ["oms.file_name"]),
        ("реестр", ["oms.file_name"]),
        ("HM650001T65_2401002", ["oms.header_name"]),
    ],
)
def test_file_names_must_be_lawful_and_repeated_in_headers(name: str, expected: list[str]) -> None:
    found = codes(a_package(AMBULATORY, name=name))
    assert set(expected) <= set(found)


def test_the_person_file_repeats_the_name() -> None:
    files = {f"{NAME}.XML": MAIN, "LM650001T65_2401009.XML": PERSON}
    report = checked(zipped(files))
    assert [finding.code for finding in report.findings] == ["oms.person_file_name", "oms.header_name"]
    assert report.findings[0].expected == "LM650001T65_2401001 или LHM650001T65_2401001"


def test_a_region_may_write_the_type_into_the_person_files_name() -> None:
    edits = {"L_ZGLV/FILENAME": f"L{NAME}"}
    main, person = build(AMBULATORY, edits)
    assert codes(zipped({f"{NAME}.XML": written(main), f"L{NAME}.XML": written(person)})) == []


def test_an_extension_in_the_header_is_an_error() -> None:
    assert "oms.header_name" in codes(a_package(AMBULATORY, {"ZGLV/FILENAME": f"{NAME}.XML"}, name=NAME))


# ---------------------------------------------------------------------- structure


def test_an_unknown_element_only_warns() -> None:
    main, person = build(AMBULATORY)
    main.find("SCHET").append(main.makeelement("REGION_FIELD"))
    report = checked(zipped({f"{NAME}.XML": written(main), f"L{NAME[1:]}.XML": written(person)}))
    assert [(one.code, one.severity, one.layer) for one in report.findings] == [
        ("oms.unknown_element", Severity.WARNING, Layer.XSD)
    ]
    assert report.valid


def test_a_known_element_out_of_order_blocks() -> None:
    main, person = build(AMBULATORY)
    case = main.find("ZAP/Z_SL")
    case.append(case.find("IDCASE"))
    report = checked(zipped({f"{NAME}.XML": written(main), f"L{NAME[1:]}.XML": written(person)}))
    assert [one.code for one in report.findings] == ["oms.misplaced_element"]
    assert not report.valid


def test_a_structure_finding_holds_no_value() -> None:
    report = checked(a_package(AMBULATORY, {"PERS/FAM": "Длинноимённый" * 100}))
    assert [one.code for one in report.findings] == ["oms.value_too_long"]
    assert "Длинно" not in msgspec.json.encode(report.findings).decode()


# ---------------------------------------------------------------------- joins and the submission


def test_a_case_without_its_person_is_an_error() -> None:
    report = checked(a_package(AMBULATORY, {"PERS/ID_PAC": "00000000-0000-4000-8000-000000000002"}))
    found = {one.code: one for one in report.findings if one.rule is None}
    assert found["oms.person_missing"].n_zap == "1"
    assert found["oms.person_missing"].severity is Severity.ERROR
    assert found["oms.person_unused"].severity is Severity.WARNING


def test_repeated_keys_warn() -> None:
    main, person = build(AMBULATORY, {"ZGLV/SD_Z": "2", "SCHET/SUMMAV": "2400.00"})
    again_main, again_person = build(AMBULATORY)
    main.append(again_main.find("ZAP"))
    person.append(again_person.find("PERS"))
    report = checked(zipped({f"{NAME}.XML": written(main), f"L{NAME[1:]}.XML": written(person)}))
    assert sorted(one.code for one in report.findings) == ["oms.key_repeated"] * 4 + ["oms.person_repeated"]
    assert report.valid


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"clinic": RegistryClinic(mcod="650002")}, ["oms.clinic_mcod", "oms.clinic_mcod"]),
        ({"clinic": RegistryClinic()}, []),
        ({"tfoms": "65"}, []),
        ({"tfoms": "tfoms.65"}, []),
        ({"tfoms": "77"}, ["oms.fund"]),
        ({"period": "2024-01"}, []),
        ({"period": "2024-02"}, ["oms.period"]),
        ({"period": "январь"}, ["oms.period_form"]),
        ({"corrects_package": "HM650001T65_2312001"}, ["oms.no_corrected_rows"]),
    ],
)
def test_the_package_agrees_with_what_was_said_of_it(facts: dict[str, object], expected: list[str]) -> None:
    assert codes(zipped(FILES), **facts) == expected


def test_a_correction_marks_its_rows() -> None:
    report = checked(a_package(AMBULATORY, {"ZAP/PR_NOV": "1"}), corrects_package="HM650001T65_2312001")
    assert report.findings == ()
    assert report.summary is not None
    assert (report.summary.corrected, report.summary.corrects_package) == (1, "HM650001T65_2312001")


def test_the_summary_tells_what_the_package_is() -> None:
    summary = checked(zipped(FILES)).summary
    assert summary is not None
    assert summary.name == NAME
    assert (summary.version, summary.period) == ("3.2", "2024-01")
    assert (summary.sender, summary.receiver) == ("650001", "65")
    assert (summary.total, summary.total_of_cases) == ("1200.00", "1200.00")
    assert summary.cases == (CaseKey("1", "10", "s-1"),)


# ---------------------------------------------------------------------- size


def _many(number: int, edits: dict[str, str | None] | None = None) -> bytes:
    main, person = build(
        AMBULATORY,
        {"ZGLV/SD_Z": str(number), "SCHET/SUMMAV": f"{1200 * number}.00", "ZAP": None, "PERS": None},
    )
    for place in range(1, number + 1):
        id_pac = f"00000000-0000-4000-8000-{place:012d}"
        own = {
            "ZAP/N_ZAP": str(place),
            "Z_SL/IDCASE": str(place),
            "PACIENT/ID_PAC": id_pac,
            "PERS/ID_PAC": id_pac,
        }
        one, who = build(AMBULATORY, {**own, **(edits or {})})
        main.append(one.find("ZAP"))
        person.append(who.find("PERS"))
    return zipped({f"{NAME}.XML": written(main), f"L{NAME[1:]}.XML": written(person)})


def test_a_flood_of_findings_is_bounded_and_says_so() -> None:
    findings = checked(
        _many(MAX_FINDINGS // 2, {"SL/P_CEL": None, "SL/PRVS": None, "SL/C_ZAB": None})
    ).findings
    assert len(findings) == MAX_FINDINGS + 1
    assert findings[-1].code == "oms.too_many_findings"


def test_a_thousand_cases_take_seconds_not_minutes() -> None:
    package = _many(1000)
    started = time.process_time()
    report = checked(package)
    assert report.findings == ()
    assert time.process_time() - started < 10


def test_a_rule_pack_may_come_from_another_folder(tmp_path: Path) -> None:
    oms = Path(__file__).parents[3] / "schemas" / "oms"
    for file in ("zl_list.xsd", "pers_list.xsd", "rules.toml"):
        (tmp_path / file).write_bytes((oms / file).read_bytes())
    pack = RegistryChecks.load(tmp_path)
    report = check_registry(zipped(FILES), clinic=RegistryClinic(), today=TODAY, checks=pack)
    assert report.valid


def test_the_day_is_a_parameter() -> None:
    assert codes(zipped(FILES), today=date(2024, 2, 4)) == ["006F.00.0010", "006F.00.0020"]


def test_putting_none_removes() -> None:
    trees = build(AMBULATORY)
    put(trees, "SL/DS1", None)
    assert trees[0].find("ZAP/Z_SL/SL/DS1") is None


def test_the_derived_samples_of_the_fact_sheet_are_good() -> None:
    """The samples were written apart from these rules, from the same public sources."""
    samples = Path(__file__).parents[4] / "shared" / "data" / "tfoms"
    if not samples.is_dir():
        pytest.skip("../shared/data/tfoms is not here")
    files = {
        f"{NAME}.XML": (samples / "sample_HM.xml").read_bytes(),
        f"L{NAME[1:]}.XML": (samples / "sample_LM.xml").read_bytes(),
    }
    assert codes(zipped(files), tfoms="65", period="2024-01") == []
