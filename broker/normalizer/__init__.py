"""Normaliser: the form of the input becomes the canonical model; signed bytes are read, never changed."""
