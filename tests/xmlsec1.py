"""Where the program xmlsec1 is, the third voice about XML signatures; it is installed where that is allowed."""

import asyncio
import os

from broker.dev.install import InstallPolicy, Missing, ensure_xmlsec1


def _found() -> tuple[str, str]:
    found = asyncio.run(ensure_xmlsec1(InstallPolicy.of(os.environ)))
    return ("", str(found)) if isinstance(found, Missing) else (str(found), "")


XMLSEC1, MISSING = _found()
"""The program, empty where it cannot be had, and why."""
