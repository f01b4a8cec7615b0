"""Versions, series and links at the simulated РЭМД: may this document stand where it wants to among the registered ones?"""

from adapters.remd.simulator import texts
from adapters.remd.simulator.ledger import Ledger
from adapters.remd.simulator.registers import Kind, SimSettings
from adapters.remd.simulator.requests import Request
from adapters.remd.simulator.texts import Refusal


def line_refusals(request: Request, chain: str, settings: SimSettings, ledger: Ledger) -> list[Refusal]:
    """Check the series, the version within its line, and the links of a document that is not registered yet."""
    kind = next((row for row in settings.kinds or () if row.kind == request.kind), Kind(kind=request.kind))
    found: list[Refusal] = []
    if kind.series_required and not request.series:
        found.append(texts.forced("SERIES_REQUIRED"))
    versions = ledger.versions(chain)
    if versions and not kind.new_versions:
        found.append(texts.no_new_version(request.kind))
    elif request.version and request.version <= versions:
        found.append(texts.forced("CANT_REG_VERSION"))
    return found + _link_refusals(request, kind, settings, ledger)


def _link_refusals(request: Request, kind: Kind, settings: SimSettings, ledger: Ledger) -> list[Refusal]:
    found: list[Refusal] = []
    for place, link in enumerate(request.links):
        if kind.associations is not None and link.type not in kind.associations:
            found.append(texts.forced("CAN_NOT_ASSOCIATE"))
        elif link in request.links[:place]:
            found.append(texts.forced("NOT_UNIQUE_ASSOCIATION"))
        elif (
            settings.known is not None
            and link.target not in settings.known
            and ledger.numbered(link.target) is None
        ):
            found.append(texts.forced("REGISTRY_ITEM_NOT_FOUND"))
    return found
