"""НСИ Минздрава over its REST service: passports, pages of editions, versions, the catalogue."""

from adapters.nsi.client import NsiSource

SOURCE = NsiSource
"""The factory the group ``inaya.dictionaries`` names."""

__all__ = ["SOURCE", "NsiSource"]
