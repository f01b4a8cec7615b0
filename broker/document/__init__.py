"""The canonical data model (pure values): what a document is, who signed it, where it goes, what came of it."""
