"""Who signed against who stands in the document: author, performers and the one who gives it legal force."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from lxml.etree import _Element as Element

from broker.document.canonical import Person
from broker.document.facts import SignatureFacts
from broker.document.finding import Layer, Responsible, Source
from broker.document.identity import snils_digits
from broker.document.submission import SignatureKind
from broker.validation.business.places import AUTHOR, EVENT, SIGNER, H
from broker.validation.business.rule import Breach, Rule, Subject

_WHY: Final = "НСИ 1.2.643.5.1.13.13.99.2.305"


def signer_not_in_document(subject: Subject) -> Iterator[Breach]:
    """Demand that every signer is a person of the document."""
    for _, found in subject.once(_assigned):
        if found is None:
            yield Breach(
                subject.at_path(f"{H}author"),
                "Подписавшего сотрудника нет среди автора, исполнителей и заверителя документа.",
            )


def signer_snils(subject: Subject) -> Iterator[Breach]:
    """Demand the same СНИЛС of a signer found by his id."""
    for signature, person, element in subject.once(_matches):
        if signature.snils and person.snils and snils_digits(signature.snils) != person.snils:
            yield Breach(
                element, "СНИЛС подписавшего в заявке отличается от СНИЛС этого сотрудника в документе."
            )


def signer_id(subject: Subject) -> Iterator[Breach]:
    """Demand the same id of a signer found by СНИЛС."""
    for signature, person, element in subject.once(_matches):
        if signature.local_id and person.local_id and signature.local_id != person.local_id:
            yield Breach(
                element,
                "Идентификатор подписавшего в заявке отличается от идентификатора этого сотрудника в документе.",
            )


def signer_position(subject: Subject) -> Iterator[Breach]:
    """Demand the post the document states."""
    for signature, person, element in subject.once(_matches):
        if signature.position and person.position.code and signature.position != person.position.code:
            code = subject.outline.first_below(element, f"{H}code")
            yield Breach(
                element if code is None else code,
                "Должность подписавшего в заявке отличается от его должности в документе.",
                value=person.position.code[:20],
                expected=signature.position[:20],
            )


def author_signed(subject: Subject) -> Iterator[Breach]:
    """Demand that the author is among those who signed."""
    author, personal = subject.document.author, _personal(subject)
    if not (author.snils or author.local_id) or not personal or len(_known(subject)) < len(personal):
        return
    if not any(is_of(signature, author) for signature in personal):
        yield Breach(subject.at_path(AUTHOR), "Автор документа его не подписал.")


def legal_authenticator(subject: Subject) -> Iterator[Breach]:
    """Demand that who gives the document legal force is among those who signed it."""
    person, personal = subject.document.legal_authenticator, _personal(subject)
    if person is None or not personal or len(_known(subject)) < len(personal):
        return
    if not any(is_of(signature, person) for signature in personal):
        yield Breach(
            subject.at_path(SIGNER),
            "Лицо, придавшее документу юридическую силу (legalAuthenticator), не подписало документ.",
        )


class Roster:
    """The people of a document with their places, found by СНИЛС, else by the id in the МИС."""

    def __init__(self, subject: Subject) -> None:
        self._by_snils: dict[str, tuple[Person, Element]] = {}
        self._by_id: dict[str, tuple[Person, Element]] = {}
        for person, element in _people(subject):
            self._by_snils.setdefault(person.snils, (person, element))
            self._by_id.setdefault(person.local_id, (person, element))

    def find(self, signature: SignatureFacts) -> tuple[Person, Element] | None:
        """Return the person a signature belongs to and where the document names him."""
        snils = snils_digits(signature.known_snils)
        by_snils = self._by_snils.get(snils) if snils else None
        return by_snils or (self._by_id.get(signature.local_id) if signature.local_id else None)


def is_of(signature: SignatureFacts, person: Person) -> bool:
    """Tell whether a signature is a person's: by СНИЛС or by the id in the МИС."""
    snils = snils_digits(signature.known_snils)
    return bool(snils and snils == person.snils) or bool(
        signature.local_id and signature.local_id == person.local_id
    )


def _personal(subject: Subject) -> list[SignatureFacts]:
    return [one for one in subject.facts.signatures if one.kind is SignatureKind.PERSONAL]


def _known(subject: Subject) -> list[SignatureFacts]:
    """Return the personal signatures of which we know whose they are."""
    return [one for one in _personal(subject) if one.known_snils or one.local_id]


def _matches(subject: Subject) -> Iterator[tuple[SignatureFacts, Person, Element]]:
    """Yield every signature with the person it belongs to and that person's place."""
    for signature, found in subject.once(_assigned):
        if found is not None:
            yield signature, *found


def _assigned(subject: Subject) -> Iterator[tuple[SignatureFacts, tuple[Person, Element] | None]]:
    """Yield every signature of which we know whose it is, with whom the document knows by that."""
    roster = Roster(subject)
    for signature in _known(subject):
        yield signature, roster.find(signature)


def _people(subject: Subject) -> list[tuple[Person, Element]]:
    """Return the people of the document with their places, as the canonical document lists them."""
    document, below = subject.document, subject.outline.first_below
    found = [(document.author, subject.at_path(AUTHOR))]
    if document.legal_authenticator is not None:
        found.append((document.legal_authenticator, subject.at_path(SIGNER)))
    performers = [below(one, f"{H}assignedEntity") for one in subject.all(f"{EVENT}/{H}performer")]
    event = subject.at_path(EVENT)
    found += [
        (person, event if element is None else element)
        for person, element in zip(document.performers, performers, strict=False)
    ]
    return found


_rule = partial(Rule, layer=Layer.METADATA)
RULES: Final = (
    _rule(
        name="metadata.signer_not_in_document",
        title="Подписавший есть среди людей документа",
        source=Source.OWN,
        why=f"{_WHY}, INVALID_DOCTOR_INFO: «Медицинский работник из запроса не найден в СЭМД»; соответствие людей ищем мы",
        fix="Проверьте СНИЛС и localId подписавшего: РЭМД сверяет их с документом. Подписать должен автор, исполнитель или заверитель.",
        check=signer_not_in_document,
    ),
    _rule(
        name="metadata.signer_snils_mismatch",
        title="СНИЛС подписавшего совпадает с записанным в документе",
        source=Source.SEEN,
        why=f"{_WHY}, INVALID_DOCTOR_SNILS",
        fix="Исправьте СНИЛС сотрудника в заявке или в документе: обычно он расходится в двух карточках МИС.",
        remd_code="INVALID_DOCTOR_SNILS",
        check=signer_snils,
    ),
    _rule(
        name="metadata.signer_id_mismatch",
        title="Идентификатор подписавшего совпадает с записанным в документе",
        source=Source.SEEN,
        why=f"{_WHY}, INVALID_DOCTOR_ID",
        fix="Передайте в signer.localId то же, что в id сотрудника с корнем, оканчивающимся на .70.",
        remd_code="INVALID_DOCTOR_ID",
        check=signer_id,
    ),
    _rule(
        name="metadata.signer_position_mismatch",
        title="Должность подписавшего совпадает с записанной в документе",
        source=Source.SEEN,
        why=f"{_WHY}, INVALID_DOCTOR_INFO",
        fix="Передайте в signer.position код должности из документа (справочник 1.2.643.5.1.13.13.11.1002).",
        remd_code="INVALID_DOCTOR_INFO",
        check=signer_position,
    ),
    _rule(
        name="metadata.author_not_signed",
        title="Автор документа его подписал",
        source=Source.OWN,
        why="Подписать должен по меньшей мере автор; правила ролей (1.2.643.5.1.13.13.99.2.42) не опубликованы",
        fix="Добавьте подпись автора или запишите в author того, кто подписал.",
        who=Responsible.CLINIC,
        remd_code="ROLE_OCCURRENCE_MISMATCH",
        check=author_signed,
    ),
    _rule(
        name="metadata.legal_authenticator_not_signed",
        title="Лицо, придавшее документу юридическую силу, его подписало",
        source=Source.SEEN,
        why=f"{_WHY}, LEGAL_AUTHENTICATOR_NOT_FOUND",
        fix="Добавьте подпись этого сотрудника или запишите в legalAuthenticator того, кто подписал.",
        who=Responsible.CLINIC,
        remd_code="LEGAL_AUTHENTICATOR_NOT_FOUND",
        check=legal_authenticator,
    ),
)
"""Every comparison of the signers."""
