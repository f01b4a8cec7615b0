"""Which dictionaries, in which editions, does a guide allow? Dictionary 1.2.643.5.1.13.13.99.2.805, where we hold it.

Its columns are known (semd.md §1.1): guide, dictionary, version, «*» for any. That РЭМД judges by our edition of it is not, so
what is found by it warns. Its lists of allowed codes (COLLECTION) are not read: their form was not seen.
"""

import re
from collections.abc import Mapping
from typing import Final

from broker.validation.nsi.dictionary import VERSION_PATTERN, Dictionary

GUIDES: Final = "1.2.643.5.1.13.13.99.2.805"
ANY: Final[frozenset[str]] = frozenset()
"""Every version of the dictionary is allowed, or nobody can tell which are."""
_COLUMNS: Final = ("IG_OID", "DICT_OID", "DICT_VERSION")
_BETWEEN: Final = re.compile(r"[;,\s]+")

Allowed = Mapping[str, frozenset[str]]
"""Versions allowed by the OID of a dictionary; ``ANY`` allows all."""


def allowed_by_guide(dictionary: Dictionary) -> dict[str, dict[str, frozenset[str]]]:
    """Read dictionary 805: by guide, what it allows; empty when the edition has other columns."""
    if not set(_COLUMNS) <= set(dictionary.columns):
        return {}
    found: dict[str, dict[str, frozenset[str]]] = {}
    for guide, oid, versions in dictionary.rows(*_COLUMNS):
        allowed = found.setdefault(guide.strip(), {})
        fresh = _versions(versions)
        known = allowed.get(oid.strip())
        allowed[oid.strip()] = fresh if known is None else known | fresh if known and fresh else ANY
    return found


def _versions(text: str) -> frozenset[str]:
    """Return the versions a cell lists; «*», nothing, or a form nobody knows allow any."""
    listed = [one for one in _BETWEEN.split(text.strip()) if one]
    return frozenset(listed) if all(VERSION_PATTERN.fullmatch(one) for one in listed) else ANY
