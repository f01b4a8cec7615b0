"""Phones, faxes and mail: are contacts written as the guides demand? Most official Schematrons do not look."""

import re
from collections.abc import Iterator
from typing import Final

from lxml.etree import _Element as Element

from broker.document.finding import Responsible, Source
from broker.validation.business.places import H, is_null
from broker.validation.business.rule import Breach, Rule, Subject
from broker.validation.report import shown

_PHONE: Final = re.compile(r"tel:\+?[-0-9().]+")
_MAIL: Final = re.compile(r"mailto:[^@\s]+@[^@\s]+\.[^@\s.]+")
_FAX: Final = re.compile(r"fax:[-0-9]+")
_OWN_FORM: Final = ("mailto:", "fax:", "http:", "https:")
_GUIDES: Final = (
    "Форма из руководств по реализации; проверяют её Schematron лишь части видов, остальные — наше расширение"
)


def contact_form(subject: Subject) -> Iterator[Breach]:
    """Demand ``tel:`` and a number without blanks and words."""
    for element, text in _contacts(subject):
        if text.startswith(_OWN_FORM) or _PHONE.fullmatch(text):
            continue
        known = text.startswith("tel:")
        yield Breach(
            element,
            "Номер телефона записан с пробелами или лишними знаками."
            if known
            else "Контакт записан без приставки tel: или mailto:.",
            value=shown("telecom", "value", text),
            expected="tel:+7XXXXXXXXXX или mailto:имя@домен",
        )


def mail_form(subject: Subject) -> Iterator[Breach]:
    """Demand a name, an @ and a domain with a dot."""
    return _unlike(subject, "mailto:", _MAIL, "Адрес электронной почты записан неверно.", "mailto:имя@домен")


def fax_form(subject: Subject) -> Iterator[Breach]:
    """Demand digits and hyphens."""
    return _unlike(subject, "fax:", _FAX, "Номер факса записан с лишними знаками.", "fax:84951234567")


def contact_empty(subject: Subject) -> Iterator[Breach]:
    """Demand a value of every contact that does not say it has none."""
    for element in subject.of(f"{H}telecom"):
        if not element.get("value", "").strip() and not is_null(element):
            yield Breach(element, "Контакт передан пустым: у telecom нет значения.")


def _contacts(subject: Subject) -> Iterator[tuple[Element, str]]:
    for element in subject.of(f"{H}telecom"):
        text = element.get("value", "")
        if text.strip():
            yield element, text


def _unlike(
    subject: Subject, prefix: str, form: "re.Pattern[str]", message: str, expected: str
) -> Iterator[Breach]:
    for element, text in _contacts(subject):
        if text.startswith(prefix) and not form.fullmatch(text):
            yield Breach(element, message, value=shown("telecom", "value", text), expected=expected)


RULES: Final = (
    Rule(
        name="business.contact_form",
        title="Телефон записан как tel: и номер без пробелов",
        source=Source.OWN,
        why=f"{_GUIDES} (tel:\\+?[-0-9().]+)",
        fix="Пишите телефон как tel:+79991234567, без пробелов и слов, почту как mailto:имя@домен. Обычно МИС берёт номер из карточки вместе с пометками: уберите их или настройте выгрузку.",
        check=contact_form,
    ),
    Rule(
        name="business.mail_form",
        title="Почта записана как mailto:имя@домен",
        source=Source.OWN,
        why=f"{_GUIDES} (mailto:.+@.+\\..+)",
        fix="Запишите адрес полностью: mailto:имя@домен. Если адреса нет, не передавайте этот telecom.",
        who=Responsible.CLINIC,
        check=mail_form,
    ),
    Rule(
        name="business.fax_form",
        title="Факс записан как fax: и цифры с дефисами",
        source=Source.OWN,
        why=f"{_GUIDES} (fax:[-0-9]+)",
        fix="Запишите факс цифрами, например fax:84951234567. Если факса нет, не передавайте этот telecom.",
        check=fax_form,
    ),
    Rule(
        name="business.contact_empty",
        title="У каждого telecom есть значение",
        source=Source.OWN,
        why="Частый отказ: telecom без @value; для видов без такого правила — наше расширение",
        fix="Запишите телефон в telecom/@value. Если телефона в карточке нет, не передавайте элемент telecom.",
        check=contact_empty,
    ),
)
"""Every rule of the theme."""
