"""Every rule of the metadata layer, theme by theme."""

from typing import Final

from broker.validation.metadata import request, signers, versions

RULES: Final = (*request.RULES, *versions.RULES, *signers.RULES)
"""The metadata layer."""
