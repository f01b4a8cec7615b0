"""What of a stranger's text may stand in a column of ours: PostgreSQL takes no NUL, JSON no half of a surrogate pair.

A submission's fields are refused with words when they do not fit (``submission.py``). Here is what nobody can be told
of any more: the text is made to fit.
"""

import re
from hashlib import sha256
from typing import Final

NUMBER: Final = 200
"""Signs of a document's number that are kept."""
SET_KEY: Final = 500
"""Signs of a set's key that are kept as they are; the indexes on it hold at most 2,700 bytes of a row."""
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_MARK: Final = "\ufffd"


def fitting(text: str, most: int) -> str:
    """Return at most ``most`` signs of the text, every one that is no sign replaced by U+FFFD."""
    return _UNFIT.sub(_MARK, text[:most])


def set_key(root: str, extension: str) -> str:
    """Return the key under which the versions of one document find each other, '' without a set.

    One too long to be indexed is known by its digest: cut off, two sets could become one.
    """
    key = f"{root}^{extension}" if extension else ""
    if len(key) <= SET_KEY:
        return fitting(key, SET_KEY)
    return f"sha256:{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
