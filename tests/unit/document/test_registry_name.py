"""Names of registries: the grammar of order №79 with the examples seen in several regions."""

import pytest

from broker.document.registry_name import bare_name, parse_registry_name, person_names


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("HM560109T56_2001101", ("H", "M", "560109", "T", "56", "20", "01", "101")),
        ("HM250228T25_19072285", ("H", "M", "250228", "T", "25", "19", "07", "2285")),
        ("CM650001S65001_24121", ("C", "M", "650001", "S", "65001", "24", "12", "1")),
        ("DPM650001T65_2401001", ("DP", "M", "650001", "T", "65", "24", "01", "001")),
        ("HT65M650001_2401001", ("H", "T", "65", "M", "650001", "24", "01", "001")),
    ],
)
def test_a_lawful_name_is_read(text: str, parts: tuple[str, ...]) -> None:
    name = parse_registry_name(text)
    assert name is not None
    assert (
        name.type,
        name.source_kind,
        name.source,
        name.receiver_kind,
        name.receiver,
        name.year,
        name.month,
        name.number,
    ) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HM650001T65_2401001.XML",
        "hm650001t65_2401001",
        "LM650001T65_2401001",
        "VHM650001T65_2401001",
        "HM65001T65_2401001",
        "HM650001T650_2401001",
        "HM650001S65_2401001",
        "HM650001T65_2413001",
        "HM650001T65_2400001",
        "HM650001T65_2401",
        "HM650001T65-2401001",
        "НМ650001T65_2401001",
        "HM650001T65_2401001\n",
    ],
)
def test_an_unlawful_name_is_not(text: str) -> None:
    assert parse_registry_name(text) is None


@pytest.mark.parametrize(
    ("main", "persons"),
    [
        ("HM650001T65_2401001", ("LM650001T65_2401001", "LHM650001T65_2401001")),
        ("CM650001T65_2401001", ("LM650001T65_2401001", "LCM650001T65_2401001")),
        ("TM650001T65_2401001", ("LTM650001T65_2401001",)),
        ("DPM650001T65_2401001", ("LPM650001T65_2401001",)),
        ("DFM650001T65_2401001", ("LFM650001T65_2401001",)),
    ],
)
def test_the_person_file_is_named_after_the_main_one(main: str, persons: tuple[str, ...]) -> None:
    name = parse_registry_name(main)
    assert name is not None
    assert person_names(name) == persons


@pytest.mark.parametrize("text", ["a.XML", "a.xml", " A.Zip ", "a"])
def test_extensions_of_any_case_are_dropped(text: str) -> None:
    assert bare_name(text) == "A"
