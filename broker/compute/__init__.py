"""Supervised processes for CPU work: one that exceeds its time or memory is killed, the others go on."""
