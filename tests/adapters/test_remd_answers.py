"""What РЭМД answers is understood: every code, every text that was seen, and nothing personal is passed on."""

import csv
from pathlib import Path

import pytest

from adapters.remd.privacy import without_personal_data
from adapters.remd.replies import TABLE, Item, faulted, finding, judged
from broker.adapter_kit import Held, Registered, Rejected, Unavailable, Verdict
from broker.document.finding import Responsible

DICTIONARY = Path(__file__).parents[2].parent / "shared/data/nsi/remd_error_codes_enriched.csv"


def rows_of_the_dictionary() -> list[dict[str, str]]:
    if not DICTIONARY.exists():
        pytest.skip("NO REFERENCE DATA: the dictionary of codes is not beside the repository")
    with DICTIONARY.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_127_codes_of_the_dictionary_are_described() -> None:
    described = {row.code for row in TABLE.rows if row.code and not row.text}
    assert len(described) == 127
    known = {row["mnemonic"] for row in rows_of_the_dictionary()}
    assert known == described


def test_what_the_field_calls_worth_repeating_is_repeated() -> None:
    retried = {row["mnemonic"] for row in rows_of_the_dictionary() if row["retry_helps"] == "true"}
    ours = {
        row.code for row in TABLE.rows if row.verdict is Verdict.UNAVAILABLE and row.code and not row.text
    }
    assert ours == retried


@pytest.mark.parametrize("row", [row for row in TABLE.rows if row.sample], ids=lambda row: row.sample[:40])
def test_a_masked_sample_is_still_caught_by_its_row(row) -> None:
    assert TABLE.match(row.code, without_personal_data(row.sample)) is row


@pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.code or row.text[:30])
def test_every_row_gives_the_outcome_its_verdict_promises(row) -> None:
    outcome = judged((Item(row.code, row.sample or "текст"),), ours=True)
    if TABLE.match(row.code, row.sample or "текст") is not row:
        pytest.skip("a text row without a sample")
    expected = {
        Verdict.REJECTED: Rejected,
        Verdict.WARNING: Rejected,
        Verdict.UNAVAILABLE: Unavailable,
        Verdict.HELD: Held,
        Verdict.REGISTERED: Registered,
    }[row.verdict]
    assert isinstance(outcome, expected)


def test_an_unknown_code_goes_to_the_operator_and_does_not_raise() -> None:
    outcome = judged((Item("NEVER_HEARD_OF", "Что-то новое"),), ours=False)
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].responsible is Responsible.OPERATOR
    assert outcome.findings[0].code == "remd.NEVER_HEARD_OF"


def test_a_refusal_without_a_reason_is_a_finding_too() -> None:
    outcome = judged((), ours=False)
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].code == "remd.unknown"


def test_an_unlinked_clinic_holds_the_clinic_alone() -> None:
    text = "Организация [1.2.643.5.1.13.13.12.2.77.9001] не привязана к РМИС [emdr-rmis-1754]"
    outcome = judged((Item("VALIDATION_ERROR", text),), ours=False)
    assert isinstance(outcome, Held)
    assert (outcome.reason, outcome.scope) == ("destination.clinic_not_linked", "clinic")


def test_what_must_be_mended_outweighs_what_may_be_repeated_and_all_is_told() -> None:
    items = (Item("INTERNAL_ERROR", "сбой"), Item("NO_SNILS", "нет"), Item("NO_SIGNATURE", "нет"))
    outcome = judged(items, ours=False)
    assert isinstance(outcome, Rejected)
    assert [one.remd_code for one in outcome.findings] == ["INTERNAL_ERROR", "NO_SNILS", "NO_SIGNATURE"]


def test_a_rate_limit_names_its_minute() -> None:
    outcome = judged((Item("RATE_LIMIT", "Достигнут предел"),), ours=False)
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after is not None
    assert outcome.retry_after.total_seconds() == 60


REGISTERED = Item(
    "NOT_UNIQUE_PROVIDED_ID",
    "Документ с идентификатором '7F1C0A52-0000-4000-8000-000000000001' уже зарегистрирован с номером [119.77.26.05.030830566]",
)


def test_registered_before_by_us_is_success_with_the_number_of_the_text() -> None:
    outcome = judged((REGISTERED,), ours=True)
    assert isinstance(outcome, Registered)
    assert outcome.receipt.emdr_id == "119.77.26.05.030830566"


def test_registered_before_by_somebody_else_is_a_taken_uid() -> None:
    outcome = judged((REGISTERED,), ours=False)
    assert isinstance(outcome, Rejected)
    assert outcome.findings[0].code == "destination.local_uid_taken"
    assert "119.77.26.05.030830566" in str(outcome.findings[0].value)


def test_the_spelling_remd_uses_itself_is_known() -> None:
    assert TABLE.match("RECEPIENT_SNILS_MISMATCH", "") is not None
    from lxml import etree

    from adapters.remd.names import Names
    from adapters.remd.replies import read_reply

    xml = "<r><status>error</status><errors><item><code>RECIPIENT_SNILS_MISMATCH</code><message>м</message></item></errors></r>"
    reply = read_reply(etree.fromstring(xml), Names())
    assert reply.items[0].code == "RECEPIENT_SNILS_MISMATCH"


def test_a_fault_asks_to_try_again_and_one_about_limits_says_so() -> None:
    assert faulted("Server was unable to process request") == Unavailable(
        "destination.soap_fault", None, "Server was unable to process request"
    )
    limited = faulted("Доступ к сервису временно запрещён - превышен лимит запросов")
    assert isinstance(limited, Unavailable)
    assert "лимит" in limited.text


@pytest.mark.parametrize(
    ("text", "gone", "kept"),
    [
        ("Фамилия [Выдуманов] медицинского работника", ["Выдуманов"], ["Фамилия"]),
        ("СНИЛС  пациента в ЭМД [90000000100] отличается", ["90000000100"], ["СНИЛС"]),
        ("сотрудника со СНИЛС 900-000-001 00 нет", ["900-000-001"], []),
        ("Дата рождения (1970-01-01) не соответствует [1977-04-18]", ["1970", "1977"], []),
        ("в ЭМД [19870222] отличается", ["19870222"], []),
        ("родился 29.02.1980 г.", ["29.02.1980"], []),
        ("Врач Осмотрщиков Врачеслав Поликлиникович не найден", ["Осмотрщиков", "Врачеслав"], ["Врач"]),
        ("Врач Осмотрщиков В.П. не найден", ["Осмотрщиков"], []),
        ("Недопустимые символы в имени 'Выдуманов1'", ["Выдуманов1"], ["Недопустимые"]),
        (
            "[Пол пациента] [FEMALE] не соответствует данным ГИП [Мужской]",
            ["FEMALE", "Мужской"],
            ["Пол пациента"],
        ),
        ('ORG_NAME [ООО "Выдумка"] в метаданных', ["Выдумка"], ["ORG_NAME"]),
        ("Элемент с кодом [M51.1+] отсутствует", ["M51.1"], []),
        (
            "Справочник OID [1.2.643.5.1.13.13.11.1005], версия [2.24]",
            [],
            ["1.2.643.5.1.13.13.11.1005", "2.24"],
        ),
        ("с номером [119.77.26.05.030830566]", [], ["119.77.26.05.030830566"]),
        ("к РМИС [emdr-rmis-1754]", [], ["emdr-rmis-1754"]),
        ("Путь: /ClinicalDocument[1]/recordTarget[1]", [], ["/ClinicalDocument[1]/recordTarget[1]"]),
        ("starting with element 'code'", [], ["'code'"]),
        ("полис 7700000000000001 не найден", ["7700000000000001"], []),
        ("Delete date is 2026-06-27", [], ["2026-06-27"]),
    ],
)
def test_texts_lose_people_and_keep_things(text: str, gone: list[str], kept: list[str]) -> None:
    masked = without_personal_data(text)
    assert not [word for word in gone if word in masked], masked
    assert not [word for word in kept if word not in masked], masked


def test_masking_a_hostile_text_is_quick_and_bounded() -> None:
    assert len(without_personal_data("[" * 100_000)) <= 2000
    assert len(without_personal_data("А" * 100_000)) <= 2000
    assert len(without_personal_data("1." * 100_000)) <= 2000


def test_a_finding_quotes_the_masked_text_only() -> None:
    said = finding(
        Item(
            "INVALID_DOCTOR_FAMILY", "Фамилия [Выдуманов] отличается от фамилии [Иначев]. СНИЛС [90000000100]"
        )
    )
    assert said.value == "Фамилия […] отличается от фамилии […]. СНИЛС […]"
    assert said.remd_code == "INVALID_DOCTOR_FAMILY"
