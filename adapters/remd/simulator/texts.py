"""What the simulated РЭМД says: real texts where they were seen (remd.md §6.2), plain ones of our own elsewhere."""

from typing import Final

import msgspec

OWN: Final[dict[str, str]] = {
    "RUNTIME_ERROR": "Невозможно обработать запрос",
    "RATE_LIMIT": "Доступ к сервису временно запрещён - превышен лимит запросов",
    "MIS_NOT_AVAILABLE": "Ошибка получения файла ЭМД из файлового хранилища: Error in getDocumentFile by SOAP",
    "MIS_ERROR": "Ошибка получения файла ЭМД из файлового хранилища: Статус ответа МИС [error]",
    "NO_RMIS": "Система с указанным идентификатором не зарегистрирована",
    "DISABLED_RMIS": "Система с указанным идентификатором отключена",
    "CA_INACCESSIBILITY": "Удостоверяющий центр сертификата недоступен: Время ожидания истекло.",
    "RMIS_REGION_MISMATCH": "Регион организации не соответствует региону РМИС/МИС",
    "FILE_WAS_NOT_SENT": "ИС не передала файл ЭМД",
    "RMIS_ERROR": "Ошибка ответа от сервиса системы в getDocumentFileResponse, предоставляющей документ",
    "GET_DOCUMENT_FILE_ERROR": "Ошибка при получении файла документа из предоставляющей системы",
    "SERIES_REQUIRED": "Необходимо указать серию документа",
    "CANT_REG_VERSION": "Регистрация версии документа невозможна",
    "CAN_NOT_ASSOCIATE": "Невозможно связать документы. Создание недопустимой связи документов",
    "NOT_UNIQUE_ASSOCIATION": "Регистрируемая связь документов уже существует",
    "REGISTRY_ITEM_NOT_FOUND": "Запрашиваемая запись регистра не найдена",
    "IPS_VALIDATION_WARNING": "Замечание ИПС по составу запроса",
}
"""Texts for codes a fault knob may ask for; any other code is answered with itself."""
SYNCHRONOUS: Final = frozenset({"RATE_LIMIT", "NO_RMIS", "DISABLED_RMIS", "ACCESS_DENIED"})
"""Codes the first, coarse stage answers with."""


class Refusal(msgspec.Struct, frozen=True):
    """One reason: code of 99.2.305 and text."""

    code: str
    text: str


def forced(code: str) -> Refusal:
    """Return the refusal a fault knob demands; a text instead of a mnemonic becomes RUNTIME_ERROR with it."""
    if not code.replace("_", "").isalnum() or not code.isupper():
        return Refusal("RUNTIME_ERROR", code)
    return Refusal(code, OWN.get(code, code))


def not_linked(organization: str, system: str) -> Refusal:
    """Say that the clinic is not linked to the system."""
    return Refusal("VALIDATION_ERROR", f"Организация [{organization}] не привязана к РМИС [{system}]")


def not_unique(local_uid: str, emdr_id: str) -> Refusal:
    """Say that the localUid is registered already, with its number."""
    return Refusal(
        "NOT_UNIQUE_PROVIDED_ID",
        f"Документ с идентификатором '{local_uid}' уже зарегистрирован с номером [{emdr_id}]",
    )


def differs(what: str, document: str, request: str) -> Refusal:
    """Say that document and request differ; the form was seen for identifier, СНИЛС, dates."""
    genitive = {
        "Уникальный идентификатор документа": "уникального идентификатора документа",
        "СНИЛС  пациента": "СНИЛС пациента",
        "Дата рождения пациента": "даты рождения пациента",
        "Дата создания документа": "даты создания документа",
    }.get(what, what)
    return Refusal(
        "VALIDATION_ERROR",
        f"{what} в ЭМД [{document}] отличается от {genitive} в запросе на регистрацию сведений [{request}]",
    )


def kind_closed(kind: str) -> Refusal:
    """Say that the kind is not open on the document's date."""
    return Refusal(
        "NO_DOCUMENT_KIND_ON_DATE", f"Вид документов [{kind}] не актуален на дату создания документа"
    )


def no_snils() -> Refusal:
    """Say that the kind demands the patient's СНИЛС."""
    text = "СНИЛС пациента в составе сведений о пациенте обязателен для данного вида документов"
    return Refusal("NO_SNILS", text)


def patient_mismatch(field: str, said: str, known: str, *, by_local_id: bool) -> Refusal:
    """Say that ГИП knows the patient otherwise."""
    way = "локальному идентификатору" if by_local_id else "СНИЛС"
    return Refusal(
        "PATIENT_MPI_MISMATCH",
        f"Указанное значение [{field}] [{said}] не соответствует данным ГИП [{known}]. Пациент найден по {way}",
    )


def post_mismatch(snils: str, organization: str) -> Refusal:
    """Say that the worker holds another post."""
    return Refusal(
        "PERSON_POST_IN_FRMR_MISMATCH",
        f"Указанная должность сотрудника со СНИЛС [{snils}] не соответствует занимаемой им должности"
        f" в организации [{organization}] по данным ФРМР",
    )


def worker_mismatch(what: str, snils: str, said: str, known: str) -> Refusal:
    """Say that ФРМР knows the worker otherwise."""
    return Refusal(
        "VALUE_MISMATCH_METADATA_AND_FRMR",
        f"{what} сотрудника со СНИЛС [{snils}] ({said}) не соответствует данным ФРМР [{known}]",
    )


def organization_closed(organization: str, day: str) -> Refusal:
    """Say that the organisation was closed on that day."""
    return Refusal(
        "NO_ORG_ON_DATE",
        f"Element providerOrganization. MO code: [{organization}] is not actual. Delete date is {day}",
    )


def no_new_version(kind: str) -> Refusal:
    """Say that the kind has no versions."""
    return Refusal("RESTRICT_NEW_VERSION", f"Для ЭМД {kind} запрещена регистрация новых версий")


def other_organization(organization: str, place: str = "СП representedCustodianOrganization") -> Refusal:
    """Say that the document names another clinic; ``place`` is the element it names it in."""
    text = f"МО из запроса на регистрацию сведений [{organization}] не совпадает с {place}"
    return Refusal("VALIDATION_ERROR", text)


def odd_name(name: str) -> Refusal:
    """Say that a name holds characters names are not written with."""
    return Refusal("VALIDATION_ERROR", f"Недопустимые символы в имени '{name}'")


def dictionary(code: str, oid: str, said: str) -> Refusal:
    """Say what is wrong with a coded value; every such text begins with the dictionary."""
    return Refusal(code, f"Справочник OID [{oid}]{said}")


def not_xml() -> Refusal:
    """Say that the file is no XML."""
    return Refusal("INVALID_CONTENT", "Переданный файл не является валидным XML файлом")


GENDERS: Final[dict[str, tuple[str, str]]] = {"1": ("MALE", "Мужской"), "2": ("FEMALE", "Женский")}
"""How a gender is written in the request's and in ГИП's place of a PATIENT_MPI_MISMATCH text."""
