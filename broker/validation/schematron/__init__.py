"""Schematron in its plain form: one XPath 1.0 per assertion, run on lxml; the oracle of every faster form."""
