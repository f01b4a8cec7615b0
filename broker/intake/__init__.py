"""Idempotent receiver: turns what a door read into an arrival, and decides what a repeated one means (pure)."""
