"""Who may do what, and the operator's commands as values: authorised, journalled, reversible where they can be."""
