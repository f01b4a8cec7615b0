"""Regional ГИС of the N3 family: patient index and documents over two SOAP services (PixService, EMKService)."""

from adapters.gis_soap.adapter import GisSoap

ADAPTER = GisSoap()

__all__ = ["ADAPTER", "GisSoap"]
