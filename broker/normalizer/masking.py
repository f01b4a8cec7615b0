"""How a value is shown in a diff: codes and OIDs as they are, whatever may be personal as its form only.

A mask keeps the marks between letters and digits, so that a change of form is seen and the value is not.
"""

import re
from typing import Final

from broker.document.identity import is_oid

OPEN: Final = frozenset(
    {
        "root",
        "codeSystem",
        "codeSystemVersion",
        "codeSystemName",
        "nullFlavor",
        "typeCode",
        "classCode",
        "moodCode",
        "use",
        "schemaLocation",
        "noNamespaceSchemaLocation",
        "type",
    }
)
"""Attributes whose values say nothing of a person."""
_OPEN_TIMES: Final = frozenset({"effectiveTime", "low", "high", "time"})
_LONGEST: Final = 120
_SIGN: Final = re.compile(r"[^\W_]")


def shown(local: str, attribute: str, value: str) -> str:
    """Return a value of an element (by its local name) and attribute (empty for text) as it may be told."""
    bare = attribute.rpartition("}")[2]
    told = bare in OPEN or (bare == "value" and local in _OPEN_TIMES)
    # A diagnosis is a code in an observation's value; elsewhere a code is an entry of the header's dictionaries.
    told = told or (bare == "code" and local not in {"value", "translation"})
    told = told or (bare == "extension" and is_oid(value.strip()))
    scheme = "tel:" if value.startswith("tel:") else ""
    text = value if told else scheme + _SIGN.sub("•", value[len(scheme) : _LONGEST + 1])
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
