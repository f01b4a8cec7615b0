"""The sender's words about a document, under the name this room speaks of them."""

from broker.document.facts import SignatureFacts, SubmissionFacts

__all__ = ["SignatureFacts", "SubmissionFacts"]
