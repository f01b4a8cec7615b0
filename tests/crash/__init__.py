"""``make crash``: documents under load while everything they pass through is killed, frozen, or dies between two writes."""
