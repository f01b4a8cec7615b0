"""The reference adapter: an outside system that is a directory. Copy this folder to begin an adapter of your own."""

from adapters.folder.adapter import Folder

ADAPTER = Folder()

__all__ = ["ADAPTER", "Folder"]
