"""Rules about papers: licence, declaration, agreement, instruction, certificates, the contract with the fund."""

import re
from collections.abc import Iterator
from typing import Final

from broker.document.identity import is_oid, is_snils
from broker.partners.form import Certificate, CertificatePurpose, File, Form, LicenceStatus
from broker.partners.problem import Known, Problem, for_active, notice, required, wrong

_REGION: Final = re.compile(r"(?!00)\d{2}")
_MCOD: Final = re.compile(r"\d{6}")
_SMO: Final = re.compile(r"\d{5}")
_LICENCES: Final = (re.compile(r"Л041-\d+-\d+/\d+"), re.compile(r"ЛО-\d{2}-\d{2}-\d{6}"))
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_THUMBPRINT: Final = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
_N3_OID: Final = re.compile(r"1\.2\.643\.2\.69\.1\.2\.\d+")


def licence_rules(form: Form, known: Known) -> Iterator[Problem]:
    """Check the licence: needed in full before the clinic is active."""
    licence = form.licence
    for name, value, what in (
        ("number", licence.number, "номер лицензии"),
        ("issuer", licence.issuer, "кто выдал лицензию"),
        ("register", licence.register, "номер записи в реестре лицензий"),
    ):
        if not value.strip():
            yield for_active(
                f"/licence/{name}", "licence", f"Не заполнено: {what}.", "Возьмите из реестра лицензий."
            )
    if licence.number and not any(pattern.fullmatch(licence.number) for pattern in _LICENCES):
        yield notice(
            "/licence/number",
            "licence_form",
            "Номер лицензии не похож ни на Л041-…-…/…, ни на ЛО-NN-NN-NNNNNN.",
            "Сверьте номер с реестром лицензий.",
        )
    if licence.issued is None:
        yield for_active(
            "/licence/issued", "licence", "Не указана дата лицензии.", "Возьмите из реестра лицензий."
        )
    elif licence.issued > known.today:
        yield wrong("/licence/issued", "licence_date", "Дата лицензии в будущем.", "Исправьте дату.")
    if not licence.works:
        yield for_active(
            "/licence/works",
            "licence",
            "Не перечислены виды работ по лицензии.",
            "Перечислите их как в лицензии.",
        )
    if licence.status is not LicenceStatus.ACTIVE:
        yield for_active(
            "/licence/status",
            "licence_not_active",
            "Лицензия не действует.",
            "Клиника станет активной после возобновления лицензии.",
        )


def mis_rules(form: Form, known: Known) -> Iterator[Problem]:
    """Check the МИС and its 911н declaration."""
    mis = form.mis
    for name, value, what in (
        ("vendor", mis.vendor, "разработчик МИС"),
        ("name", mis.name, "название МИС"),
        ("version", mis.version, "версия МИС"),
        ("register", mis.register, "номер МИС в реестре"),
    ):
        yield from required(f"/mis/{name}", value, what)
    for name, value in (("remdOid", mis.remd_oid), ("n3Oid", mis.n3_oid)):
        if value and not is_oid(value):
            yield wrong(f"/mis/{name}", "oid", "Это не OID.", "Исправьте или уберите поле.")
    if mis.n3_oid and is_oid(mis.n3_oid) and not _N3_OID.fullmatch(mis.n3_oid):
        yield notice(
            "/mis/n3Oid",
            "n3_oid",
            "OID МИС в N3 обычно имеет вид 1.2.643.2.69.1.2.<номер>.",
            "Проверьте значение.",
        )
    if mis.declaration.dated is None:
        yield for_active(
            "/mis/declaration/date",
            "declaration",
            "Нет даты декларации о соответствии МИС требованиям приказа 911н.",
            "Запросите декларацию у разработчика МИС.",
        )
    elif mis.declaration.dated > known.today:
        yield wrong(
            "/mis/declaration/date", "declaration_date", "Дата декларации в будущем.", "Исправьте дату."
        )
    yield from _file("/mis/declaration/file", mis.declaration.file, "декларации 911н")


def _file(pointer: str, file: File, what: str) -> Iterator[Problem]:
    if not file.name and not file.sha256:
        yield for_active(
            pointer,
            "file",
            f"Нет файла {what}.",
            "Укажите имя файла и его SHA-256, сам файл передайте оператору.",
        )
    elif not _SHA256.fullmatch(file.sha256):
        yield wrong(
            f"{pointer}/sha256",
            "sha256",
            f"SHA-256 файла {what} — 64 шестнадцатеричных знака.",
            "Посчитайте его, например, командой sha256sum.",
        )
    elif not file.name:
        yield wrong(f"{pointer}/name", "file_name", f"Нет имени файла {what}.", "Укажите имя файла.")


def oms_rules(form: Form, _known: Known) -> Iterator[Problem]:
    """Check what work in ОМС demands."""
    oms = form.oms
    if not oms.works:
        if oms.mcod or oms.contract:
            yield notice(
                "/oms/works",
                "oms_not_marked",
                "Данные ОМС заполнены, но работа в ОМС не отмечена.",
                "Отметьте works или уберите данные: без отметки реестры в ТФОМС не пойдут.",
            )
        return
    if not _MCOD.fullmatch(oms.mcod):
        yield wrong(
            "/oms/mcod",
            "mcod",
            "Для работы в ОМС нужен код МО из шести цифр.",
            "Возьмите mcod из реестра медицинских организаций (F003, F032).",
        )
    if not _REGION.fullmatch(oms.tfoms):
        yield wrong("/oms/tfoms", "tfoms", "Не указан регион ТФОМС (две цифры).", "Например: 77.")
    if oms.since and oms.until and oms.until < oms.since:
        yield wrong(
            "/oms/until", "oms_period", "Договор ОМС кончается раньше, чем начался.", "Исправьте даты."
        )
    for number, insurer in enumerate(oms.insurers):
        if not _SMO.fullmatch(insurer):
            yield wrong(f"/oms/insurers/{number}", "smo", "Код СМО — пять цифр.", "Исправьте код.")


def certificates_rules(form: Form, known: Known) -> Iterator[Problem]:
    """Check each certificate against the form."""
    for number, certificate in enumerate(form.certificates):
        yield from _certificate(f"/certificates/{number}", certificate, form, known)


def _certificate(at: str, certificate: Certificate, form: Form, known: Known) -> Iterator[Problem]:
    if certificate.purpose is not CertificatePurpose.MCHD and not _THUMBPRINT.fullmatch(
        certificate.thumbprint
    ):
        yield wrong(
            f"{at}/thumbprint",
            "thumbprint",
            "Отпечаток сертификата — 40 (SHA-1) или 64 (SHA-256) шестнадцатеричных знака.",
            "Скопируйте отпечаток из свойств сертификата без пробелов.",
        )
    if certificate.since and certificate.until and certificate.until < certificate.since:
        yield wrong(
            f"{at}/until",
            "certificate_period",
            "Сертификат кончается раньше, чем начался.",
            "Исправьте даты.",
        )
    elif certificate.until and certificate.until < known.today:
        yield notice(f"{at}/until", "certificate_ended", "Срок сертификата истёк.", "Укажите действующий.")
    for name, theirs, ours in (("ogrn", certificate.ogrn, form.ogrn), ("inn", certificate.inn, form.inn)):
        if theirs and theirs != ours:
            yield wrong(
                f"{at}/{name}",
                "certificate_of_another",
                f"{name.upper().replace('OGRN', 'ОГРН').replace('INN', 'ИНН')} сертификата не совпадает с указанным в форме.",
                "Укажите сертификат этой организации.",
            )
    if certificate.snils and not is_snils(certificate.snils):
        yield wrong(f"{at}/snils", "snils", "СНИЛС: не сходится контрольное число.", "Исправьте СНИЛС.")


def agreement_rules(form: Form, known: Known) -> Iterator[Problem]:
    """Check the agreement with the operator."""
    agreement = form.agreement
    if not agreement.number.strip() or agreement.dated is None:
        yield for_active(
            "/agreement",
            "agreement",
            "Нет номера или даты договора с оператором.",
            "Заключите договор и впишите его.",
        )
    if agreement.dated and agreement.dated > known.today:
        yield for_active(
            "/agreement/date", "agreement_date", "Договор ещё не вступил в силу.", "Дождитесь его даты."
        )
    if agreement.until and agreement.until < known.today:
        yield for_active("/agreement/until", "agreement_ended", "Срок договора истёк.", "Продлите договор.")
    yield from _file("/agreement/file", agreement.file, "договора")


def instruction_rules(form: Form, known: Known) -> Iterator[Problem]:
    """Check the instruction to process personal data."""
    instruction = form.instruction
    if not instruction.number.strip() or instruction.dated is None:
        yield for_active(
            "/instruction",
            "instruction",
            "Нет номера или даты поручения на обработку персональных данных.",
            "Оформите поручение оператору и впишите его.",
        )
    if instruction.dated and instruction.dated > known.today:
        yield wrong("/instruction/date", "instruction_date", "Дата поручения в будущем.", "Исправьте дату.")
    if not instruction.purposes:
        yield for_active(
            "/instruction/purposes",
            "purposes",
            "Не названы цели обработки.",
            "Перечислите цели из поручения.",
        )
    yield from _file("/instruction/file", instruction.file, "поручения")
