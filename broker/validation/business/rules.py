"""Every rule of the business layer, theme by theme."""

from typing import Final

from broker.validation.business import (
    addresses,
    contacts,
    dates,
    identifiers,
    organizations,
    payment,
    people,
    roots,
)

RULES: Final = (
    *identifiers.RULES,
    *people.RULES,
    *addresses.RULES,
    *contacts.RULES,
    *dates.RULES,
    *payment.RULES,
    *roots.RULES,
    *organizations.RULES,
)
"""The business layer."""
