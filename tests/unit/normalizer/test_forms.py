"""A value is written in the form that is demanded, or stays: nothing is added that it does not say."""

import time

import pytest

from broker.normalizer import forms


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("8 (495) 123-45-67", "tel:+74951234567"),
        ("8-495-123-45-67", "tel:+74951234567"),
        ("84951234567", "tel:+74951234567"),
        ("+7 495 123 45 67", "tel:+74951234567"),
        ("+7(495)123.45.67", "tel:+74951234567"),
        ("7\u00a0495\u00a0123\u201345\u201367", "tel:+74951234567"),
        ("tel:84951234567", "tel:+74951234567"),
        ("TEL: +7 (495) 123-45-67", "tel:+74951234567"),
        ("тел. 8 (495) 123-45-67", "tel:+74951234567"),
        ("8 800 555-00-00", "tel:+78005550000"),
        ("+375 29 123-45-67", "tel:+375291234567"),
        ("tel:+74951234567", "tel:+74951234567"),
    ],
)
def test_a_phone_with_its_country_is_written_one_way(written, wanted):
    assert forms.phone(written) == wanted
    assert forms.phone(wanted) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "",
        "(495) 123-45-67",  # no country: it may be any
        "123-45-67",
        "+8 495 123 45 67",  # a slip for +7 or a number of Vietnam
        "+7 495 123 45",
        "8 (495) 123-45-67 доб. 12",
        "8 (495) 123-45-67, 8 (495) 765-43-21",
        "tel:112",
        "mailto:doctor@example.ru",
        "fax:84951234567",
        "8٤95123456٧",  # digits of other scripts are not read as digits
        "8" + " " * 100 + "4951234567",
    ],
)
def test_a_phone_nobody_can_be_sure_of_stays(written):
    assert forms.phone(written) == written


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("112-233-445 95", "11223344595"),
        ("112 233 445 95", "11223344595"),
        ("112\u2011233\u2011445\u00a095", "11223344595"),
        ("11223344595", "11223344595"),
        ("112-233-445 9", "112-233-445 9"),
        ("112-233-445 95 (пенс.)", "112-233-445 95 (пенс.)"),
        ("1122334459", "1122334459"),  # a leading nought may be lost: it is not ours to add
        ("99-1122334459", "99-1122334459"),
    ],
)
def test_a_snils_becomes_eleven_digits_only_when_it_has_eleven(written, wanted):
    assert forms.snils(written) == wanted


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("2026-03-02", "20260302"),
        ("2026-03-02T09:30:00+03:00", "20260302093000+0300"),
        ("2026-03-02T09:30+03:00", "202603020930+0300"),
        ("2026-03-02 09:30:15 +0300", "20260302093015+0300"),
        ("2026-03-02T06:30:00Z", "20260302063000+0000"),
        ("2026-03-02T06:30:00.1234567+03", "20260302063000+0300"),
        ("202603020930+03:00", "202603020930+0300"),
        ("20260302093000.000+0300", "20260302093000+0300"),
        ("20260302093000-1000", "20260302093000-1000"),
        ("20260302", "20260302"),
        ("2026", "2026"),
    ],
)
def test_a_date_or_a_time_with_its_zone_is_written_as_hl7(written, wanted):
    assert forms.point_in_time(written) == wanted
    assert forms.point_in_time(wanted) == wanted


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T09:30:00",
        "2026-03-02 09:30",
        "202603020930",
        "2026-02-30",
        "2026-13-01",
        "2026-03-02T25:00+03:00",
        "2026-03-02T09:30+25:00",
        "2026-03-02T09:30+03:75",
        "02.03.2026",
        "2026-W10",
        "вчера",
        "1-" * 1000,
    ],
)
def test_a_time_without_a_zone_and_what_is_no_date_stay(written):
    assert forms.point_in_time(written) == written


@pytest.mark.parametrize(
    ("written", "lacking"),
    [
        ("2026-03-02T09:30", True),
        ("202603020930", True),
        ("20260302093000", True),
        ("2026-03-02", False),
        ("20260302", False),
        ("202603020930+0300", False),
        ("2026-03-02T09:30Z", False),
    ],
)
def test_a_time_that_does_not_say_its_zone_is_known(written, lacking):
    assert forms.lacks_zone(written) is lacking


def test_blanks_at_the_ends_go_and_blanks_alone_stay():
    assert forms.trimmed(" \u00a01.2.3\ufeff\n") == "1.2.3"
    assert forms.trimmed("  ") == "  "
    assert forms.trimmed("Анна Мария") == "Анна Мария"


def test_letters_are_composed_but_an_endless_run_of_marks_costs_nothing():
    assert forms.composed("и\u0306") == "й"
    marks = "a" + "\u0316\u0300" * 500_000
    started = time.process_time()
    assert forms.composed(marks) == marks
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<a b='1'>Приём «№ 1» – всё</a>", True),
        ("<a>и\u0306</a>", False),
        ("<a>и&#774;</a>", False),
        ("<a>b\u00a0c</a>", False),
        ("<a>b&#160;c</a>", False),
        ("<a>b\u202fc</a>", False),
        ("<a>\u2126</a>", False),
        ("<a>Å</a>", False),
    ],
)
def test_a_plain_document_is_told_by_its_bytes(text, plain):
    assert forms.is_plain(text.encode()) is plain
