"""Adapters: one folder per outside system, found by entry point, unknown to the broker and to each other."""
