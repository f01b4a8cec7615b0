"""The adapter of РЭМД (Реестр электронных медицинских документов, ЕГИСЗ); ``ADAPTER`` is what the entry point names."""

from adapters.remd.adapter import RemdAdapter

ADAPTER = RemdAdapter()

__all__ = ["ADAPTER", "RemdAdapter"]
