"""What РЭМД answers is understood: every code, every text that was seen, and nothing personal is passed on."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from remd_codes import MNEMONICS

from adapters.remd.names import Names
from adapters.remd.privacy import without_personal_data
from adapters.remd.replies import (
    TABLE,
    Item,
    RegistryItem,
    faulted,
    finding,
    judged,
    read_reply,
    registered,
    staged,
)
from broker.adapter_kit import Held, Registered, Rejected, Unavailable, Verdict
from broker.document.finding import Responsible

DICTIONARY = Path(__file__).parents[2].parent / "shared/data/nsi/remd_error_codes_enriched.csv"


def rows_of_the_dictionary() -> list[dict[str, str]]:
    if not DICTIONARY.exists():
        pytest.skip("NO REFERENCE DATA: the dictionary of codes is not beside the repository")
    with DICTIONARY.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_127_codes_are_described() -> None:
    described = [row.code for row in TABLE.rows if row.code and not row.text]
    assert len(described) == len(set(described)) == 127
    assert set(described) == MNEMONICS


def test_the_codes_are_those_of_the_dictionary() -> None:
    assert {row["mnemonic"] for row in rows_of_the_dictionary()} == MNEMONICS


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
    assert TABLE.match(row.code, row.sample or "текст") is row, "a row about a text has a sample of it"
    assert row.say
    assert row.fix
    expected = {
        Verdict.REJECTED: Rejected,
        Verdict.WARNING: Rejected,
        Verdict.UNAVAILABLE: Unavailable,
        Verdict.HELD: Held,
        Verdict.REGISTERED: Registered,
    }[row.verdict]
    assert isinstance(outcome, expected)


def test_an_unknown_code_goes_to_the_operator_and_does_not_raise() -> None:
    outcome = judged((Item("NEVER_HEARD_OF", "Что-то новое"), Item("NO_SNILS", "")), ours=False)
    assert isinstance(outcome, Rejected)
    assert outcome.unknown == ("NEVER_HEARD_OF",)
    assert outcome.findings[0].responsible is Responsible.OPERATOR
    assert outcome.findings[0].code == "remd.NEVER_HEARD_OF"


def test_what_stands_where_a_code_should_is_no_code_when_it_looks_like_none() -> None:
    xml = (
        "<r><status>error</status><errors><item><code>Выдуманов Выдуман</code><message>нет</message></item>"
        "<item><code>NEW_ONE</code><message>нет</message></item></errors></r>"
    )
    reply = read_reply(etree.fromstring(xml), Names())
    assert [item.code for item in reply.items] == ["", "NEW_ONE"]
    outcome = judged(reply.items, ours=False)
    assert isinstance(outcome, Rejected)
    assert outcome.unknown == ("?", "NEW_ONE")
    assert outcome.findings[0].code == "remd.unknown"


def test_an_unknown_warning_beside_a_success_is_told_too() -> None:
    item = RegistryItem(
        emdr_id=NUMBER, warnings=(Item("IPS_VALIDATION_WARNING", "м"), Item("NEW_WARNING", "м"))
    )
    outcome = registered(item)
    assert outcome.unknown == ("NEW_WARNING",)


REAL = [
    (
        "NO_SNILS",
        "СНИЛС пациента в составе сведений о пациенте обязателен для данного вида документов",
        "clinic",
        "СНИЛС",
    ),
    (
        "PATIENT_MPI_MISMATCH",
        "Указанное значение [Пол пациента] [FEMALE] не соответствует данным ГИП [Мужской]. Пациент найден по локальному идентификатору",
        "clinic",
        "ГИП",
    ),
    (
        "PERSON_POST_IN_FRMR_MISMATCH",
        "Указанная должность сотрудника со СНИЛС [90000000100] не соответствует занимаемой им должности в организации [1.2.643.5.1.13.13.12.2.77.9001] по данным ФРМР",
        "clinic",
        "олжност",
    ),
    (
        "VALUE_MISMATCH_METADATA_AND_FRMR",
        "Дата рождения сотрудника со СНИЛС [90000000100] (1970-01-01) не соответствует данным ФРМР [1977-04-18]",
        "clinic",
        "ФРМР",
    ),
    (
        "INVALID_DICTIONARY_VERSION",
        "Справочник OID [1.2.643.5.1.13.13.99.2.197]. Версия [4.41] недопустима для документа вида [227]. Требуется: [4.44]",
        "mis",
        "ерси",
    ),
    (
        "INVALID_DICTIONARY_OID",
        "Справочник OID [1.2.643.5.1.13.13.11.1002]. Версия [10.1_old] отсутствует для данного справочника",
        "mis",
        "ерси",
    ),
    ("INVALID_DICTIONARY_OID", "Справочник с указанным кодом отсутствует", "mis", "правочник"),
    (
        "INVALID_ELEMENT_VALUE_CODE",
        "Справочник OID [1.2.643.5.1.13.13.11.1005], версия [2.24]. Элемент с кодом [M51.1+] отсутствует",
        "clinic",
        "код",
    ),
    (
        "INVALID_ELEMENT_VALUE_NAME",
        "Справочник OID [1.2.643.5.1.13.13.99.2.766], версия [1.2]. Наименование элемента [Первая группа] не соответствует наименованию элемента в НСИ [1 группа]",
        "mis",
        "Название",
    ),
    (
        "VALIDATION_ERROR",
        "Ошибка валидации Schematron: У1-21. Элемент ClinicalDocument/realmCode должен иметь значение. Путь: /ClinicalDocument[1]/recordTarget[1]",
        "mis",
        "Schematron",
    ),
    (
        "VALIDATION_ERROR",
        "Ошибка валидации СЭМД: cvc-complex-type.2.4.a: Invalid content was found starting with element 'id'",
        "mis",
        "XML-схем",
    ),
    (
        "VALIDATION_ERROR",
        "Уникальный идентификатор документа в ЭМД [1] отличается от уникального идентификатора документа в запросе на регистрацию сведений [2]",
        "mis",
        "localUid",
    ),
    (
        "VALIDATION_ERROR",
        "СНИЛС  пациента в ЭМД [90000000100] отличается от СНИЛС пациента в запросе [90000000200]",
        "clinic",
        "СНИЛС",
    ),
    (
        "VALIDATION_ERROR",
        "Дата рождения пациента в ЭМД [19870222] отличается от даты в запросе [1987-03-22]",
        "clinic",
        "Дата рождения",
    ),
    (
        "VALIDATION_ERROR",
        "Дата создания документа в ЭМД [202603011015+0300] отличается",
        "mis",
        "Дата создания",
    ),
    (
        "VALIDATION_ERROR",
        "МО из запроса на регистрацию сведений [1.2.643.5.1.13.13.12.2.77.9001] не совпадает с МО в ЭМД",
        "mis",
        "Организация",
    ),
    ("VALIDATION_ERROR", "СП из запроса не совпадает с СП providerOrganization", "mis", "Подразделение"),
    ("VALIDATION_ERROR", "СП из запроса не совпадает с СП representedOrganization", "mis", "Подразделение"),
    (
        "VALIDATION_ERROR",
        "СП из запроса не совпадает с СП representedCustodianOrganization",
        "mis",
        "Подразделение",
    ),
    ("VALIDATION_ERROR", "Недопустимые символы в имени 'Выдуманов1'", "clinic", "знаки"),
    (
        "NO_DOCUMENT_KIND_ON_DATE",
        "Вид документов [6] не актуален на дату создания документа",
        "mis",
        "Вид документа",
    ),
    (
        "NO_ORG_ON_DATE",
        "Element providerOrganization. MO code: [1.2.643.5.1.13.13.12.2.77.9001] is not actual. Delete date is 2026-06-27",
        "clinic",
        "ФРМО",
    ),
    ("SIGNATURE_VERIFICATION_ERROR", "ЭП МО не верна: хеш не совпал", "clinic", "одпис"),
    ("INVALID_CONTENT", "Неверный контент. Переданный файл не является валидным XML файлом", "mis", "XML"),
    ("", 'В подписи МО отсутствует атрибут "Дата и время создания"', "mis", "signingTime"),
    (
        "POSITION_TO_ROLE_MISMATCH",
        "В соответствии со справочниками 1.2.643.5.1.13.13.99.2.42 и 1.2.643.5.1.13.13.99.2.368 для документов вида 306 для роли 19 не соответствует должность",
        "clinic",
        "олжность",
    ),
    (
        "VALUE_MISMATCH_METADATA_AND_CERTIFICATE",
        'ORG_NAME [ООО "Выдумка"] в метаданных и [ГОБУЗ "Иная"] в сертификате',
        "clinic",
        "организации",
    ),
    (
        "VALUE_MISMATCH_METADATA_AND_CERTIFICATE",
        "В ФРМР не найдена актуальная на дату карточка МР c данными из сертификата подписи МО",
        "clinic",
        "ФРМР",
    ),
    ("RESTRICT_NEW_VERSION", "Для ЭМД 230 запрещена регистрация новых версий", "mis", "верси"),
    ("WRONG_MESSAGE_ID", "Асинхронный запрос файла ЭМД с указанным messageID не найден", "operator", ""),
]
"""Texts seen in the field that refuse a document: code, text, who must act, a word of what we say."""


@pytest.mark.parametrize(("code", "text", "who", "word"), REAL)
def test_a_refusal_as_it_was_seen_says_who_must_mend_what(code: str, text: str, who: str, word: str) -> None:
    outcome = judged((Item(code, text),), ours=False)
    assert isinstance(outcome, Rejected)
    (said,) = outcome.findings
    assert said.responsible == who
    assert word in said.message
    assert said.fix
    assert outcome.unknown == ()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MIS_ERROR", "Ошибка получения файла ЭМД из файлового хранилища: Error in getDocumentFile by SOAP"),
        (
            "GET_DOCUMENT_FILE_ERROR",
            "Ошибка получения файла ЭМД из файлового хранилища: Статус ответа МИС [error]",
        ),
        ("RUNTIME_ERROR", "Статус ответа МИС [internal_error]"),
        ("CA_INACCESSIBILITY", "Удостоверяющий центр сертификата недоступен: Время ожидания истекло."),
        ("RUNTIME_ERROR", "Не удается провести проверку ФРМР"),
        ("RUNTIME_ERROR", "Невозможно обработать запрос"),
        ("RUNTIME_ERROR", "Непредвиденная ошибка при проверке подписей"),
        ("", "Доступ к сервису временно запрещён - превышен лимит запросов"),
    ],
)
def test_trouble_of_theirs_or_of_our_file_endpoint_is_repeated(code: str, text: str) -> None:
    assert isinstance(judged((Item(code, text),), ours=False), Unavailable)


@pytest.mark.parametrize("code", ["VALIDATION_ERROR", "RUNTIME_ERROR"])
def test_an_umbrella_code_says_nothing_by_itself_its_text_decides(code: str) -> None:
    """Of a text nobody has seen a person decides: repeating it for ever would hide it, mending may be impossible."""
    texts = [row for row in TABLE.rows if row.code == code and row.text]
    assert len({row.say for row in texts}) == len(texts) > 2
    outcome = judged((Item(code, "Текст, которого ещё не видели"),), ours=False)
    assert isinstance(outcome, Rejected)


@pytest.mark.parametrize("at_entry", [True, False])
def test_a_refusal_names_the_stage_it_came_at(at_entry: bool) -> None:
    outcome = staged(judged((Item("NO_SNILS", "нет"),), ours=False), at_entry=at_entry)
    assert isinstance(outcome, Rejected)
    assert (outcome.stage, outcome.at_entry) == (
        "отказ при приёме" if at_entry else "отказ после проверки",
        at_entry,
    )


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


def test_a_rate_limit_names_its_minute_and_slows_the_destination() -> None:
    outcome = judged((Item("RATE_LIMIT", "Достигнут предел"),), ours=False)
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after == timedelta(minutes=1)
    assert outcome.slows
    assert not outcome.wants_file


FILE_CODES = {
    "MIS_NOT_AVAILABLE",
    "MIS_ERROR",
    "FILE_WAS_NOT_SENT",
    "RMIS_ERROR",
    "GET_DOCUMENT_FILE_ERROR",
    "REGISTRY_ITEM_NOT_FOUND",
}


@pytest.mark.parametrize("row", [row for row in TABLE.rows if row.verdict is Verdict.UNAVAILABLE], ids=str)
def test_what_is_repeated_waits_as_long_as_its_class_asks(row) -> None:
    outcome = judged((Item(row.code, row.sample or "текст"),), ours=False)
    assert isinstance(outcome, Unavailable)
    assert outcome.retry_after is not None
    assert outcome.retry_after >= timedelta(minutes=1), "nothing РЭМД asks for is asked again at once"
    wants_file = row.code in FILE_CODES or "файл" in row.sample or "ответа МИС" in row.sample
    assert outcome.wants_file == wants_file
    assert outcome.slows == (row.code == "RATE_LIMIT" or "лимит" in row.sample)


NUMBER = "119.77.26.05.030830566"
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
    assert outcome.taken_as == NUMBER
    assert "119.77.26.05.030830566" in str(outcome.findings[0].value)


def test_the_spelling_remd_uses_itself_is_known() -> None:
    assert TABLE.match("RECEPIENT_SNILS_MISMATCH", "") is not None
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
