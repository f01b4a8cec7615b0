"""The kinds of documents as the delivery describes them."""

from pathlib import Path

from broker.document.kind import KindCatalogue
from broker.settings import Settings


def catalogue(settings: Settings) -> KindCatalogue:
    """Read the kinds of documents of the delivery."""
    return KindCatalogue.load(Path(settings.data.schemas_dir) / "nsi" / "kinds.toml")


def kinds_by_code(settings: Settings) -> dict[str, str]:
    """Return what the kinds of documents are called."""
    return {card.code: card.name for card in catalogue(settings)}
