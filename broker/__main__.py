"""``python -m broker`` is ``inaya``."""

from broker.cli import main

main()
