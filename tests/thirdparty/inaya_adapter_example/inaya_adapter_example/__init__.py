"""A third party's adapter: hands a document to an archive over HTTP with one PUT."""

from inaya_adapter_example.adapter import HttpArchive

ADAPTER = HttpArchive()

__all__ = ["ADAPTER", "HttpArchive"]
