"""PostgreSQL, the truth: one repository per room over queries kept in ``queries/*.sql`` under a name and a sentence."""
