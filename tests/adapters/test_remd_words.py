"""The simulated РЭМД says what the real one was seen to say, letter for letter but for the values in brackets."""

import msgspec
import pytest

from adapters.remd.simulator import checks, texts
from adapters.remd.simulator.registers import SimSettings
from adapters.remd.simulator.requests import Request, SentPerson
from adapters.remd.simulator.words import WordsOf
from broker.adapter_kit.harness import SteppedClock, a_document
from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source

NOW = SteppedClock().now()
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"
SECTIONS, POSTS, DISEASES, GROUPS = (
    "1.2.643.5.1.13.13.99.2.197",
    "1.2.643.5.1.13.13.11.1002",
    "1.2.643.5.1.13.13.11.1005",
    "1.2.643.5.1.13.13.99.2.766",
)
FILE = f"""<ClinicalDocument xmlns="urn:hl7-org:v3">
<component><code codeSystem="{SECTIONS}" codeSystemVersion="4.41" code="1"/></component>
<component><code codeSystem="{POSTS}" codeSystemVersion="10.1_old" code="1"/></component>
<component><code codeSystem="нет" codeSystemVersion="1" code="1"/></component>
<component><value codeSystem="{DISEASES}" codeSystemVersion="2.24" code="M51.1+"/></component>
<component><value codeSystem="{GROUPS}" codeSystemVersion="1.2" code="1" displayName="Первая группа"/></component>
</ClinicalDocument>""".encode()


def a_finding(layer: Layer, code: str, message: str = "", path: str = "", **more: object) -> Finding:
    return Finding(
        layer=layer,
        severity=Severity.ERROR,
        code=code,
        message=message,
        location=Location(path),
        responsible=Responsible.MIS,
        source=Source.OFFICIAL,
        **more,
    )


FOUND = [
    (
        a_finding(
            Layer.NSI,
            "nsi.version_not_allowed",
            path="1/code",
            remd_code="INVALID_DICTIONARY_VERSION",
            expected="4.44",
        ),
        f"Справочник OID [{SECTIONS}]. Версия [4.41] недопустима для документа вида [227]. Требуется: [4.44]",
    ),
    (
        a_finding(Layer.NSI, "nsi.version_malformed", path="2/code", remd_code="INVALID_DICTIONARY_OID"),
        f"Справочник OID [{POSTS}]. Версия [10.1_old] отсутствует для данного справочника",
    ),
    (
        a_finding(Layer.NSI, "nsi.oid_malformed", path="3/code", remd_code="INVALID_DICTIONARY_OID"),
        "Справочник OID [нет]. Справочник с указанным кодом отсутствует",
    ),
    (
        a_finding(Layer.NSI, "nsi.unknown_code", path="4/value", remd_code="INVALID_ELEMENT_VALUE_CODE"),
        f"Справочник OID [{DISEASES}], версия [2.24]. Элемент с кодом [M51.1+] отсутствует",
    ),
    (
        a_finding(
            Layer.NSI,
            "nsi.name_mismatch",
            path="5/value",
            remd_code="INVALID_ELEMENT_VALUE_NAME",
            expected="1 группа",
        ),
        (
            f"Справочник OID [{GROUPS}], версия [1.2]. Наименование элемента [Первая группа] не соответствует"
            " наименованию элемента в НСИ [1 группа]"
        ),
    ),
    (
        a_finding(
            Layer.SCHEMATRON,
            "schematron.assert_failed",
            "Элемент ClinicalDocument/recordTarget должен иметь patientRole",
            "/ClinicalDocument[1]/recordTarget[1]",
            rule="У1-21",
        ),
        (
            "Ошибка валидации Schematron: У1-21. Элемент ClinicalDocument/recordTarget должен иметь patientRole"
            " Путь: /ClinicalDocument[1]/recordTarget[1]"
        ),
    ),
    (
        a_finding(
            Layer.XSD,
            "xsd.x",
            "cvc-complex-type.2.4.a: Invalid content was found starting with element 'id'.",
        ),
        "Ошибка валидации СЭМД: cvc-complex-type.2.4.a: Invalid content was found starting with element 'id'.",
    ),
    (a_finding(Layer.KIND, "kind.closed"), "Вид документов [227] не актуален на дату создания документа"),
    (a_finding(Layer.XML, "xml.x"), "Переданный файл не является валидным XML файлом"),
]


@pytest.mark.parametrize(("finding", "text"), FOUND, ids=[found.code for found, _ in FOUND])
def test_what_the_checker_found_is_told_in_the_words_of_remd(finding: Finding, text: str) -> None:
    place = finding.location.xpath if finding.location else ""
    if place[:1].isdigit():
        number, name = place.split("/")
        path = f"/ClinicalDocument[1]/component[{number}]/{name}[1]"
        finding = msgspec.structs.replace(finding, location=Location(path))
    (told,) = WordsOf(FILE, "227").refusals([finding])
    assert told.text == text
    if finding.remd_code:
        assert told.code == finding.remd_code


def test_a_place_that_is_not_in_the_file_leaves_the_findings_own_words() -> None:
    finding = a_finding(
        Layer.NSI, "nsi.unknown_code", "кода нет", "/ClinicalDocument[1]/component[77]/value[1]"
    )
    (told,) = WordsOf(FILE, "227").refusals([finding])
    assert told.text == "кода нет"


def test_a_warning_refuses_only_where_remd_was_seen_to() -> None:
    warned = [
        msgspec.structs.replace(found, severity=Severity.WARNING)
        for found, _ in FOUND
        if found.layer is Layer.NSI
    ]
    assert [one.code for one in WordsOf(FILE, "227").refusals(warned)] == ["INVALID_DICTIONARY_VERSION"]


def a_request(**values: object) -> Request:
    plain: dict[str, object] = {
        "message_id": "m",
        "client": "c",
        "reply_to": "r",
        "soap": "1.2",
        "local_uid": "u",
        "kind": "6",
        "organization": CLINIC,
        "created": NOW.isoformat(),
    }
    return Request(**{**plain, **values})


def registers(**params: object) -> SimSettings:
    return msgspec.convert(params, SimSettings)


DOCTOR = SentPerson(snils="00000000000", position="9", birth_date="1970-01-01")
BEFORE = [
    (
        a_request(patient=SentPerson(surname="Иначева")),
        {"kinds": [{"kind": "6", "patient": "snils", "organizationSignature": False}]},
        ["СНИЛС пациента в составе сведений о пациенте обязателен для данного вида документов"],
    ),
    (
        a_request(patient=SentPerson(local_id="P1", gender="2")),
        {"patients": [{"organization": CLINIC, "localId": "P1", "gender": "1"}]},
        [
            (
                "Указанное значение [Пол пациента] [FEMALE] не соответствует данным ГИП [Мужской]."
                " Пациент найден по локальному идентификатору"
            )
        ],
    ),
    (
        a_request(signers=(DOCTOR,)),
        {"workers": [{"snils": "00000000000", "birthDate": "1977-04-18", "posts": []}]},
        [
            "Дата рождения сотрудника со СНИЛС [00000000000] (1970-01-01) не соответствует данным ФРМР [1977-04-18]",
            (
                "Указанная должность сотрудника со СНИЛС [00000000000] не соответствует занимаемой им должности"
                f" в организации [{CLINIC}] по данным ФРМР"
            ),
        ],
    ),
    (a_request(), {"kinds": []}, ["Вид документов [6] не актуален на дату создания документа"]),
    (
        a_request(),
        {"organizations": [{"oid": CLINIC, "deleted": "2026-01-27"}]},
        [f"Element providerOrganization. MO code: [{CLINIC}] is not actual. Delete date is 2026-01-27"],
    ),
]


@pytest.mark.parametrize(("request_", "params", "said"), BEFORE)
def test_the_registers_speak_in_the_words_of_remd(
    request_: Request, params: dict[str, object], said: list[str]
) -> None:
    told = checks.metadata_refusals(request_, registers(**params), NOW)
    assert [one.text for one in told] == said


def test_request_and_file_are_compared_in_the_words_of_remd() -> None:
    document = a_document(1)
    document = msgspec.structs.replace(
        document,
        patient=msgspec.structs.replace(document.patient, snils="11111111111", birth_date="19870222"),
        organization=msgspec.structs.replace(document.organization, oid="1.2.643.5.1.13.13.12.2.50.1"),
    )
    patient = SentPerson(surname="Ина4ев", snils="00000000000", birth_date="1987-03-22")
    told = checks.cross_refusals(
        a_request(patient=patient, created="2020-01-01T00:00:00+03:00"), document, SimSettings()
    )
    uid = document.document_id.extension or document.local_uid
    assert [one.text for one in told] == [
        (
            f"Уникальный идентификатор документа в ЭМД [{uid}] отличается от уникального идентификатора документа"
            " в запросе на регистрацию сведений [u]"
        ),
        "СНИЛС  пациента в ЭМД [11111111111] отличается от СНИЛС пациента в запросе на регистрацию сведений [00000000000]",
        (
            "Дата рождения пациента в ЭМД [19870222] отличается от даты рождения пациента"
            " в запросе на регистрацию сведений [1987-03-22]"
        ),
        (
            f"Дата создания документа в ЭМД [{document.created_text}] отличается от даты создания документа"
            " в запросе на регистрацию сведений [2020-01-01T00:00:00+03:00]"
        ),
        f"МО из запроса на регистрацию сведений [{CLINIC}] не совпадает с СП representedCustodianOrganization",
        "Недопустимые символы в имени 'Ина4ев'",
    ]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "MIS_NOT_AVAILABLE",
            "Ошибка получения файла ЭМД из файлового хранилища: Error in getDocumentFile by SOAP",
        ),
        ("MIS_ERROR", "Ошибка получения файла ЭМД из файлового хранилища: Статус ответа МИС [error]"),
        ("CA_INACCESSIBILITY", "Удостоверяющий центр сертификата недоступен: Время ожидания истекло."),
        ("RATE_LIMIT", "Доступ к сервису временно запрещён - превышен лимит запросов"),
    ],
)
def test_a_forced_code_comes_with_its_real_text(code: str, text: str) -> None:
    assert texts.forced(code) == texts.Refusal(code, text)
