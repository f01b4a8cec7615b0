"""The business layer: named rules no schema states, one module per theme, gathered in ``rules``.

A rule of РЭМД's own check list or of a dictionary blocks; what some guides state and we extend to every kind warns.
"""
