"""``inaya …``: every command of the public contract; one module per family, each a thin door to the room that works."""

from broker.cli.entry import main

__all__ = ["main"]
