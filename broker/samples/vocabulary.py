"""Which coded values the sample documents use: code, dictionary, version and name, as НСИ publishes them.

Versions are those of the official sample of kind 290 where it shows one, else those of the public copies of the dictionaries.
"""

from typing import Final

import msgspec

NSI: Final = "1.2.643.5.1.13.13."


class Dictionary(msgspec.Struct, frozen=True):
    """A dictionary of НСИ in one version."""

    oid: str
    version: str
    name: str

    def term(self, code: str, name: str) -> "Term":
        """Return a value of this dictionary."""
        return Term(code, self, name)


class Term(msgspec.Struct, frozen=True):
    """A coded value: what CDA writes as code, codeSystem, codeSystemVersion, codeSystemName, displayName."""

    code: str
    dictionary: Dictionary
    name: str


KINDS: Final = Dictionary(NSI + "11.1520", "12.66", "Электронные медицинские документы")
TYPES: Final = Dictionary(NSI + "11.1522", "9.1", "Виды медицинской документации")
GUIDES: Final = Dictionary(
    NSI + "99.2.1079", "2.3", "Виды структурированных электронных медицинских документов"
)
CONFIDENTIALITY: Final = Dictionary(
    NSI + "99.2.285", "1.2", "Уровень конфиденциальности медицинского документа"
)
POSTS: Final = Dictionary(NSI + "11.1002", "9.12", "Должности медицинских и фармацевтических работников")
ROLES: Final = Dictionary(
    NSI + "99.2.368",
    "2.8",
    "Роли сотрудников при подписании медицинских документов, в том числе в электронном виде",
)
GENDERS: Final = Dictionary(NSI + "11.1040", "2.1", "Пол пациента")
ADDRESS_TYPES: Final = Dictionary(NSI + "11.1504", "1.4", "Тип адреса пациента")
SUBJECTS: Final = Dictionary(NSI + "99.2.206", "6.5", "Субъекты Российской Федерации")
IDENTITY_CARDS: Final = Dictionary(NSI + "99.2.48", "7.2", "Документы, удостоверяющие личность")
POLICIES: Final = Dictionary(NSI + "11.1035", "1.3", "Виды полиса обязательного медицинского страхования")
PAYMENTS: Final = Dictionary(NSI + "11.1039", "5.3", "Источники оплаты медицинской помощи")
GROUNDS: Final = Dictionary(NSI + "99.2.724", "1.1", "Типы документов оснований")
EVENTS: Final = Dictionary(NSI + "99.2.726", "3.50", "Типы документированных событий")
CARDS: Final = Dictionary(NSI + "99.2.723", "1.1", "Типы медицинских карт")
FORMS: Final = Dictionary(NSI + "11.1551", "1.1", "Формы оказания медицинской помощи")
CARE_TYPES: Final = Dictionary(NSI + "11.1034", "4.2", "Виды медицинской помощи")
CONDITIONS: Final = Dictionary(NSI + "99.2.322", "3.1", "Условия оказания медицинской помощи")
SECTIONS: Final = Dictionary(NSI + "99.2.197", "4.38", "Секции электронных медицинских документов")
FIELDS: Final = Dictionary(NSI + "99.2.166", "5.69", "Кодируемые поля CDA документов")
HAZARDS: Final = Dictionary(
    NSI + "11.1060",
    "2.7",
    "Перечень вредных и (или) опасных производственных факторов и работ, при выполнении которых проводятся "
    "обязательные предварительные и периодические медицинские осмотры (обследования)",
)
CONCLUSIONS: Final = Dictionary(NSI + "99.2.725", "1.15", "Перечень заключений в медицинских документах")
HEALTH_GROUPS: Final = Dictionary(NSI + "99.2.766", "3.1", "Группы здоровья")
PROFESSIONS: Final = Dictionary(NSI + "99.2.855", "1.3", "Профессии рабочих и должностей служащих")
DOCUMENT_FORMS: Final = Dictionary(NSI + "99.2.1008", "1.1", "Формы документов")
VISITS: Final = Dictionary(
    NSI + "11.1007", "2.1", "Вид случая госпитализации или обращения (первичный, повторный)"
)
PLACES: Final = Dictionary(NSI + "11.1008", "5.1", "Место оказания медицинской помощи")
SEVERITIES: Final = Dictionary(NSI + "11.1006", "2.4", "Степень тяжести состояния пациента")
DIAGNOSIS_ROLES: Final = Dictionary(NSI + "11.1077", "2.2", "Виды нозологических единиц диагноза")
DISEASES: Final = Dictionary(
    NSI + "11.1005",
    "2.27",
    "Международная статистическая классификация болезней и проблем, связанных со здоровьем (10-й пересмотр)",
)
CERTAINTIES: Final = Dictionary(NSI + "99.2.795", "3.1", "Степень обоснованности диагноза")
SERVICES: Final = Dictionary(NSI + "11.1070", "2.10", "Номенклатура медицинских услуг")
VITALS: Final = Dictionary(NSI + "99.2.262", "8.14", "Витальные параметры")
UNITS: Final = Dictionary(NSI + "11.1358", "3.33", "Единицы измерения")

POST_OCCUPATIONAL: Final = POSTS.term("80", "Врач-профпатолог")
POST_THERAPIST: Final = POSTS.term("109", "Врач-терапевт")
POST_NEUROLOGIST: Final = POSTS.term("45", "Врач-невролог")
POST_OPHTHALMOLOGIST: Final = POSTS.term("54", "Врач-офтальмолог")
POST_CARDIOLOGIST: Final = POSTS.term("34", "Врач-кардиолог")

CHAIRMAN: Final = ROLES.term("CHAIRMAN", "Председатель")
COMMISSIONER: Final = ROLES.term("COMMISSIONER", "Член комиссии")
DOCTOR: Final = ROLES.term("DOCTOR", "Врач")
DRIVER: Final = ROLES.term("DRIVER", "Водитель")

NORMAL: Final = CONFIDENTIALITY.term("N", "Обычный")
PASSPORT: Final = IDENTITY_CARDS.term("1", "Паспорт гражданина Российской Федерации")
UNIFORM_POLICY: Final = POLICIES.term("2", "Полис ОМС единого образца, бессрочный")
OWN_MONEY: Final = PAYMENTS.term("4", "Личные средства граждан")
OWN_MONEY_OLD: Final = Dictionary(PAYMENTS.oid, "5.1", PAYMENTS.name).term("4", "Личные средства граждан")
"""The schema of kind 103 fixes edition 5.1 of the dictionary."""
PAID_CONTRACT: Final = GROUNDS.term("3", "Договор на оказание платных медицинских услуг")
HOME_ADDRESS: Final = ADDRESS_TYPES.term("1", "Адрес по месту жительства (постоянной регистрации)")
COMMISSION_EVENT: Final = EVENTS.term("5", "Врачебная комиссия")
CONSULTATION_EVENT: Final = EVENTS.term("1", "Консультация")
OUTPATIENT_CARD: Final = CARDS.term("1", "Амбулаторная медицинская карта")
PLANNED: Final = FORMS.term("1", "плановая")
PRIMARY_CARE: Final = CARE_TYPES.term("2", "Первичная врачебная медико-санитарная помощь")
OUTPATIENT: Final = CONDITIONS.term("2", "Амбулаторно, в том числе на дому при вызове медицинского работника")
GENDER: Final = {"1": GENDERS.term("1", "Мужской"), "2": GENDERS.term("2", "Женский")}
SUBJECT: Final = {
    "77": SUBJECTS.term("77", "г. Москва"),
    "78": SUBJECTS.term("78", "г. Санкт-Петербург"),
    "16": SUBJECTS.term("16", "Республика Татарстан (Татарстан)"),
}


def versions() -> dict[str, tuple[str, ...]]:
    """Return the versions of each dictionary that the samples use rightly, by its OID."""
    found: dict[str, set[str]] = {}
    for value in globals().values():
        dictionary = value.dictionary if isinstance(value, Term) else value
        if isinstance(dictionary, Dictionary):
            found.setdefault(dictionary.oid, set()).add(dictionary.version)
    return {oid: tuple(sorted(known)) for oid, known in found.items()}
