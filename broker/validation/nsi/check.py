"""The НСИ layer: is every coded value one of the edition of the dictionary it names, under that edition's names?

Values are judged by the edition the document states. What НСИ published is a fact and blocks; what we cannot know — an
edition or a dictionary we do not hold — warns or is counted in the layer's note (semd.md §3.8).
"""

from typing import Final

from lxml.etree import _Element as Element

from broker.document.finding import Finding
from broker.document.markup import Markup, name_of
from broker.validation.nsi import wording
from broker.validation.nsi.dictionary import tidy, version_order
from broker.validation.nsi.rules import ROOTS, tags_of
from broker.validation.nsi.shelf import Dictionaries, Edition, Standing
from broker.validation.report import LayerRun, skipped

MAX_FINDINGS: Final = 100
"""Findings of this layer on one document; the note says when there were more."""
NO_DICTIONARIES: Final = "справочники НСИ не загружены"
NONE_HELD: Final = "ни один справочник этого документа не загружен"
CHECKS: Final = 5
"""Dictionary, version, code, name, name of the dictionary."""
_NAMED: Final = 5
_SILENT: Final = frozenset({Standing.HELD, Standing.SKIPPED, Standing.UNKNOWN, Standing.UNREADABLE})
"""Nothing is found wrong; the note counts the last three."""
_NO_EDITION: Final = frozenset(
    {Standing.MALFORMED_OID, Standing.MALFORMED_VERSION, Standing.UNPUBLISHED, Standing.NO_VERSION}
)
"""What the document names is no edition: its own fault is told, and nothing more is asked of it."""


def check(markup: Markup, shelf: Dictionaries, guide: str = "") -> tuple[tuple[Finding, ...], LayerRun]:
    """Compare every coded value of the configured elements; elements with nullFlavor are left alone.

    ``guide`` is the OID of the implementation guide of the document's kind, for what dictionary 805 says of it.
    """
    if not len(shelf):
        return (), skipped(NO_DICTIONARIES)
    examined = _Examination(markup, shelf, guide)
    for element in markup.root.iter(*tags_of(shelf.rules.elements)):
        system = element.get("codeSystem")
        if system is not None and element.get("nullFlavor") is None:
            examined.judge(element, system)
    return tuple(examined.found), examined.run()


class _Examination:
    """One document: what was found, and what could not be judged."""

    def __init__(self, markup: Markup, shelf: Dictionaries, guide: str) -> None:
        self._markup = markup
        self._shelf = shelf
        self._allowed = shelf.allowed(guide)
        self._standings: dict[tuple[str, str], tuple[Standing, Edition | None]] = {}
        self._titles: set[tuple[str, str, str]] = set()
        self._judged = 0
        self._more = False
        self.found: list[Finding] = []

    def judge(self, element: Element, system: str) -> None:
        """Judge one coded value."""
        version = element.get("codeSystemVersion", "")
        place = (system, version)
        known = self._standings.get(place)
        if known is None:
            known = self._standings[place] = self._shelf.standing(system, version)
            self._tell_standing(element, known[0], place)
            if self._allowed and known[0] not in _NO_EDITION:
                self._tell_disallowed(element, system, version)
        edition = known[1]
        if edition is None:
            return
        self._judged += 1
        code, stated = element.get("code", ""), element.get("displayName")
        if stated is None or not edition.lookup.has(code, stated):
            self._compare(element, edition, code, stated, certain=known[0] is Standing.HELD)
        title = element.get("codeSystemName")
        if title and edition.full_name and title != edition.full_name:
            self._compare_title(element, edition, title)

    def _compare(
        self, element: Element, edition: Edition, code: str, stated: str | None, *, certain: bool
    ) -> None:
        """Look closer at a value that is not letter for letter a row of the edition."""
        names = edition.lookup.names(code)
        if self._full():
            return
        if not names:
            self._tell_code(element, edition, code, tidy(stated or ""), certain=certain)
        elif edition.compares_names:
            self._compare_name(element, edition, stated, names, certain=certain)

    def run(self) -> LayerRun:
        """Say how much was compared and what was not."""
        unknown = self._oids(Standing.UNKNOWN)
        if not self._judged and not self.found and unknown:
            return skipped(f"{NONE_HELD}: {_listed(unknown)}")
        parts = [
            f"не загружены справочники: {_listed(unknown)}" if unknown else "",
            f"не сверяются по настройке: {_listed(left)}" if (left := self._oids(Standing.SKIPPED)) else "",
            f"не читаются: {_listed(bad)}" if (bad := self._oids(Standing.UNREADABLE)) else "",
            "показаны не все замечания: их слишком много" if self._more else "",
        ]
        note = "; ".join(part for part in parts if part)
        return LayerRun(ran=True, rules=CHECKS, evaluated=self._judged, note=note)

    def _oids(self, standing: Standing) -> list[str]:
        return sorted({oid for (oid, _), (its, _) in self._standings.items() if its is standing})

    def _tell_standing(self, element: Element, standing: Standing, place: tuple[str, str]) -> None:
        if standing in _SILENT or self._full():
            return
        held = self._shelf.versions(place[0])
        self._tell(wording.of_standing(standing, place, held, self._markup.locate(element)))

    def _tell_disallowed(self, element: Element, oid: str, version: str) -> None:
        """Compare with what the guide allows, once for an edition."""
        versions = self._allowed.get(oid)
        if versions is None and oid.startswith(ROOTS):
            self._tell(wording.dictionary_not_allowed(oid, self._markup.locate(element)))
        elif versions and version not in versions:
            newest_first = tuple(sorted(versions, key=version_order, reverse=True))
            location = self._markup.locate(element)
            self._tell(wording.version_not_allowed(oid, version, newest_first, location))

    def _tell_code(
        self, element: Element, edition: Edition, code: str, stated: str, *, certain: bool
    ) -> None:
        self._tell(
            wording.unknown_code(
                edition,
                name_of(str(element.tag)),
                code,
                right=edition.lookup.code_of(stated),
                certain=certain,
                location=self._markup.locate(element),
            )
        )

    def _compare_name(
        self, element: Element, edition: Edition, stated: str | None, names: tuple[str, ...], *, certain: bool
    ) -> None:
        if not stated:
            self._tell(wording.name_missing(edition, names[0], self._markup.locate(element)))
        elif tidy(stated) not in names:
            public = edition.lookup.code_of(tidy(stated)) is not None
            location = self._markup.locate(element)
            self._tell(
                wording.name_mismatch(edition, stated, names[0], location, public=public, certain=certain)
            )

    def _compare_title(self, element: Element, edition: Edition, title: str) -> None:
        """Compare the dictionary's own name, once for each way it is written."""
        place = (edition.oid, edition.version, title)
        if place in self._titles or self._full():
            return
        self._titles.add(place)
        if tidy(title) != tidy(edition.full_name):
            self._tell(wording.other_title(edition, title, self._markup.locate(element)))

    def _tell(self, finding: Finding | None) -> None:
        if finding is not None:
            self.found.append(finding)

    def _full(self) -> bool:
        """Tell whether no more is said; asked before a finding is worded, so that a thousand cost what a hundred do."""
        self._more = self._more or len(self.found) >= MAX_FINDINGS
        return self._more


def _listed(oids: list[str]) -> str:
    rest = len(oids) - _NAMED
    named = ", ".join(oid[:80] for oid in oids[:_NAMED])
    return f"{named} и ещё {rest}" if rest > 0 else named
