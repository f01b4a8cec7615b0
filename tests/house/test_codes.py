"""The catalogue of codes is complete: everything the program says is explained, everything explained is said."""

import ast
import re
from collections.abc import Iterator

import pytest
from tree import ROOT, modules, name_of, source, syntax

from broker.document.codes import CodeCard, card_of, load_codes
from broker.document.event import EventName
from broker.document.zip_reading import ZipFault
from broker.trust.verdict import SignatureCode
from broker.validation.profiles import RULES

CODE = re.compile(
    r"(?:partner|operator|registration|clinic|intake|http|sim|xml|kind|cda|document|xsd|schematron|business|metadata|"
    r"signature|oms|delivery|lookup|content|destination|adapter|callback|receipts|nsi|policy|normalise|remd|gis|tfoms|folder|pack)"
    r"\.[a-z0-9_]+"
)
NOT_CODES = {
    "tfoms.77": "a destination",
    "partner.credential_issued": "an event of the journal",
    "registration.submitted": "an event of the journal",
    "receipts.partner": "a queue",
    "document.xml": "a file",
}
PREFIXES = (
    "tfoms.answer_",
    "destination.answer_",
    "destination.http_",
    "destination.envelope_",
    "destination.callback_",
)


def _is_logged(parent: ast.AST) -> bool:
    """Events of the log and the names of tasks are not codes."""
    if not isinstance(parent, ast.Call):
        return False
    called = ast.unparse(parent.func)
    return bool(re.search(r"log\(?\)?\.(debug|info|warning|error)$|_log\.|record_bug|create_task", called))


def _said(path) -> Iterator[str]:
    tree = syntax(path)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from [node.value] if CODE.fullmatch(node.value) and _speaks(parents[node]) else []


def _speaks(parent: ast.AST) -> bool:
    if isinstance(parent, ast.keyword):
        return parent.arg in {"code", "reason", "note"}
    return not _is_logged(parent) and not isinstance(parent, ast.Compare)


EVENTS = {name.value for name in EventName}
SILENT = {
    "event.py": "names of events",
    "killpoints.py": "names of kill points",
    "words.py": "labels of the console",
}


def said(*rooms: str) -> set[str]:
    found = set()
    for path in modules(*rooms):
        if "simulator" not in path.parts and "samples" not in path.parts and path.name not in SILENT:
            found |= {
                code
                for code in _said(path)
                if code not in EVENTS and not code.endswith((".toml", ".html", ".xsd"))
            }
    return found - set(NOT_CODES) - set(PREFIXES)


def composed() -> set[str]:
    """Codes put together at run time from closed sets and literal tails, and the names of the named rules."""
    xsd = source(ROOT / "broker/validation/xsd_messages.py")
    registry = "\n".join(source(p) for p in modules("broker") if "/registry/" in name_of(p))
    trust = "\n".join(source(path) for path in sorted((ROOT / "broker/trust").glob("*.py")))
    found = {f"xsd.{tail}" for tail in re.findall(r"_case\(\s*[^,]+?,\s*\"([a-z_]+)\"", xsd, re.DOTALL)}
    found |= {
        f"oms.{tail}"
        for tail in re.findall(r"(?:finding|_disagreement|_keyless)\(\s*(?:\w+,\s*)?\"([a-z_]+)\"", registry)
    }
    found |= {rule.name for rule in RULES}
    found |= {f"oms.zip_{fault}" for fault in ZipFault}
    found |= {f"signature.{tail}" for tail in re.findall(r"(?:finding|_Words)\(\s*\"([a-z_]+)\"", trust)}
    found |= {f"signature.{tail}" for tail in re.findall(r"yield \"[а-яё]+\", \"([a-z_]+)\"", trust)}
    return found | {f"signature.{code.lower()}" for code in SignatureCode if code is not SignatureCode.OK}


def cards() -> tuple[CodeCard, ...]:
    adapters = [load_codes(path) for path in sorted((ROOT / "adapters").glob("*/codes.toml"))]
    return (*load_codes(), *(card for found in adapters for card in found))


def test_every_code_that_is_said_is_explained():
    known = cards()
    assert (
        sorted(code for code in said("broker", "adapters") | composed() if card_of(code, known) is None) == []
    )


def test_every_code_that_is_explained_is_said():
    spoken = said("broker", "adapters") | composed() | EVENTS
    stale = [card.id for card in cards() if not card.id.endswith("*") and card.id not in spoken]
    assert stale == []


def test_every_family_has_a_root_in_the_program():
    program = "\n".join(source(path) for path in modules("broker", "adapters"))
    roots = {"remd.*": 'origin="remd"', "gis.*": 'origin="gis"', "oms.zip_*": "zip_{", "http.*": 'f"http.{'}
    families = [card.id for card in cards() if card.id.endswith("*")]
    assert [family for family in families if roots.get(family, family[:-1]) not in program] == []


def test_no_code_is_explained_twice():
    ids = [card.id for card in cards()]
    assert sorted({code for code in ids if ids.count(code) > 1}) == []


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_an_explanation_is_a_russian_sentence(card):
    assert card.means.endswith((".", "…"))
    assert card.do.endswith((".", "…", "}."))
    assert re.search("[а-я]", card.means)
    assert re.search("[а-я]", card.do)
