"""What is told about the work: event names, metrics and the log; no personal data, no driver."""
