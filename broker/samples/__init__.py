"""Invented people, clinics, documents, faults and registries: what the demo, the tests, the bench and the sandbox submit.

Everything follows from a seed and a given instant; nothing here is taken from a real person, clinic or document.
"""
