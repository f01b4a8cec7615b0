"""Invented people, clinics, documents, faults and registries: what the demo, the tests, the bench and the sandbox submit.

Everything follows from a seed and a given instant; nothing here is taken from a real person, clinic or document.
Start from ``people.Population``; ``sample.make_sample`` and ``submission.make_submission`` make a submission,
``faults.FAULTS`` spoils it, ``registers.registers_of`` tells a simulator the truth, ``registry.make_registry`` bills.
"""
