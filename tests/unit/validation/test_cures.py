"""The test of an assertion and the element that failed make a sentence: what is wrong, and what to write instead."""

import time
from pathlib import Path

import pytest
from lxml import etree
from validation_stand import DATA, NAMES, ROOT

from broker.document.markup import name_of
from broker.validation.cures import cure_of, form_of, is_known_shape

XSI = NAMES["xsi"]
OWN = sorted((ROOT / "schemas" / "semd").glob("*/*/*.sch"))


def element(text: str) -> etree._Element:
    head = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items() if prefix != "h")
    return etree.fromstring(f'<w xmlns="{NAMES["h"]}" {head}>{text}</w>')[0]


CASES = {
    ("@code!=''", '<c code=""/>'): ("У c пуст атрибут @code.", "Заполните c/@code: код по справочнику."),
    ("@code!=''", "<c/>"): ("не передан атрибут @code", "Заполните c/@code"),
    ("@displayName != ''", '<c nullFlavor="NI"/>'): ("@displayName", "nullFlavor при этом уберите"),
    ("count(@value)=1", "<c/>"): ("@value", "Заполните c/@value."),
    ("address:stateCode/@code!=''", "<a/>"): ("Нет элемента address:stateCode", "Добавьте address:stateCode"),
    ("address:stateCode/@code!=''", "<a><address:stateCode/></a>"): ("address:stateCode", "address:stateCode/@code"),
    ("not(@nullFlavor)", '<c nullFlavor="NI"/>'): ("nullFlavor («данных нет»)", "вместо nullFlavor"),
    ("count(@nullFlavor)=0", '<c nullFlavor="NI"/>'): ("nullFlavor", "вместо nullFlavor"),
    ("not(@code)", '<c code="1"/>'): ("лишний атрибут @code", "Уберите"),
    ("@code='S'", '<c code="T"/>'): ("не то значение", "c/@code: S"),
    ("@code=['N','R']", "<c/>"): ("не передан", "N или R"),
    ("@codeSystem=('1.2','1.3')", "<c/>"): ("@codeSystem", "1.2 (принимаются и прежние: 1.3)"),
    ("@xsi:type='CD'", f'<v xmlns:x="{XSI}" x:type="ST"/>'): ("@xsi:type", "CD"),
    ("@classCode='OBS' and @moodCode='EVN'", "<o/>"): ("не те атрибуты", 'classCode="OBS" и moodCode="EVN"'),
    ("normalize-space(.)!=''", "<t> </t>"): ("Элемент t пуст", "Впишите текст в t"),
    (".!=''", "<t/>"): ("пуст", "Впишите"),
    ("normalize-space(name)!=''", "<o><name/></o>"): ("Элемент name пуст", "name"),
    ("name != ''", "<o/>"): ("Нет элемента name", "Добавьте name"),
    ("name='Министерство'", "<o><name>Минздрав</name></o>"): ("не тот текст", "Министерство"),
    ("count(addr)=1", "<p/>"): ("В p не хватает: addr.", "Добавьте в p: addr."),
    ("count(addr)=[1,2]", "<p><addr/><addr/><addr/></p>"): ("Передано 3, допускается не больше 2", "не больше 2"),
    ("count(id)=2", "<p><id/></p>"): ("передано 1, нужно 2", "id"),
    ("count(telecom)>=1", "<p/>"): ("telecom", "Добавьте"),
    ("count(x)>=0 and count(x)<=1", "<p><x/><x/></p>"): ("Передано 2", "не больше 1"),
    ("count(translation)<=1", "<p><translation/><translation/></p>"): ("Передано 2", "не больше 1"),
    ("count(identity:Props)=1", "<p/>"): ("identity:Props", "identity:Props"),
    ("count(component[section/code/@code='DGN'])=1", "<b/>"): ("секция DGN", "секция DGN"),
    ("count(entry[observation/code/@code='837'])=1", "<s/>"): ("запись с кодом 837", "837"),
    ("count(id[substring(@root,string-length(@root)-2)='.51'])=1", '<d><id root="1.2"/></d>'): ("на .51", ".51"),
    ("not(legalAuthenticator)", "<d><legalAuthenticator/></d>"): ("лишний", "Уберите legalAuthenticator"),
    ("matches(@value,'^[0-9]{6}$')", '<c value="1"/>'): ("не в той форме", "шесть цифр"),
    ("matches(.,'^[0-9]{13}$')", "<c>1</c>"): ("не в той форме", "13 цифр"),
    ("matches(@root,'^[0-2](\\.([1-9][0-9]*|0))+\\.70$')", '<i root="x"/>'): ("i/@root", "на .70"),
    ("not(@value!='') or matches(@value,'^[12][0-9]{3}[01][0-9][0-3][0-9]$')", '<t value="x"/>'): ("t/@value", "дата"),
    ("not(starts-with(@value,'tel:')) or matches(@value,'^tel:\\+?[-0-9().]+$')", '<t value="tel: 1"/>'): ("t/@value", "tel:+7"),
    ("if (@use) then @use!='' else(not(@use))", '<t use=""/>'): ("пуст атрибут @use", "уберите атрибут"),
    ("not(@use) or @use!=''", '<t use=""/>'): ("пуст атрибут @use", "уберите атрибут"),
}  # fmt: skip


@pytest.mark.parametrize(("test", "text"), CASES)
def test_a_shape_makes_a_sentence(test, text):
    said, fix = CASES[test, text]
    cure = cure_of(test, element(text))
    assert cure is not None
    assert said in cure.said
    assert fix in cure.fix
    assert cure.said.endswith(".")
    assert cure.fix.endswith(".")


def test_a_report_says_what_must_not_be():
    cure = cure_of("@nullFlavor", element('<c nullFlavor="NI"/>'), report=True)
    assert cure is not None
    assert "nullFlavor" in cure.said
    assert cure_of("count(x)>1", element("<c/>"), report=True) is None


def test_the_fault_is_shown_in_the_child_where_there_is_one():
    cure = cure_of("streetAddressLine!=''", element("<addr><streetAddressLine/></addr>"))
    assert name_of(cure.place.tag) == "streetAddressLine"


@pytest.mark.parametrize(
    "test", ["some $x in y satisfies $x", "count(a)=count(b)", "@a=@b", "count(a[)=1", "", "((("]
)
def test_a_test_of_another_shape_has_no_sentence(test):
    assert cure_of(test, element("<c/>")) is None


def test_a_value_of_a_person_is_never_shown():
    cure = cure_of("matches(@extension,'^[0-9]{6}$')", element('<id extension="secret"/>'))
    assert "secret" not in f"{cure}"
    cure = cure_of("matches(.,'^[0-9]{6}$')", element("<family>secret</family>"))
    assert "secret" not in f"{cure}"


def test_an_expression_nobody_knows_has_no_words():
    assert form_of("^x+$") == ""


def shapes(paths: list[Path]) -> tuple[int, int]:
    known = total = 0
    for path in paths:
        for one in etree.parse(path).iter("{*}assert", "{*}report"):
            total += 1
            known += is_known_shape(one.get("test"), report=etree.QName(one).localname == "report")
    return known, total


def test_nearly_every_assertion_of_ours_has_its_sentence():
    known, total = shapes(OWN)
    assert known / total > 0.98


def test_nearly_every_official_assertion_has_its_sentence(official):
    assert official is not None
    known, total = shapes(sorted((DATA / "packs").rglob("*.sch")))
    assert total > 5000
    assert known / total > 0.99


def test_a_hostile_test_costs_no_time():
    started = time.process_time()
    for test in (
        "count(" + "a[" * 4000 + "]" * 4000 + ")=1",
        "matches(@a,'x') or " * 2000 + "y",
        "a/" * 9000 + "b!=''!",
    ):
        cure_of(test, element("<c/>"))
    assert time.process_time() - started < 2
