"""What state systems answer and what partners are told of it: pure decisions of correlation, order and wording."""
