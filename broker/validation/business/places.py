"""Where the header of a document keeps what the rules ask for: paths of Clark names, and small readings of elements."""

from collections.abc import Sequence
from typing import Final

from lxml.etree import _Element as Element

from broker.document.markup import ADDRESS, CDA, FIAS, IDENTITY
from broker.validation.business.rule import Subject

H: Final = f"{{{CDA}}}"
IDY: Final = f"{{{IDENTITY}}}"
A: Final = f"{{{ADDRESS}}}"
F: Final = f"{{{FIAS}}}"
ROLE: Final = f"{H}recordTarget/{H}patientRole"
PATIENT: Final = f"{ROLE}/{H}patient"
PROVIDER: Final = f"{ROLE}/{H}providerOrganization"
CUSTODIAN: Final = f"{H}custodian/{H}assignedCustodian/{H}representedCustodianOrganization"
AUTHOR: Final = f"{H}author/{H}assignedAuthor"
AUTHOR_ORGANIZATION: Final = f"{AUTHOR}/{H}representedOrganization"
SIGNER: Final = f"{H}legalAuthenticator/{H}assignedEntity"
SIGNER_ORGANIZATION: Final = f"{SIGNER}/{H}representedOrganization"
EVENT: Final = f"{H}documentationOf/{H}serviceEvent"
ENCOUNTER: Final = f"{H}componentOf/{H}encompassingEncounter"


def text_of(element: Element | None) -> str:
    """Return an element's own text without the blanks around it."""
    return "" if element is None else (element.text or "").strip()


def value_of(element: Element | None, name: str) -> str:
    """Return an attribute, empty when there is none."""
    return "" if element is None else element.get(name, "")


def is_null(element: Element | None) -> bool:
    """Tell whether an element says by nullFlavor that its data are not there."""
    return element is not None and element.get("nullFlavor") is not None


def staff(subject: Subject) -> Sequence[Element]:
    """Return author, legal signer and performers."""
    return [
        *subject.all(AUTHOR),
        *subject.all(SIGNER),
        *subject.all(f"{EVENT}/{H}performer/{H}assignedEntity"),
    ]
