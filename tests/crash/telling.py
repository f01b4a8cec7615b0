"""Lines for the person at the terminal."""

import sys


def say(text: str = "") -> None:
    """Write one line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
