"""A hundred and more places of good documents spoilt by hand, each as it happens in life, and what a person must be told.

``place`` is the end of the XPath the finding must point at (the parent's where the element is gone), ``says`` a piece of
the message, ``cure`` a piece of what to do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from msgspec.structs import replace
from validation_stand import NAMES

from broker.document.facts import PreviousVersion, SubmissionFacts
from broker.document.submission import PatientRef, SignatureKind

Root = etree._Element
MED = {**NAMES, "medService": "urn:hl7-ru:medService"}
P = "h:recordTarget/h:patientRole"
DOC = "//h:section[h:code/@code='DOCINFO']"
LINK = "//h:section[h:code/@code='LINKDOCS']"
VITAL = "//h:section[h:code/@code='VITALPARAM']"
DGN = "//h:section[h:code/@code='DGN']"
ORG = f"{P}/h:providerOrganization"
CUST = "h:custodian/h:assignedCustodian/h:representedCustodianOrganization"
PAYER = "h:participant[@typeCode='IND']/h:associatedEntity"
EVENT = "h:documentationOf/h:serviceEvent"


@dataclass(frozen=True)
class Spoilt:
    """One fault: of the tree, of the bytes or of what the sender says."""

    name: str
    kind: str
    place: str
    says: str
    cure: str
    edit: Callable[[Root], None] | None = None
    spoil: Callable[[bytes], bytes] | None = None
    tell: Callable[[SubmissionFacts], SubmissionFacts] | None = None
    who: str = field(default="")


def one(root: Root, path: str) -> Root:
    found = root.xpath(path, namespaces=MED)
    assert found, f"the good document has no {path}"
    return found[0]


def put(path: str, name: str, value: str) -> Callable[[Root], None]:
    return lambda root: one(root, path).set(name, value)


def bare(path: str, name: str) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        del one(root, path).attrib[name]

    return edit


def write(path: str, text: str) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        one(root, path).text = text

    return edit


def drop(path: str) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        victim = one(root, path)
        victim.getparent().remove(victim)

    return edit


def drop_all(path: str) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        assert one(root, path) is not None
        for victim in root.xpath(path, namespaces=MED):
            victim.getparent().remove(victim)

    return edit


def null(path: str, flavor: str = "NI") -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        victim = one(root, path)
        victim.text = None
        for child in list(victim):
            victim.remove(child)
        victim.attrib.clear()
        victim.set("nullFlavor", flavor)

    return edit


def twin(path: str, times: int = 1) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        first = one(root, path)
        for _ in range(times):
            first.addnext(etree.fromstring(etree.tostring(first)))

    return edit


def after(path: str, text: str) -> Callable[[Root], None]:
    """Put a foreign element after one that is there."""

    def edit(root: Root) -> None:
        one(root, path).addnext(
            etree.fromstring(text.replace(">", f' xmlns="{NAMES["h"]}">', 1) if " " not in text else text)
        )

    return edit


def within(path: str, tag: str, **attributes: str) -> Callable[[Root], None]:
    def edit(root: Root) -> None:
        parent = one(root, path)
        child = etree.SubElement(parent, f"{{{NAMES['h']}}}{tag}", attributes)
        child.text = None

    return edit


def move(path: str, behind: str) -> Callable[[Root], None]:
    return lambda root: one(root, behind).addnext(one(root, path))


def said(**changes: Any) -> Callable[[SubmissionFacts], SubmissionFacts]:
    return lambda facts: replace(facts, metadata=replace(facts.metadata, **changes))


def signed(**changes: Any) -> Callable[[SubmissionFacts], SubmissionFacts]:
    def tell(facts: SubmissionFacts) -> SubmissionFacts:
        parts = tuple(
            replace(part, **changes) if part.kind is SignatureKind.PERSONAL else part
            for part in facts.signatures
        )
        return replace(facts, signatures=parts)

    return tell


def _t(
    name: str, kind: str, edit: Callable[[Root], None], place: str, says: str, cure: str, who: str = ""
) -> Spoilt:
    return Spoilt(name, kind, place, says, cure, edit=edit, who=who)


HEADER = (
    _t("the realm is another", "306", put("h:realmCode", "code", "US"), "/realmCode[1]", "realmCode", "RU"),
    _t("no realm", "290", drop("h:realmCode"), "/ClinicalDocument[1]", "realmCode", "realmCode"),
    _t("an older type of document", "306", put("h:typeId", "extension", "POCD_HD000040"),
       "/typeId[1]", "не то, которое задано", "POCD_MT000040", "mis"),
    _t("a guide of another kind", "290", put("h:templateId", "root", "1.2.643.5.1.13.13.15.47.3"),
       "/templateId[1]", "templateId", "kind"),
    _t("no guide", "103", drop("h:templateId"), "/ClinicalDocument[1]", "templateId", "templateId"),
    _t("no id of the document", "306", drop("h:id"), "/ClinicalDocument[1]", "id с корнем", ".51"),
    _t("a document without a number", "306", put("h:id", "extension", ""), "/id[1]", "extension", "идентификатор"),
    _t("an id in the series of sets", "290", put("h:id", "root", "1.2.643.5.1.13.13.12.2.78.9001.100.1.1.52"),
       "/id[1]", ".51", ".51"),
    _t("a blank in an OID", "306", put("h:id", "root", " 1.2.643.5.1.13.13.12.2.78.9001.100.1.1.51"),
       "/id[1]", "OID", "без пробелов"),
    _t("a code of another kind", "290", put("h:code", "code", "306"), "/code[1]", "Код документа", "kind"),
    _t("a code without the version of its dictionary", "306", bare("h:code", "codeSystemVersion"),
       "/ClinicalDocument[1]/code[1]", "codeSystemVersion", "версия справочника"),
    _t("an empty title", "306", write("h:title", " "), "/title[1]", "title", "Запишите заголовок"),
    _t("no creation time", "306", drop("h:effectiveTime"), "/ClinicalDocument[1]", "effectiveTime", "effectiveTime"),
    _t("an ISO creation time", "306", put("h:effectiveTime", "value", "2026-06-15T10:15:00+03:00"),
       "/effectiveTime[1]", "дефисами", "202606151030+0300"),
    _t("a creation time without an offset", "290", put("h:effectiveTime", "value", "202606151015"),
       "/effectiveTime[1]", "часового пояса", "±ЧЧММ"),
    _t("a creation day that does not exist", "306", put("h:effectiveTime", "value", "20260231"),
       "/effectiveTime[1]", "не читается", "ГГГГММДД"),
    _t("a creation time in the future", "306", put("h:effectiveTime", "value", "202606161015+0300"),
       "/effectiveTime[1]", "позже времени", "часовой пояс сервера"),
    _t("a degree of secrecy nobody knows", "306", put("h:confidentialityCode", "code", "X"),
       "/confidentialityCode[1]", "N, R или V", "N, R или V"),
    _t("secrecy without a name", "290", bare("h:confidentialityCode", "displayName"),
       "/confidentialityCode[1]", "displayName", "название кода"),
    _t("a language without its country", "306", put("h:languageCode", "code", "ru"),
       "/languageCode[1]", "languageCode", "ru-RU"),
    _t("no set", "290", drop("h:setId"), "/ClinicalDocument[1]", "setId", "setId"),
    _t("a set in the series of documents", "306", put("h:setId", "root", "1.2.643.5.1.13.13.12.2.78.9001.100.1.1.51"),
       "/setId[1]", "один и тот же корень", ".50"),
    _t("version zero", "306", put("h:versionNumber", "value", "0"),
       "/versionNumber[1]", "Номер версии", "целым числом"),
    _t("a version in words", "290", put("h:versionNumber", "value", "первая"),
       "/versionNumber[1]", "не того типа", "целое число"),
    _t("title after the time", "306", move("h:title", "h:effectiveTime"),
       "/ClinicalDocument[1]/effectiveTime[1]", "не на своём месте", "порядок"),
    _t("an xsi:type in the root", "306", put(".", "{http://www.w3.org/2001/XMLSchema-instance}type", "POCD"),
       "/ClinicalDocument[1]", "xsi:type", "xsi:type"),
)  # fmt: skip
PATIENT = (
    _t("no patient", "306", drop(f"{P}/h:patient"), "/patientRole[1]", "patient", "patient"),
    _t("a patient without a number in the МИС", "290", put(f"{P}/h:id[1]", "extension", ""),
       "/patientRole[1]/id[1]", "extension", "идентификатор"),
    _t("a patient's number in the series of staff", "306",
       put(f"{P}/h:id[1]", "root", "1.2.643.5.1.13.13.12.2.78.9001.100.1.1.70"),
       "/patientRole[1]/id[1]", ".10", ".10"),
    _t("a СНИЛС with a slip", "306", put(f"{P}/h:id[2]", "extension", "11223344596"),
       "/patientRole[1]/id[2]", "Контрольное число СНИЛС", "Сверьте СНИЛС", "clinic"),
    _t("a СНИЛС of ten digits", "290", put(f"{P}/h:id[2]", "extension", "1122334459"),
       "/patientRole[1]/id[2]", "не одиннадцатью", "одиннадцатью цифрами", "clinic"),
    _t("null in the place of the СНИЛС", "306", null(f"{P}/h:id[2]"), "/patientRole[1]/id[2]", "nullFlavor", "СНИЛС"),
    _t("no СНИЛС at all", "103", drop(f"{P}/h:id[2]"), "/patientRole[1]", "второй id", "СНИЛС"),
    _t("no identity document", "306", drop(f"{P}/identity:IdentityDoc"),
       "/patientRole[1]", "identity:IdentityDoc", "тип документа"),
    _t("a passport without its number", "306", drop(f"{P}/identity:IdentityDoc/identity:Number"),
       "/identity:IdentityDoc[1]", "identity:Number", "identity:Number"),
    _t("a passport with an empty series", "290", write(f"{P}/identity:IdentityDoc/identity:Series", ""),
       "/identity:Series[1]", "identity:Series", "серию паспорта"),
    _t("a passport without its date", "306", null(f"{P}/identity:IdentityDoc/identity:IssueDate"),
       "/identity:IssueDate[1]", "IssueDate", "ГГГГММДД", "clinic"),
    _t("a passport issued tomorrow", "290", put(f"{P}/identity:IdentityDoc/identity:IssueDate", "value", "20260616"),
       "/identity:IssueDate[1]", "выдан позже", "с паспортом", "clinic"),
    _t("a passport issued before the birth", "306",
       put(f"{P}/identity:IdentityDoc/identity:IssueDate", "value", "19010101"),
       "/identity:IssueDate[1]", "раньше, чем родился", "с паспортом", "clinic"),
    _t("a passport date with dots", "306", put(f"{P}/identity:IdentityDoc/identity:IssueDate", "value", "01.02.2015"),
       "/identity:IssueDate[1]", "точками", "20260615"),
    _t("a card type without its dictionary", "306",
       bare(f"{P}/identity:IdentityDoc/identity:IdentityCardType", "codeSystem"),
       "/identity:IdentityCardType[1]", "codeSystem", "1.2.643.5.1.13.13.99.2.48", "mis"),
    _t("an older xsi:type", "306", put(f"{P}/identity:IdentityDoc/identity:Series", f"{{{NAMES['xsi']}}}type", "ST"),
       "/identity:Series[1]", "xsi:type", "Уберите xsi:type", "mis"),
    _t("no policy", "306", drop(f"{P}/identity:InsurancePolicy"),
       "/patientRole[1]", "identity:InsurancePolicy", "полис"),
    _t("a policy with a slip", "306", write(f"{P}/identity:InsurancePolicy/identity:Number", "7700000000000001"),
       "/identity:Number[1]", "ЕНП", "выпиской", "clinic"),
    _t("a policy without a number", "290", write(f"{P}/identity:InsurancePolicy/identity:Number", ""),
       "/identity:InsurancePolicy[1]/identity:Number[1]", "identity:Number", "номер полиса"),
    _t("two given names", "306", twin(f"{P}/h:patient/h:name/h:given"), "/name[1]/given[2]", "лишний", "Patronymic"),
    _t("no family name", "306", write(f"{P}/h:patient/h:name/h:family", ""),
       "/name[1]/family[1]", "family", "family"),
    _t("digits in a given name", "290", write(f"{P}/h:patient/h:name/h:given", "Иван2"),
       "/given[1]", "цифры или знаки", "Уберите", "clinic"),
    _t("a name in capitals", "306", write(f"{P}/h:patient/h:name/h:family", "ПРОБНЫЙ"),
       "/family[1]", "заглавными", "одной заглавной"),
    _t("a gender nobody knows", "306", bare(f"{P}/h:patient/h:administrativeGenderCode", "code"),
       "/administrativeGenderCode[1]", "code", "мужской"),
    _t("no gender", "290", drop(f"{P}/h:patient/h:administrativeGenderCode"),
       "/patient[1]", "administrativeGenderCode", "administrativeGenderCode"),
    _t("a birth with dashes", "306", put(f"{P}/h:patient/h:birthTime", "value", "1980-01-01"),
       "/birthTime[1]", "дефисами", "20260615"),
    _t("a birth on the thirtieth of February", "290", put(f"{P}/h:patient/h:birthTime", "value", "19800230"),
       "/birthTime[1]", "не бывает", "Исправьте дату", "clinic"),
    _t("a birth after the document", "306", put(f"{P}/h:patient/h:birthTime", "value", "20270101"),
       "/birthTime[1]", "позже даты создания", "дату рождения", "clinic"),
)  # fmt: skip
ADDRESS = (
    _t("an address without its type", "306", drop(f"{P}/h:addr/address:Type"),
       "/addr[1]", "address:Type", "1.2.643.5.1.13.13.11.1504"),
    _t("an address type without a version", "306", bare(f"{P}/h:addr/address:Type", "codeSystemVersion"),
       "/address:Type[1]", "codeSystemVersion", "версия справочника", "mis"),
    _t("an address type of another dictionary", "290",
       put(f"{P}/h:addr/address:Type", "codeSystem", "1.2.643.5.1.13.13.11.1"),
       "/address:Type[1]", "codeSystem", "1.2.643.5.1.13.13.11.1504", "mis"),
    _t("an address type without a name", "103", bare(f"{P}/h:addr/address:Type", "displayName"),
       "/address:Type[1]", "displayName", "название кода"),
    _t("three addresses", "306", twin(f"{P}/h:addr", 2), "/addr[3]", "больше двух", "один или два"),
    _t("an empty street", "306", write(f"{P}/h:addr/h:streetAddressLine", ""),
       "/streetAddressLine[1]", "пуст", "адрес", "clinic"),
    _t("an empty postal code", "290", write(f"{P}/h:addr/h:postalCode", ""),
       "/postalCode[1]", "пуст", "шесть цифр", "clinic"),
    _t("a short postal code", "306", write(f"{P}/h:addr/h:postalCode", "1010"),
       "/postalCode[1]", "шести цифр", "шесть цифр", "clinic"),
    _t("an address without a region", "306", drop(f"{P}/h:addr/address:stateCode"),
       "/addr[1]", "регион", "1.2.643.5.1.13.13.99.2.206"),
    _t("an address without ФИАС", "306", drop(f"{P}/h:addr/fias:Address"), "/addr[1]", "fias:Address", "nullFlavor"),
    _t("a number of a house for ФИАС", "306", write(f"{P}/h:addr/fias:Address/fias:HOUSEGUID", "12"),
       "/fias:HOUSEGUID[1]", "ФИАС", "UUID"),
    _t("no address of the keeper", "306", drop(f"{CUST}/h:addr"),
       "/representedCustodianOrganization[1]", "addr", "addr"),
    _t("a phone without a number", "306", bare(f"{P}/h:telecom", "value"),
       "/patientRole[1]/telecom[1]", "value", "tel:+7"),
    _t("a phone with blanks", "306", put(f"{P}/h:telecom", "value", "tel:+7 (900) 000-00-00"),
       "/patientRole[1]/telecom[1]", "пробел", "без пробелов"),
    _t("a phone without its prefix", "103", put(f"{P}/h:telecom", "value", "+79000000000"),
       "/patientRole[1]/telecom[1]", "приставки", "tel:+7"),
    _t("a phone that is null", "306", null(f"{P}/h:telecom"),
       "/patientRole[1]/telecom[1]", "nullFlavor", "не передавайте"),
    _t("half an address of mail", "290", put(f"{P}/h:telecom", "value", "mailto:ivan"),
       "/patientRole[1]/telecom[1]", "почты", "mailto:"),
    _t("words in a fax", "306", put(f"{ORG}/h:telecom", "value", "fax:нет"),
       "/providerOrganization[1]/telecom[1]", "факса", "fax:"),
)  # fmt: skip
ORGANIZATION = (
    _t("no clinic", "306", drop(ORG), "/patientRole[1]", "providerOrganization", "providerOrganization"),
    _t("an empty ОГРН", "306", write(f"{ORG}/identity:Props/identity:Ogrn", ""),
       "/identity:Ogrn[1]", "identity:Ogrn", "13 цифр", "clinic"),
    _t("an ИНН for an ОГРН", "290", write(f"{ORG}/identity:Props/identity:Ogrn", "7707083893"),
       "/identity:Ogrn[1]", "указан ИНН", "ЕГРЮЛ", "clinic"),
    _t("an ОГРН with a slip", "103", write(f"{ORG}/identity:Props/identity:Ogrn", "1027700132196"),
       "/identity:Ogrn[1]", "контрольная цифра", "ЕГРЮЛ", "clinic"),
    _t("no particulars", "306", drop(f"{ORG}/identity:Props"), "/providerOrganization[1]", "identity:Props", "ОГРН"),
    _t("a clinic without a name", "306", write(f"{ORG}/h:name", ""),
       "/providerOrganization[1]/name[1]", "name", "наименование"),
    _t("a licence without a number", "306", put(f"{ORG}/h:id[2]", "extension", ""),
       "/providerOrganization[1]/id[2]", "extension", "идентификатор"),
    _t("a department of another clinic", "306", put(f"{ORG}/h:id[1]", "extension", "1.2.643.5.1.13.13.12.2.77.1.0.1"),
       "/providerOrganization[1]/id[1]", "подразделени", "подразделения"),
    _t("another keeper", "290", put(f"{CUST}/h:id", "root", "1.2.643.5.1.13.13.12.2.77.8"),
       "/representedCustodianOrganization[1]/id[1]", "не совпадает", "OID"),
    _t("an author of another clinic", "306",
       put("h:author/h:assignedAuthor/h:representedOrganization/h:id", "root", "1.2.643.5.1.13.13.12.2.77.8" ),
       "/representedOrganization[1]/id[1]", "не совпадает", "OID"),
    _t("no keeper", "306", drop("h:custodian"), "/ClinicalDocument[1]", "custodian", "custodian"),
    _t("no ministry", "290", drop("h:informationRecipient"),
       "/ClinicalDocument[1]", "informationRecipient", "1.2.643.5.1.13"),
    _t("a ministry of another name", "306",
       write("h:informationRecipient/h:intendedRecipient/h:receivedOrganization/h:name", ""),
       "/receivedOrganization[1]/name[1]", "name", "Министерство"),
)  # fmt: skip
STAFF = (
    _t("no author", "306", drop("h:author"), "/ClinicalDocument[1]", "author", "author"),
    _t("an author's СНИЛС with a slip", "290", put("h:author/h:assignedAuthor/h:id[2]", "extension", "11223344596"),
       "/assignedAuthor[1]/id[2]", "Контрольное число", "Сверьте СНИЛС", "clinic"),
    _t("an author without a post", "306", drop("h:author/h:assignedAuthor/h:code"),
       "/assignedAuthor[1]", "code", "1.2.643.5.1.13.13.11.1002"),
    _t("a post without its dictionary", "290", bare("h:author/h:assignedAuthor/h:code", "codeSystem"),
       "/assignedAuthor[1]/code[1]", "codeSystem", "1.2.643.5.1.13.13.11.1002"),
    _t("an author without a name", "306", drop("h:author/h:assignedAuthor/h:assignedPerson"),
       "/assignedAuthor[1]", "assignedPerson", "assignedPerson"),
    _t("a mark in an author's name", "306",
       write("h:author/h:assignedAuthor/h:assignedPerson/h:name/h:given", "(уволен) Пробослав"),
       "/given[1]", "имени сотрудника", "карточку сотрудника", "clinic"),
    _t("an author's id in the series of patients", "290",
       put("h:author/h:assignedAuthor/h:id[1]", "root", "1.2.643.5.1.13.13.12.2.78.9001.100.1.1.10"),
       "/assignedAuthor[1]/id[1]", ".70", ".70"),
    _t("no legal signer", "103", drop("h:legalAuthenticator"),
       "/ClinicalDocument[1]", "legalAuthenticator", "legalAuthenticator"),
    _t("a role outside the dictionary", "306", put(f"{EVENT}/h:performer[1]/h:functionCode", "code", "14"),
       "/functionCode[1]", "functionCode", "CHAIRMAN"),
    _t("a role without a name", "306", bare(f"{EVENT}/h:performer[1]/h:functionCode", "displayName"),
       "/functionCode[1]", "displayName", "название кода"),
    _t("a commission without anybody", "306", drop_all(f"{EVENT}/h:performer"), "/serviceEvent[1]", "performer", "performer"),
)  # fmt: skip
PAYMENT = (
    _t("payment by ОМС with a contract", "306",
       put(f"{PAYER}/identity:DocInfo/identity:IdentityDocType", "code", "1"),
       "/identity:IdentityDocType[1]", "не подходит", "договор", "clinic"),
    _t("own money without a ground", "290", null(f"{PAYER}/identity:DocInfo", "NA"),
       "/identity:DocInfo[1]", "документа-основания", "договор"),
    _t("a contract of last year", "306",
       put(f"{PAYER}/identity:DocInfo/identity:effectiveTime/identity:high", "value", "20251231"),
       "/identity:high[1]", "заканчивается раньше", "даты начала и конца", "clinic"),
    _t("a contract that is over", "290",
       put(f"{PAYER}/identity:DocInfo/identity:effectiveTime/identity:high", "value", "20260301"),
       "/identity:high[1]", "закончился", "в день приёма", "clinic"),
    _t("a payer's ИНН with a slip", "306", write(f"{PAYER}/identity:DocInfo/identity:INN", "7707083894"),
       "/identity:INN[1]", "ИНН", "с договором", "clinic"),
    _t("a source of payment without a code", "306", bare(f"{PAYER}/h:code", "code"),
       "/associatedEntity[1]/code[1]", "code", "код"),
    _t("a contract without its number", "306", drop(f"{PAYER}/identity:DocInfo/identity:Number"),
       "/identity:DocInfo[1]", "identity:Number", "identity:Number"),
)  # fmt: skip
SERVICE = (
    _t("no event", "306", drop("h:documentationOf"), "/ClinicalDocument[1]", "documentationOf", "documentationOf"),
    _t("an event without a code", "290", bare(f"{EVENT}/h:code", "code"), "/serviceEvent[1]/code[1]", "code", "код"),
    _t("a visit after its document", "306", put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606151115+0300"),
       "/high[1]", "позже, чем создан", "даты приёма", "clinic"),
    _t("a visit that ends before it begins", "290",
       put(f"{EVENT}/h:effectiveTime/h:high", "value", "202606150900+0300"),
       "/high[1]", "раньше её начала", "начала и окончания", "clinic"),
    _t("a visit without an offset", "306", put(f"{EVENT}/h:effectiveTime/h:low", "value", "202606150955"),
       "/low[1]", "часового пояса", "часовой пояс"),
    _t("a visit of no form", "306", bare(f"{EVENT}/medService:serviceForm", "code"),
       "/medService:serviceForm[1]", "code", "код"),
    _t("a case without a number", "290", put("h:componentOf/h:encompassingEncounter/h:id", "extension", ""),
       "/encompassingEncounter[1]/id[1]", "extension", "идентификатор"),
    _t("no case", "290", drop("h:componentOf"), "/ClinicalDocument[1]", "componentOf", "componentOf"),
)  # fmt: skip
BODY = (
    _t("no section about the document", "306", drop("//h:component[h:section/h:code/@code='DOCINFO']"),
       "/structuredBody[1]", "DOCINFO", "DOCINFO"),
    _t("two diagnoses sections", "290", twin("//h:component[h:section/h:code/@code='DGN']"),
       "/structuredBody[1]", "DGN", "DGN"),
    _t("a section without a code", "290", drop("//h:section[h:code/@code='COMPLNTS']/h:code"),
       "/section[1]", "code", "code"),
    _t("a section of an older dictionary", "306", put(f"{DOC}/h:code", "codeSystem", "1.2.3"),
       "/section[1]/code[1]", "codeSystem", "1.2.643.5.1.13.13.99.2.197"),
    _t("no verdict", "306", drop(f"{DOC}/h:entry[h:observation/h:code/@code='837']"), "/section[1]", "837", "837"),
    _t("no profession", "306", drop(f"{DOC}/h:entry[h:observation/h:code/@code='4074']"),
       "/section[1]", "4074", "4074"),
    _t("no employer", "103", drop(f"{DOC}/h:entry[h:observation/h:code/@code='4073']"),
       "/section[1]", "4073", "4073"),
    _t("an employer without a name", "306", write(f"{DOC}//h:representedOrganization/h:name", ""),
       "/representedOrganization[1]/name[1]", "name", "работодателя"),
    _t("an employer's ИНН with a slip", "306",
       write(f"{DOC}//h:observation[h:code/@code='8085']/h:value", "7707083894"),
       "/value[1]", "ИНН или ОГРН", "ОГРН", "clinic"),
    _t("a verdict without its name", "306", bare(f"{DOC}//h:observation[h:code/@code='837']/h:value", "displayName"),
       "/value[1]", "displayName", "название кода"),
    _t("a verdict in words", "103",
       put(f"{DOC}//h:observation[h:code/@code='837']/h:value", f"{{{NAMES['xsi']}}}type", "ST"),
       "/value[1]", "xsi:type", "CD"),
    _t("a value without a type", "290",
       bare(f"{DOC}//h:observation[h:code/@code='806']/h:value", f"{{{NAMES['xsi']}}}type"),
       "/value[1]", "тип", "xsi:type"),
    _t("a type nobody knows", "290",
       put(f"{DOC}//h:observation[h:code/@code='806']/h:value", f"{{{NAMES['xsi']}}}type", "TEXT"),
       "/value[1]", "xsi:type", "тип данных HL7"),
    _t("a field without a value", "290", drop(f"{DOC}//h:observation[h:code/@code='806']/h:value"),
       "/observation[1]", "value", "value"),
    _t("a number with its unit", "290", put(f"{VITAL}//h:value", "value", "72 уд/мин"),
       "/value[1]", "не того типа", "число без единиц"),
    _t("a diagnosis without a code", "290",
       bare(f"{DGN}//h:observation//h:observation[h:code/@code='1']/h:value", "code"),
       "/value[1]", "code", "код"),
    _t("a link to nowhere", "306", drop(f"{LINK}/h:entry/h:act/h:reference"), "/act[1]", "reference", "LINKDOCS"),
    _t("a link with one number", "290", drop(f"{LINK}//h:externalDocument/h:id[2]"),
       "/externalDocument[1]", "id", "LINKDOCS"),
    _t("a link of another series", "306",
       put(f"{LINK}//h:externalDocument/h:id[1]", "root", "1.2.643.5.1.13.13.12.2.78.9001.100.1.1.52"),
       "/externalDocument[1]/id[1]", ".51", ".51"),
    _t("an empty section of links", "306", drop(f"{LINK}/h:entry"), "/section[1]", "entry", "entry"),
    _t("a signer in a consultation", "290",
       after("h:informationRecipient", f'<legalAuthenticator xmlns="{NAMES["h"]}"/>'),
       "/legalAuthenticator[1]", "лишний", "Уберите"),
    _t("text among elements", "306", lambda root: setattr(one(root, EVENT), "text", "приём"),
       "/serviceEvent[1]", "текст", "Уберите текст"),
    _t("an unknown attribute", "306", put(f"{P}/h:patient", "id", "7"), "/patient[1]", "@id", "Уберите атрибут"),
    _t("an element of our own making", "290", within(f"{P}/h:patient", "nickname"),
       "/nickname[1]", "лишний", "Уберите"),
)  # fmt: skip


def _s(
    name: str,
    kind: str,
    tell: Callable[[SubmissionFacts], SubmissionFacts],
    place: str,
    says: str,
    cure: str,
    who: str = "",
) -> Spoilt:
    return Spoilt(name, kind, place, says, cure, tell=tell, who=who)


def _b(name: str, spoil: Callable[[bytes], bytes], says: str, cure: str) -> Spoilt:
    return Spoilt(name, "306", "", says, cure, spoil=spoil)


OTHER_UID = "00000000-0000-4000-8000-000000000001"
REQUEST = (
    _s("localUid of another document", "306",
       lambda facts: replace(facts, metadata=replace(facts.metadata, local_uid=OTHER_UID)),
       "/id[1]", "отличается от localUid", "id/@extension"),
    _s("localUid that is no UUID", "306", said(local_uid="17"), "", "не UUID", "UUID из 36 знаков"),
    _s("another clinic", "306", lambda facts: replace(facts, clinic="1.2.643.5.1.13.13.12.2.77.1"),
       "/providerOrganization[1]/id[1]", "Организация в заявке", "OID"),
    _s("another creation time", "290", said(created_at="2026-06-14T10:15:00+03:00"),
       "/effectiveTime[1]", "createdAt", "effectiveTime"),
    _s("createdAt without an offset", "306", said(created_at="2026-06-15T10:15:00"), "", "createdAt", "RFC 3339"),
    _s("another department", "306", said(department="1.2.643.5.1.13.13.12.2.78.9001.0.77"),
       "/providerOrganization[1]/id[1]", "Подразделение в заявке", "department"),
    _s("another patient", "103", said(patient=PatientRef(local_id="other")),
       "/patientRole[1]/id[1]", "Идентификатор пациента", "patient.localId"),
    _s("another title", "306", said(title="Справка"), "/title[1]", "Название в заявке", "заголовок документа"),
    _s("another source of payment", "290", said(payment_source="1"),
       "/participant[1]", "Источник оплаты", "paymentSource"),
    _s("a stranger signs", "306", signed(snils="11223344595", local_id="stranger", position=""),
       "/author[1]", "нет среди автора", "СНИЛС и localId"),
    _s("another post of the signer", "306", signed(position="9999"),
       "/assignedAuthor[1]/code[1]", "Должность подписавшего", "1.2.643.5.1.13.13.11.1002"),
    _s("another id of the signer", "290", signed(local_id="other"),
       "/assignedAuthor[1]", "Идентификатор подписавшего", "signer.localId"),
    _s("another СНИЛС of the signer", "290", signed(snils="11223344595"),
       "/assignedAuthor[1]", "СНИЛС подписавшего", "СНИЛС сотрудника"),
    _s("the legal signer did not sign", "306", signed(snils="11223344595", local_id="stranger", position=""),
       "/legalAuthenticator[1]/assignedEntity[1]", "юридическую силу", "Добавьте подпись", "clinic"),
    _s("a version that is not higher", "306",
       lambda facts: replace(facts, previous=PreviousVersion(local_uid=OTHER_UID, version=1)),
       "/versionNumber[1]", "не больше", "на единицу"),
    _s("a kind of yesterday", "103", lambda facts: replace(facts, kind="194"),
       "/effectiveTime[1]", "не действует", "действующим на дату"),
    _s("a kind nobody knows", "306", lambda facts: replace(facts, kind="9999"),
       "", "неизвестен", "1.2.643.5.1.13.13.11.1520"),
)  # fmt: skip
BYTES = (
    _b("a document cut in half", lambda content: content[: len(content) // 2], "обрывается", "файл целиком"),
    _b("a DOCTYPE", lambda content: content.replace(b"?>", b"?><!DOCTYPE ClinicalDocument>", 1),
       "DOCTYPE", "Уберите"),
    _b("windows-1251 that says UTF-8", lambda content: content.decode().encode("cp1251"),
       "UTF-8", "Сохраните документ в UTF-8"),
    _b("UTF-8 that says windows-1251", lambda content: content.replace(b"UTF-8", b"windows-1251", 1),
       "кодировка", "первой строке"),
    _b("a JSON", lambda content: b'{"document": 1}', "JSON", "base64"),
    _b("nothing", lambda content: b"", "пуст", "выгрузку"),
    _b("an ampersand as it is", lambda content: content.replace("«Пробн".encode(), "& «Пробн".encode(), 1),
       "", "&amp;"),
    _b("a tag that is not closed", lambda content: content.replace(b"</title>", b"", 1),
       "теги", "Закройте каждый элемент"),
)  # fmt: skip
FAULTS = (*HEADER, *PATIENT, *ADDRESS, *ORGANIZATION, *STAFF, *PAYMENT, *SERVICE, *BODY, *REQUEST, *BYTES)
