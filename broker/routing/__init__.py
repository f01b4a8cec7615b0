"""The routing table: who must have a document, by rules as data, every decision explained (pure)."""
