"""Which templateId does a Schematron demand of a document? Its own word for the kind it was written for."""

import re
from functools import lru_cache
from typing import Final

from broker.validation.schematron.load import SchematronRefused, load

_OWN: Final = re.compile(r"/?\s*ClinicalDocument\s*/\s*templateId\s*")
_INSIDE: Final = re.compile(r"/?\s*(?:ClinicalDocument)?\s*")
_ROOT: Final = re.compile(r"['\"](1\.2\.643\.5\.1\.13(?:\.\d+)+)['\"]")


@lru_cache(maxsize=16)
def templates_demanded(content: bytes) -> tuple[str, ...]:
    """Return the values demanded of ClinicalDocument/templateId/@root, in the order written; none of an unreadable file."""
    try:
        file = load(content)
    except SchematronRefused:
        return ()
    found: list[str] = []
    for pattern in file.patterns:
        for rule in pattern.rules:
            own = _OWN.fullmatch(rule.context) is not None
            inside = _INSIDE.fullmatch(rule.context) is not None
            for assertion in rule.assertions:
                if (own and "@root" in assertion.test) or (inside and "templateId" in assertion.test):
                    found += _ROOT.findall(assertion.test)
    return tuple(dict.fromkeys(found))
