"""The chain of versions: may this document be a new version, and does it follow the one before?

What must be known of the version before stands in the facts; where nobody looked, those rules say nothing.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from broker.document.finding import Layer, Source
from broker.validation.business.places import H
from broker.validation.business.rule import Breach, Rule, Subject

_CHAIN: Final = "Руководства: новая версия — новый id, тот же setId, versionNumber на единицу больше"


def forbidden(subject: Subject) -> Iterator[Breach]:
    """Demand that the kind has new versions."""
    if subject.document.version > 1 and subject.card is not None and not subject.card.new_versions:
        yield Breach(
            subject.at_path(f"{H}versionNumber"),
            f"Для документов вида {subject.card.code} запрещена регистрация новых версий.",
        )


def set_id(subject: Subject) -> Iterator[Breach]:
    """Demand the set a new version belongs to."""
    if subject.document.version > 1 and not subject.document.set_id.extension:
        yield Breach(
            subject.at_path(f"{H}setId"),
            "У новой версии документа нет setId: её нельзя связать с предыдущей.",
        )


def same_id(subject: Subject) -> Iterator[Breach]:
    """Demand a new id of a new version."""
    previous, document = subject.facts.previous, subject.document
    own = document.document_id.extension or document.local_uid
    if (
        previous is not None
        and document.version > previous.version
        and own.lower() == previous.local_uid.lower()
    ):
        yield Breach(subject.at_path(f"{H}id"), "У новой версии тот же id, что у предыдущей.")


def not_greater(subject: Subject) -> Iterator[Breach]:
    """Demand a higher number of another document of the same set."""
    previous, document = subject.facts.previous, subject.document
    own = document.document_id.extension or document.local_uid
    if previous is None or own.lower() == previous.local_uid.lower():
        return
    if document.version <= previous.version:
        yield Breach(
            subject.at_path(f"{H}versionNumber"),
            "Номер версии не больше, чем у предыдущего документа с тем же setId.",
            value=str(document.version),
            expected=str(previous.version + 1),
        )


def gap(subject: Subject) -> Iterator[Breach]:
    """Demand that no number is left out."""
    previous, document = subject.facts.previous, subject.document
    if previous is not None and document.version > previous.version + 1:
        yield Breach(
            subject.at_path(f"{H}versionNumber"),
            "Номера версий идут не подряд.",
            value=str(document.version),
            expected=str(previous.version + 1),
        )


_rule = partial(Rule, layer=Layer.METADATA)
RULES: Final = (
    _rule(
        name="metadata.new_version_forbidden",
        title="Новая версия передана для вида, у которого версии бывают",
        source=Source.SEEN,
        why="НСИ 1.2.643.5.1.13.13.99.2.305, RESTRICT_NEW_VERSION",
        fix="Передайте новый документ с versionNumber 1 и новым setId.",
        remd_code="RESTRICT_NEW_VERSION",
        check=forbidden,
    ),
    _rule(
        name="metadata.set_id_missing",
        title="У новой версии есть setId",
        source=Source.OWN,
        why=_CHAIN,
        fix="Запишите в setId то же, что у первой версии документа.",
        check=set_id,
    ),
    _rule(
        name="metadata.version_same_id",
        title="У новой версии новый id",
        source=Source.SEEN,
        why=f"{_CHAIN}; НСИ 1.2.643.5.1.13.13.99.2.305, NOT_UNIQUE_PROVIDED_ID",
        fix="Запишите в ClinicalDocument/id/@extension новый UUID; setId оставьте прежним.",
        remd_code="NOT_UNIQUE_PROVIDED_ID",
        check=same_id,
    ),
    _rule(
        name="metadata.version_not_greater",
        title="Номер новой версии больше, чем у предыдущей",
        source=Source.OWN,
        why=_CHAIN,
        fix="Увеличьте versionNumber на единицу. Если это другой документ, дайте ему новый setId.",
        remd_code="CANT_REG_VERSION",
        check=not_greater,
    ),
    _rule(
        name="metadata.version_gap",
        title="Номера версий идут подряд",
        source=Source.OWN,
        why=_CHAIN,
        fix="Запишите versionNumber на единицу больше, чем у предыдущей версии, или сначала передайте пропущенную.",
        check=gap,
    ),
)
"""Every rule of the chain."""
