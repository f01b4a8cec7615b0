"""Deliveries: what an outcome means, when to try again, when to hold, when to give up (pure decisions)."""
