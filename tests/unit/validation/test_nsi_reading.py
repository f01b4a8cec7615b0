"""Dictionaries are read from every form НСИ publishes, and refused in Russian when a file is not one."""

import json
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nsi_stand import COLOURS, OID, RULES, a_dictionary, a_table, as_csv, as_zip

from broker.validation.nsi import (
    Dictionary,
    DictionaryRefused,
    SourceFile,
    files_of,
    read_all,
    read_dictionary,
)
from broker.validation.nsi import source_files as limits

NAME = f"{OID}_1.2.csv"


def a_passport(**changes):
    plain = {
        "result": "OK",
        "resultText": None,
        "resultCode": None,
        "oid": OID,
        "version": "1.2",
        "rowsCount": 3,
        "publishDate": "21.09.2023 13:19",
        "fullName": "Цвета",
        "fields": [{"field": name, "dataType": "VARCHAR", "alias": ""} for name in COLOURS],
        "keys": [{"field": "ID", "type": "PRIMARY"}, {"field": "NAME", "type": "VALUE"}],
    }
    return json.dumps(plain | changes).encode()


def a_page(rows=range(3), *, total=3, **changes):
    lines = [
        [{"column": name, "value": column[row] or None} for name, column in COLOURS.items()] for row in rows
    ]
    return json.dumps({"result": "OK", "resultText": None, "total": total, "list": lines} | changes).encode()


def rest(**files):
    return [SourceFile(f"{OID}_1.2_{name}.json", data) for name, data in files.items()]


def only(files) -> Dictionary:
    (one,) = read_all(files, rules=RULES).dictionaries
    return one


def table_of(dictionary: Dictionary) -> dict[str, list[str]]:
    return {name: dictionary.column(name) for name in dictionary.columns}


def refusal(source, name=NAME, **given) -> str:
    with pytest.raises(DictionaryRefused) as refused:
        read_dictionary(source, name, rules=RULES, **given)
    return str(refused.value)


# ---------------------------------------------------------------------- CSV


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_csv_is_read_in_both_separators_and_all_encodings(delimiter, encoding):
    (one,) = read_dictionary(as_csv(delimiter=delimiter, encoding=encoding), NAME, rules=RULES)
    assert (one.oid, one.version, one.key, one.name, one.size) == (OID, "1.2", "ID", "NAME", 3)
    assert table_of(one) == COLOURS


def test_a_name_that_says_nothing_is_helped_by_what_is_given():
    (one,) = read_dictionary(as_csv(), "выгрузка.csv", oid=OID, version="3.4")
    assert (one.oid, one.version) == (OID, "3.4")


def test_dictionary_1520_is_recognised_by_its_columns_and_the_version_by_its_name():
    columns = (
        "ID",
        "OID",
        "TYPE",
        "PATIENT_INFO",
        "MO_SIGN",
        "SERIES_REQUIRED",
        "START_DATE",
        "END_DATE",
        "GIT_LINK",
    )
    table = {name: ["1"] for name in columns}
    (one,) = read_dictionary(as_csv(table, delimiter=";"), "nsi_1520_v12.85.csv", rules=RULES)
    assert (one.oid, one.version, one.key) == ("1.2.643.5.1.13.13.11.1520", "12.85", "OID")


WRONG = {
    "no name": (as_csv(), "x.csv", "не назван OID"),
    "no version": (as_csv(), f"{OID}.csv", "не назван"),
    "a short row": (as_csv() + b"9,x\r\n", NAME, "строка 5: значений 2, а столбцов 3"),
    "an open quote": (as_csv() + b'9,"x', NAME, "CSV записан неверно"),
    "only a header": (b"ID,NAME\r\n", NAME, "одна строка"),
    "columns of one name": (b"ID,ID\r\n1,2\r\n", NAME, "повторяются"),
    "binary data": (b"ID,NAME\r\n1,\x00\r\n", NAME, "двоичные данные"),
    "neither encoding": (b"ID,NAME\r\n1,\x98\xff\r\n", NAME, "не в UTF-8"),
    "too many columns": (",".join(f"C{n}" for n in range(300)).encode() + b"\n", NAME, "столбцов больше"),
    "nothing": (b"", NAME, "нет имён столбцов"),
    "other JSON": (b'{"a": 1}', f"{OID}_1.2.json", "не похож на справочник"),
    "broken JSON": (b'{"list": [', f"{OID}_1.2.json", "не похож на справочник"),
    "JSON of endless depth": (b"[" * 100_000, f"{OID}_1.2.json", "не похож на справочник"),
    "an answer about an error": (
        b'{"result":"ERROR","resultText":"\xd0\xbd\xd0\xb5\xd1\x82"}',
        f"{OID}_1.2.json",
        "ответ службы НСИ об ошибке: нет",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_dictionary_is_refused_in_words(name):
    source, file_name, said = WRONG[name]
    assert said in refusal(source, file_name)


def test_an_endless_cell_is_refused():
    assert "CSV записан неверно" in refusal(b"ID,NAME\r\n1," + b"x" * 200_000 + b"\r\n")


# ---------------------------------------------------------------------- REST


def test_a_passport_and_its_pages_are_one_dictionary():
    one = only(rest(passport=a_passport(), part1=a_page(range(2)), part2=a_page(range(2, 3))))
    assert (one.full_name, one.published, one.key, one.name) == ("Цвета", date(2023, 9, 21), "ID", "NAME")
    assert table_of(one) == COLOURS


def test_pages_without_a_passport_are_a_dictionary_without_a_title():
    one = only(rest(part1=a_page()))
    assert (one.full_name, one.published, one.size) == ("", None, 3)


def test_a_passport_gives_a_table_that_came_as_csv_its_title():
    one = only([*rest(passport=a_passport()), SourceFile(NAME, as_csv())])
    assert (one.full_name, one.size) == ("Цвета", 3)


def test_an_edition_that_came_in_both_forms_is_not_doubled():
    one = only([*rest(part1=a_page()), SourceFile(NAME, as_csv()), SourceFile(NAME, as_csv())])
    assert one.size == 3


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"passport": a_passport(), "part1": a_page(range(2))}, "строк 2, а в справочнике 3"),
        ({"part1": a_page(), "part2": a_page()}, "строк 6, а в справочнике 3"),
        ({"passport": a_passport()}, "строк нет"),
    ],
)
def test_an_edition_is_whole_or_refused(files, said):
    made = read_all(rest(**files), rules=RULES)
    assert made.dictionaries == ()
    assert said in made.refusals[0]


def test_values_of_every_plain_type_become_text():
    rows = [
        [{"column": "ID", "value": 7}, {"column": "NAME", "value": True}, {"column": "NOTE", "value": None}]
    ]
    one = only(rest(part1=json.dumps({"result": "OK", "total": 1, "list": rows}).encode()))
    assert list(one.rows()) == [("7", "true", "")]


def test_rows_with_different_columns_are_filled_with_empty_values():
    rows = [
        [{"column": "ID", "value": "1"}],
        [{"column": "ID", "value": "2"}, {"column": "NAME", "value": "б"}],
    ]
    one = only(rest(part1=json.dumps({"result": "OK", "total": 2, "list": rows}).encode()))
    assert list(one.rows()) == [("1", ""), ("2", "б")]


def test_a_column_twice_in_one_row_is_refused():
    rows = [[{"column": "ID", "value": "1"}, {"column": "ID", "value": "2"}]]
    data = json.dumps({"result": "OK", "total": 1, "list": rows}).encode()
    assert "столбец повторяется" in refusal(data, f"{OID}_1.2_part1.json")


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"version": "1.2", "records": rows}])
def test_a_file_of_plain_objects_is_read_too(wrap):
    rows = [dict(zip(COLOURS, row, strict=True)) for row in zip(*COLOURS.values(), strict=True)]
    one = only([SourceFile(f"{OID}_1.2.json", json.dumps(wrap(rows)).encode())])
    assert table_of(one) == COLOURS


def test_our_configuration_of_columns_goes_before_the_passport():
    roles = "1.2.643.5.1.13.13.99.2.368"
    passport = a_passport(
        oid=roles,
        version="2.8",
        rowsCount=1,
        fields=[{"field": name} for name in ("ID", "CODE_ROLE", "NAME_ROLE")],
        keys=[{"field": "ID", "type": "PRIMARY"}, {"field": "NAME_ROLE", "type": "VALUE"}],
    )
    table = {"ID": ["30"], "CODE_ROLE": ["ADVISER"], "NAME_ROLE": ["Консультант"]}
    one = only(
        [SourceFile(f"{roles}_2.8_passport.json", passport), SourceFile(f"{roles}_2.8.csv", as_csv(table))]
    )
    assert (one.key, one.name) == ("CODE_ROLE", "NAME_ROLE")


def test_without_configuration_and_passport_usual_columns_are_taken():
    (one,) = read_dictionary(as_csv({"CODE": ["1"], "S_NAME": ["а"]}), NAME, rules=RULES)
    assert (one.key, one.name) == ("CODE", "S_NAME")
    (one,) = read_dictionary(as_csv({"A": ["1"], "B": ["а"]}), NAME, rules=RULES)
    assert (one.key, one.name) == ("", "")


def test_one_bad_dictionary_never_stops_the_others():
    other = "1.2.643.5.1.13.13.99.2.88888"
    made = read_all(
        [
            SourceFile(NAME, b"ID,NAME\n1\n"),
            SourceFile(f"{other}_1.1.csv", as_csv()),
            SourceFile("x.csv", as_csv()),
        ],
        rules=RULES,
    )
    assert [one.oid for one in made.dictionaries] == [other]
    assert len(made.refusals) == 2


# ---------------------------------------------------------------------- archives


def test_the_archives_of_the_portal_are_read_by_their_own_names():
    for inner in (f"{OID}_1.2.csv", "data.csv"):
        (one,) = read_dictionary(as_zip({inner: as_csv()}), f"{OID}_1.2_csv.zip", rules=RULES)
        assert (one.oid, one.version, one.size) == (OID, "1.2", 3)
    (one,) = read_dictionary(as_zip({"page.json": a_page()}), f"{OID}_1.2_json.zip", rules=RULES)
    assert one.size == 3


def test_a_bundle_of_files_folders_and_archives_gives_every_dictionary():
    bundle = as_zip(
        {
            f"НСИ/{OID}_1.2_csv.zip": as_zip({f"{OID}_1.2.csv": as_csv()}),
            f"НСИ/{OID}_1.3.csv": as_csv(delimiter=";"),
            f"НСИ/{OID}_1.2_passport.json": a_passport(),
        }
    )
    made = read_dictionary(bundle, "bundle.zip", rules=RULES)
    assert [(one.version, one.full_name) for one in made] == [("1.2", "Цвета"), ("1.3", "")]


def test_a_directory_is_read_whole_and_other_files_in_it_are_left_alone(tmp_path):
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / NAME).write_bytes(as_csv())
    (tmp_path / "readme.txt").write_text("x", encoding="utf-8")
    (one,) = read_dictionary(tmp_path, rules=RULES)
    assert one.size == 3


def test_a_directory_or_path_without_dictionaries_is_refused(tmp_path):
    for path, said in ((tmp_path, "нет файлов"), (tmp_path / "none", "такого файла нет")):
        assert said in read_all_refusal(path)


def read_all_refusal(path) -> str:
    return read_all(files_of(path), rules=RULES).refusals[0]


def test_hostile_archives_are_refused_and_cost_nothing(monkeypatch):
    monkeypatch.setattr(limits, "MAX_MEMBERS", 3)
    bomb = as_zip({NAME: b"0" * 30 * 1024 * 1024})
    deep = as_zip({"a.zip": as_zip({"b.zip": as_zip({NAME: as_csv()})})})
    hostile = {
        "раздувается": bomb,
        "ещё один архив": deep,
        "слишком много файлов": as_zip({f"d/{n}.csv": b"x" for n in range(5)}),
        "это не архив ZIP": b"PK\x03\x04" + b"garbage" * 20,
        "недопустимое имя": as_zip({f"../../{NAME}": as_csv()}),
    }
    for said, data in hostile.items():
        assert said in refusal(data, "bundle.zip")
    assert "недопустимое имя" in refusal(as_zip({f"/etc/{NAME}": as_csv()}), "bundle.zip")
    assert "раздувается" in refusal(as_zip({"d/a.csv": b"0" * 30 * 1024 * 1024}), "bundle.zip")
    assert "раздувается" in refusal(as_zip({"d/a.zip": bomb}), "bundle.zip")


def test_a_damaged_archive_is_refused():
    whole = as_zip({f"d/{NAME}": as_csv(a_table()) * 50})
    cut = whole[:60] + bytes([whole[60] ^ 0xFF]) + whole[61:]
    assert "архив" in refusal(cut, "bundle.zip")


def test_a_file_beyond_the_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "MAX_FILE", 100)
    assert "больше допустимого" in refusal(as_csv() * 9)
    (tmp_path / NAME).write_bytes(as_csv() * 9)
    assert "больше допустимого" in read_all_refusal(tmp_path)


def test_rows_that_say_nothing_do_not_grow_into_cells(monkeypatch):
    """A page of one wide row and very many empty ones is small as a file and would be enormous as a table."""
    wide = [{"column": f"C{n}", "value": None} for n in range(200)]
    data = json.dumps({"result": "OK", "total": 1, "list": [wide]}).encode()
    data = data.replace(b"}]]", b"}]" + b",[]" * 1_000_000 + b"]")
    assert "строк больше допустимого" in refusal(data, f"{OID}_1.2_part1.json")
    assert "строк больше допустимого" in refusal(b"ID\n" + b"\n" * 3_000_000)


@given(st.binary(max_size=200), st.sampled_from([NAME, f"{OID}_1.2_part1.json", f"{OID}_1.2_csv.zip"]))
@example(b"\xef\xbb\xbf{", NAME)
@example(b"PK\x03\x04", NAME)
@example(b"PK\x05\x06" + b"\0" * 18, NAME)
def test_whatever_bytes_come_are_a_dictionary_or_a_refusal(data, name):
    made = read_all(files_of(data, name), rules=RULES)
    assert bool(made.dictionaries) != bool(made.refusals)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["list", "column", "value", "fields", "field", "total", "oid", "records", "keys"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_json_comes_is_a_dictionary_or_a_refusal(value):
    made = read_all(files_of(json.dumps(value).encode(), f"{OID}_1.2.json"), rules=RULES)
    assert bool(made.dictionaries) != bool(made.refusals)


# ---------------------------------------------------------------------- kept form


def test_a_dictionary_is_written_and_read_back_the_same():
    one = a_dictionary()
    assert Dictionary.from_bytes(one.to_bytes()) == one
    assert a_dictionary().to_bytes() == one.to_bytes()


def test_the_digest_tells_content_apart_and_nothing_else():
    assert a_dictionary().digest == a_dictionary().digest
    assert a_dictionary().digest != a_dictionary(full_name="Иначе").digest
    assert a_dictionary().digest != a_dictionary(**a_table(NOTE=["", "а", "б"])).digest


@pytest.mark.parametrize("place", [3, 40, -1])
def test_a_changed_file_is_refused(place):
    data = bytearray(a_dictionary().to_bytes())
    data[place] ^= 0x55
    with pytest.raises(DictionaryRefused):
        Dictionary.from_bytes(bytes(data)).column("ID")


def test_columns_changed_under_an_unchanged_header_are_noticed():
    one, other = a_dictionary(), a_dictionary(**a_table(ID=["1", "2", "9"]))
    import msgspec

    forged = msgspec.structs.replace(one, packed=other.packed)
    assert forged.column("NAME") == COLOURS["NAME"]
    with pytest.raises(DictionaryRefused):
        forged.column("ID")


def test_a_look_up_finds_every_name_of_a_code_and_the_code_of_a_name():
    one = a_dictionary(ID=["1", "2", "2", "", "12"], NAME=["а", "б", " в  г ", "пусто", "а"])
    from broker.validation.nsi.dictionary import Lookup

    lookup = Lookup(one.cells("ID"), one.cells("NAME"))
    assert sorted(lookup.names("2")) == ["б", "в г"]
    assert lookup.names("") == ("пусто",)
    assert lookup.names("3") == ()
    assert (lookup.code_of("пусто"), lookup.code_of("б"), lookup.code_of("у"), lookup.code_of("")) == (
        "",
        "2",
        None,
        None,
    )
    assert lookup.has("12", "а")
    assert not lookup.has("12", "б")
    assert not lookup.has("1", "аа")


def test_a_large_dictionary_costs_its_text_and_some_twenty_bytes_a_row():
    from broker.validation.nsi.dictionary import Lookup

    rows = 50_000
    codes = [f"A{n:05d}" for n in range(rows)]
    names = [f"Значение номер {n}" for n in range(rows)]
    one = a_dictionary(ID=codes, NAME=names)
    lookup = Lookup(one.cells("ID"), one.cells("NAME"))
    text = sum(len(word.encode()) for word in [*codes, *names])
    assert lookup.weight <= text + 20 * rows
    assert all(lookup.has(codes[n], names[n]) for n in range(0, rows, 997))
