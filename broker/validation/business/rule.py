"""A named rule: what does it demand, who says so, how much does that count, and where does a document break it?

The business and the metadata layer are made of these. A rule is data with one function; its name is the code of its
findings, so that a partner, a profile and the reference page speak of the same thing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final, NamedTuple, TypeVar, cast

import msgspec
from lxml.etree import _Element as Element

from broker.document.canonical import CanonicalDocument
from broker.document.facts import SubmissionFacts
from broker.document.finding import Finding, Layer, Responsible, Severity, Source
from broker.document.kind import KindCard
from broker.document.markup import Markup
from broker.validation.report import LayerRun

T = TypeVar("T")
MAX_PER_RULE: Final = 20
"""Findings one rule may make of one document."""


class Subject:
    """What a rule may look at; ``card`` is None for an unknown kind, ``at`` is when the document was handed over.

    The tree is walked once for all rules, and a way looked up once.
    """

    __slots__ = ("_read", "at", "card", "document", "facts", "markup", "outline")

    def __init__(
        self,
        *,
        markup: Markup,
        document: CanonicalDocument,
        card: KindCard | None,
        at: datetime,
        facts: SubmissionFacts = SubmissionFacts(),  # noqa: B008 - a frozen value
    ) -> None:
        self.markup = markup
        self.document = document
        self.card = card
        self.at = at
        self.facts = facts
        self.outline = markup.outline
        self._read: dict[object, object] = {}

    def of(self, *tags: str) -> Sequence[Element]:
        """Return the elements of these Clark names, tag by tag in the order of the document."""
        if len(tags) == 1:
            return self.outline.of(tags[0])
        return [element for tag in tags for element in self.outline.of(tag)]

    def find(self, path: str) -> Element | None:
        """Return the first element a path of Clark names leads to."""
        return self.outline.first(path)

    def all(self, path: str) -> Sequence[Element]:
        """Return the elements a path of Clark names leads to."""
        return self.outline.all(path)

    def once(self, read: "Callable[[Subject], Iterable[T]]") -> list[T]:
        """Return what a reading of the document yields, read once for all rules that ask."""
        if read not in self._read:
            self._read[read] = list(read(self))
        return cast("list[T]", self._read[read])

    def at_path(self, path: str) -> Element:
        """Return the element a path of Clark names leads to, or the last one on the way that is there."""
        found = self.find(path)
        while found is None and "/" in path:
            path = path.rpartition("/")[0]
            found = self.find(path)
        return self.markup.root if found is None else found


class Breach(NamedTuple):
    """One place where a rule is broken, in Russian; an empty ``fix`` means the rule's own cure says it all."""

    element: Element | None
    message: str
    fix: str = ""
    value: str | None = None
    expected: str | None = None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: ``title`` says what must hold, ``fix`` what to do when it does not, ``why`` who demands it (all Russian).

    ``remd_code`` is what РЭМД would answer (НСИ 1.2.643.5.1.13.13.99.2.305). Own rules warn, the others block, unless
    ``severity`` says otherwise; a rule set or a profile may change that again.
    """

    name: str
    title: str
    layer: Layer = Layer.BUSINESS
    source: Source
    why: str
    fix: str
    check: Callable[[Subject], Iterator[Breach]]
    who: Responsible = Responsible.MIS
    remd_code: str | None = None
    severity: Severity | None = None

    @property
    def weight(self) -> Severity:
        """Return how much the rule counts by itself."""
        if self.severity is not None:
            return self.severity
        return Severity.WARNING if self.source is Source.OWN else Severity.ERROR

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """Yield where the document breaks the rule, up to a bound."""
        for breach in islice(self.check(subject), MAX_PER_RULE):
            yield self.finding(breach, subject)

    def finding(self, breach: Breach, subject: Subject) -> Finding:
        """Word one breach."""
        return Finding(
            layer=self.layer,
            severity=self.weight,
            code=self.name,
            message=breach.message,
            fix=breach.fix or self.fix,
            location=None if breach.element is None else subject.markup.locate(breach.element),
            value=breach.value,
            expected=breach.expected,
            responsible=self.who,
            source=self.source,
            remd_code=self.remd_code,
        )


def apply(rules: Sequence[Rule], subject: Subject) -> tuple[tuple[Finding, ...], LayerRun]:
    """Let every rule judge a document, and count them."""
    found = tuple(
        rule.finding(breach, subject)
        for rule in rules
        for breach in islice(rule.check(subject), MAX_PER_RULE)  # of a good document nothing is worded
    )
    return found, LayerRun(ran=True, rules=len(rules), evaluated=len(rules))
