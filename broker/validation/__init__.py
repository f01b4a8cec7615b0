"""Validation: rule sets as data, layers that do not hide one another, one report for all of them."""
