"""One report, three forms: text for a terminal, JSON for a program, HTML for a person; all read ``entries`` and ``Summary``."""
