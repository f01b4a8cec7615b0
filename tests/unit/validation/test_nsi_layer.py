"""The НСИ layer: what НСИ published blocks, what we do not hold never does, a diagnosis is never repeated."""

import time

import msgspec
import pytest
from lxml import etree
from nsi_stand import RULES, a_dictionary, editions_of, on_disk, shelf_of
from validation_stand import NAMES, RECEIVED, find

from broker.document.finding import Layer, Responsible, Severity, Source
from broker.document.kind import KindCatalogue
from broker.document.markup import Markup, parse
from broker.validation import nsi
from broker.validation.check import Validator
from broker.validation.nsi import Dictionaries, check
from broker.validation.nsi.check import MAX_FINDINGS
from broker.validation.ruleset import RuleSetLibrary

FIELDS = "1.2.643.5.1.13.13.99.2.166"
POSTS = "1.2.643.5.1.13.13.11.1002"
GENDERS = "1.2.643.5.1.13.13.11.1040"
DISEASES = "1.2.643.5.1.13.13.11.1005"
GENDER = "//h:administrativeGenderCode"
DIAGNOSIS = f"(//h:value[@codeSystem='{DISEASES}'])[1]"


def judged(content: bytes, shelf: Dictionaries):
    markup = parse(content)
    assert isinstance(markup, Markup)
    return check(markup, shelf)


def told(stand, edit, *, kind="290", held=None, **options):
    """The findings on a sample after one edit, before a shelf that knows the sample as it was."""
    good = stand.document(kind)
    shelf = shelf_of(*(held or editions_of(good)), **options)
    return judged(stand.document(kind, edit), shelf)


def put(path, **attributes):
    def edit(root):
        element = find(root, path)
        for name, value in attributes.items():
            if value is None:
                element.attrib.pop(name, None)
            else:
                element.set(name, value)

    return edit


@pytest.mark.parametrize("kind", ["290", "306", "103"])
def test_a_document_that_says_what_nsi_says_meets_no_objection(stand, kind):
    content = stand.document(kind)
    found, run = judged(content, shelf_of(*editions_of(content, filler=50)))
    assert found == ()
    assert run.ran
    assert run.evaluated > 20


def test_without_dictionaries_the_layer_is_skipped_with_its_reason(stand):
    found, run = judged(stand.document("306"), Dictionaries())
    assert (found, run.ran, run.reason) == ((), False, "справочники НСИ не загружены")


def test_a_document_none_of_whose_dictionaries_is_held_is_not_said_to_be_checked(stand):
    found, run = judged(stand.document("306"), shelf_of(a_dictionary()))
    assert found == ()
    assert not run.ran
    assert "ни один справочник этого документа не загружен" in run.reason


def test_a_dictionary_that_is_not_held_is_counted_and_is_no_fault(stand):
    content = stand.document("306")
    held = [one for one in editions_of(content) if one.oid != POSTS]
    found, run = judged(content, shelf_of(*held))
    assert found == ()
    assert f"не загружены справочники: {POSTS}" in run.note


CASES = {
    "no OID": ({"codeSystem": "1.2.643.5.1.13.13.11.O40"}, "nsi.oid_malformed", "INVALID_DICTIONARY_OID"),
    "a blank in the OID": ({"codeSystem": f" {GENDERS}"}, "nsi.oid_malformed", "INVALID_DICTIONARY_OID"),
    "no number of an edition": (
        {"codeSystemVersion": "2.1_old"},
        "nsi.version_malformed",
        "INVALID_DICTIONARY_OID",
    ),
    "an absent code": ({"code": "7"}, "nsi.unknown_code", "INVALID_ELEMENT_VALUE_CODE"),
    "no code at all": ({"code": ""}, "nsi.unknown_code", "INVALID_ELEMENT_VALUE_CODE"),
    "another name": ({"displayName": "Мужчина"}, "nsi.name_mismatch", "INVALID_ELEMENT_VALUE_NAME"),
    "another case": ({"displayName": "мужской"}, "nsi.name_mismatch", "INVALID_ELEMENT_VALUE_NAME"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fact_of_nsi_blocks_with_the_code_the_state_would_answer(stand, name):
    attributes, code, remd_code = CASES[name]
    found, _ = told(stand, put(GENDER, **attributes))
    (finding,) = found
    assert (finding.code, finding.remd_code, finding.severity) == (code, remd_code, Severity.ERROR)
    assert finding.layer is Layer.NSI
    assert finding.location.xpath.endswith("administrativeGenderCode[1]")
    assert finding.location.line
    assert finding.fix


UNSURE = {
    "a newer edition": ({"codeSystemVersion": "2.10"}, "nsi.newer_version", Responsible.OPERATOR),
    "an older edition": ({"codeSystemVersion": "1.4"}, "nsi.version_not_held", Responsible.MIS),
    "no edition": ({"codeSystemVersion": None}, "nsi.version_missing", Responsible.MIS),
    "no name": ({"displayName": None}, "nsi.name_missing", Responsible.MIS),
    "another title": ({"codeSystemName": "Пол"}, "nsi.dictionary_name", Responsible.MIS),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_we_cannot_know_warns_and_does_not_block(stand, name):
    attributes, code, responsible = UNSURE[name]
    found, _ = told(stand, put(GENDER, **attributes))
    (finding,) = found
    assert (finding.code, finding.severity, finding.responsible) == (code, Severity.WARNING, responsible)
    assert finding.source in {Source.OWN, Source.SEEN}


def test_a_value_without_an_edition_is_judged_by_our_newest_and_only_warns(stand):
    found, _ = told(stand, put(GENDER, codeSystemVersion=None, code="7"))
    assert [(one.code, one.severity) for one in found] == [
        ("nsi.version_missing", Severity.WARNING),
        ("nsi.unknown_code", Severity.WARNING),
    ]


def test_an_edition_nsi_never_published_is_an_error_where_its_list_is_known(stand):
    published = {GENDERS: frozenset({"1.1", "2.1", "3.1"})}
    found, _ = told(stand, put(GENDER, codeSystemVersion="2.7"), published=published)
    assert [(one.code, one.severity) for one in found] == [("nsi.unknown_version", Severity.ERROR)]
    found, _ = told(stand, put(GENDER, codeSystemVersion="4.1"), published=published)
    assert [one.code for one in found] == ["nsi.newer_version"]


def test_every_edition_is_judged_by_itself(stand):
    """The code 9 stands in edition 2.2 only; a document that names 2.1 may not use it."""
    old = a_dictionary(GENDERS, "2.1", full_name="", ID=["1"], NAME=["Мужской"])
    new = a_dictionary(GENDERS, "2.2", full_name="", ID=["1", "9"], NAME=["Мужской", "Иной"])
    held = [old, new]
    found, _ = told(stand, put(GENDER, code="9", displayName="Иной", codeSystemVersion="2.2"), held=held)
    assert found == ()
    found, _ = told(stand, put(GENDER, code="9", displayName="Иной", codeSystemVersion="2.1"), held=held)
    assert [one.code for one in found] == ["nsi.unknown_code"]


def test_an_unknown_code_beside_a_right_name_is_answered_with_the_right_code(stand):
    found, _ = told(
        stand,
        put(GENDER, code="M", displayName="Мужской"),
        held=[a_dictionary(GENDERS, "2.1", full_name="", ID=["1", "2"], NAME=["Мужской", "Женский"])],
    )
    assert found[0].expected == "1"
    assert "соответствует код 1" in found[0].message


def test_elements_with_a_null_flavor_are_left_alone(stand):
    found, _ = told(stand, put(GENDER, nullFlavor="UNK", code="7"))
    assert found == ()


def test_only_the_configured_elements_are_compared(stand):
    found, _ = told(stand, put("//h:confidentialityCode", code="Z"))
    assert found == ()


def test_a_skipped_dictionary_is_named_in_the_note_and_not_compared(stand):
    payment = "1.2.643.5.1.13.13.11.1039"
    edit = put(f"//h:participant//h:code[@codeSystem='{payment}']", code="99999")
    found, run = told(stand, edit)
    assert found == ()
    assert f"не сверяются по настройке: {payment}" in run.note


def test_names_of_a_dictionary_may_be_left_alone(stand):
    units = "1.2.643.5.1.13.13.11.1358"
    path = f"(//*[@codeSystem='{units}'])[1]"
    found, _ = told(stand, put(path, displayName="иначе"))
    assert found == ()
    found, _ = told(stand, put(path, code="99999"))
    assert [one.code for one in found] == ["nsi.unknown_code"]


@pytest.mark.parametrize(
    "attributes", [{"code": "Q99.9"}, {"displayName": "Тайная болезнь"}, {"displayName": None}]
)
def test_a_diagnosis_is_never_repeated_neither_as_stated_nor_as_expected(stand, attributes):
    good = stand.document("290")
    was = etree.fromstring(good).xpath(DIAGNOSIS, namespaces=NAMES)[0]
    (finding,) = told(stand, put(DIAGNOSIS, **attributes))[0]
    text = msgspec.json.encode(finding).decode()
    secret = [was.get("code"), was.get("displayName"), *filter(None, attributes.values())]
    assert [word for word in secret if word in text] == []
    assert finding.location.line


def test_a_diagnosis_in_a_wrong_dictionary_is_not_repeated_either(stand):
    path = f"(//h:value[@codeSystem='{DISEASES}'])[1]"
    good = stand.document("290")
    held = [*editions_of(good), a_dictionary("1.2.643.5.1.13.13.99.2.725", "1.15", full_name="")]
    edit = put(
        path,
        codeSystem="1.2.643.5.1.13.13.99.2.725",
        codeSystemVersion="1.15",
        code="C50.9",
        displayName="Рак",
    )
    (finding,) = [one for one in told(stand, edit, held=held)[0] if one.code == "nsi.unknown_code"]
    text = msgspec.json.encode(finding).decode()
    assert "C50" not in text
    assert "Рак" not in text


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ("Врач-невролог", "Врач-невролог"),
        ("Врач-терапевт Тестов", "Врач-терапевт •••"),
        ("Тестов Иван 112-233-445 95", "••• ••• •••-•••-••• •••"),
    ],
)
def test_of_a_wrong_name_only_public_words_are_repeated(stand, stated, shown):
    path = f"(//h:assignedAuthor/h:code[@codeSystem='{POSTS}'])[1]"
    held = [
        a_dictionary(POSTS, "9.12", full_name="", ID=["109", "45"], NAME=["Врач-терапевт", "Врач-невролог"])
    ]
    (finding,) = [
        one
        for one in told(stand, put(path, code="109", displayName=stated), held=held)[0]
        if one.location.xpath.startswith("/ClinicalDocument[1]/author")
    ]
    assert (finding.value, finding.expected) == (shown, "Врач-терапевт")


@pytest.mark.parametrize("code", ["11223344595", "112-233-445 95", "Тестов", "+79991234567", "х" * 5000])
def test_a_code_that_may_be_anything_is_shown_by_its_length(stand, code):
    (finding,) = told(stand, put(GENDER, code=code))[0]
    assert finding.value == f"(скрыто, знаков: {len(code)})"


def test_one_edition_that_is_not_held_is_told_once_however_often_it_is_named(stand):
    held = [one for one in editions_of(stand.document("290")) if one.oid != FIELDS]
    found, _ = told(stand, lambda _root: None, held=[*held, a_dictionary(FIELDS, "1.1", full_name="")])
    assert [one.code for one in found] == ["nsi.newer_version"]


def test_a_document_full_of_wrong_codes_is_answered_with_a_hundred_findings_and_a_note(stand):
    def crowd(root):
        element = find(root, GENDER)
        for place in range(500):
            wrong = etree.SubElement(element.getparent(), element.tag, dict(element.attrib))
            wrong.set("code", f"z{place}")

    found, run = told(stand, crowd)
    assert len(found) == MAX_FINDINGS
    assert "показаны не все замечания" in run.note


def test_a_name_chosen_to_be_found_everywhere_does_not_make_the_search_last():
    many = a_dictionary(ID=[str(n) for n in range(60_000)], NAME=[f"б{n}а" for n in range(60_000)])
    lookup = shelf_of(many).edition(many.oid, many.version).lookup
    started = time.process_time()
    assert [lookup.code_of("а") for _ in range(100)] == [None] * 100
    assert time.process_time() - started < 2


def test_the_validator_tells_the_layer_beside_the_others(stand):
    content = stand.document("306", put(GENDER, code="7"))
    markup = parse(content)
    shelf = shelf_of(*editions_of(stand.document("306")))
    validator = Validator(RuleSetLibrary([]), KindCatalogue(stand.catalogue), shelf)
    from broker.normalizer.cda import canonical

    document, _ = canonical(markup, stand.facts("306"), stand.catalogue)
    report = validator.check(markup, document, stand.facts("306"), RECEIVED)
    assert report.layers[Layer.NSI].ran
    assert [one.code for one in report.findings if one.layer is Layer.NSI] == ["nsi.unknown_code"]
    assert report.blocked


def test_an_unreadable_document_says_why_the_layer_did_not_run(stand):
    validator = Validator(RuleSetLibrary([]), stand.catalogue, shelf_of(a_dictionary()))
    report = validator.check_unreadable((), stand.facts("306"), RECEIVED)
    assert report.layers[Layer.NSI].reason == "документ не читается как XML"


# ---------------------------------------------------------------------- what a guide allows

GUIDE = "1.2.643.5.1.13.13.15.13.7"


def by_guide(stand, *rows):
    """The findings on a good document before a shelf that also holds 805 with these rows of one guide."""
    content = stand.document("290")
    columns = dict(
        zip(("DICT_OID", "DICT_VERSION"), (list(column) for column in zip(*rows, strict=True)), strict=True)
    )
    guides = a_dictionary("1.2.643.5.1.13.13.99.2.805", "1.1", IG_OID=[GUIDE] * len(rows), **columns)
    markup = parse(content)
    return check(markup, shelf_of(*editions_of(content), guides), GUIDE)[0]


def rows_of(stand):
    return [(one.oid, "*") for one in editions_of(stand.document("290"))]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("*",), None),
        (("2.1",), None),
        (("1.5; 2.1",), None),
        (("1.5", "2.1"), None),
        (("1.5", "*"), None),
        (("не ниже 3",), None),
        (("3.2, 3.10",), "3.10, 3.2"),
    ],
)
def test_an_edition_the_guide_does_not_allow_warns_with_what_is_required(stand, versions, expected):
    rows = [row for row in rows_of(stand) if row[0] != GENDERS]
    found = by_guide(stand, *rows, *((GENDERS, version) for version in versions))
    assert [(one.code, one.value, one.expected) for one in found] == (
        [] if expected is None else [("nsi.version_not_allowed", "2.1", expected)]
    )
    assert all(
        (one.severity, one.remd_code) == (Severity.WARNING, "INVALID_DICTIONARY_VERSION") for one in found
    )


def test_a_dictionary_the_guide_does_not_name_warns(stand):
    found = by_guide(stand, *(row for row in rows_of(stand) if row[0] != GENDERS))
    assert [(one.code, one.remd_code) for one in found] == [
        ("nsi.dictionary_not_allowed", "INVALID_DICTIONARY")
    ]


def test_a_guide_nothing_is_known_of_demands_nothing(stand):
    content = stand.document("290")
    guides = a_dictionary(
        "1.2.643.5.1.13.13.99.2.805", "1.1", IG_OID=["1.2.3.4"], DICT_OID=["1"], DICT_VERSION=["1.1"]
    )
    odd = a_dictionary("1.2.643.5.1.13.13.99.2.805", "1.2", IG=[GUIDE], DICT=["1"])
    for held in (guides, odd):
        assert check(parse(content), shelf_of(*editions_of(content), held), GUIDE)[0] == ()


# ---------------------------------------------------------------------- the shelf


def test_a_shelf_opens_a_file_only_when_a_document_asks_for_it(tmp_path, stand):
    content = stand.document("306")
    on_disk(tmp_path, *editions_of(content))
    bad = tmp_path / f"{GENDERS}_9.9.nsi"
    bad.write_bytes(b"no dictionary")
    shelf = Dictionaries.load(tmp_path, RULES)
    assert judged(content, shelf)[0] == ()
    found, run = judged(stand.document("306", put(GENDER, codeSystemVersion="9.9")), shelf)
    assert found == ()
    assert f"не читаются: {GENDERS}" in run.note


def test_a_file_that_holds_another_dictionary_than_its_name_says_judges_nothing(tmp_path):
    one = a_dictionary()
    (tmp_path / f"{GENDERS}_2.1.nsi").write_bytes(one.to_bytes())
    shelf = Dictionaries.load(tmp_path, RULES)
    assert shelf.edition(GENDERS, "2.1") is None
    assert shelf.standing(GENDERS, "2.1") == (nsi.Standing.UNREADABLE, None)


def test_a_dictionary_without_a_column_of_codes_judges_nothing():
    blind = nsi.Dictionary.of("1.2.643.5.1.13.13.99.2.5", "1.1", {"A": ["1"], "B": ["x"]})
    assert shelf_of(blind).edition(blind.oid, "1.1") is None


def test_what_the_shelf_keeps_ready_stays_within_its_budget():
    many = [
        a_dictionary(f"1.2.643.5.1.13.13.99.2.{n}", "1.1", ID=["1"] * 99, NAME=["имя" * 9] * 99)
        for n in range(20)
    ]
    one = shelf_of(many[0])
    weight = one.edition(many[0].oid, "1.1").lookup.weight
    shelf = Dictionaries(RULES, {(d.oid, d.version): (lambda d=d: d) for d in many}, budget=weight * 5)
    for dictionary in [*many, *many]:
        assert shelf.edition(dictionary.oid, "1.1").lookup.names("1")
    assert shelf._weight <= weight * 5
    assert len(shelf._ready) == 5


def test_versions_are_ordered_as_numbers():
    shelf = shelf_of(*(a_dictionary(version=version) for version in ("12.9", "12.85", "2.1")))
    assert shelf.versions(a_dictionary().oid) == ("2.1", "12.9", "12.85")
