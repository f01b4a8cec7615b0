"""Fields that are written whatever they hold: the contract promises them, so a partner may read them without asking.

``omit_defaults`` leaves out what was not said; a promised field keeps a default all the same, because rows stored before
it was promised must stay readable.
"""

from copy import copy
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def always(value: T) -> T:
    """Declare a field with this default that is written even when it holds it."""
    made: T = msgspec.field(default_factory=lambda: copy(value))  # of a factory msgspec leaves nothing out
    return made


def promised(shape: type[msgspec.Struct]) -> list[str]:
    """Return the encoded names of the fields that are always there, in order."""
    fields = msgspec.structs.fields(shape)
    if not shape.__struct_config__.omit_defaults:
        return [field.encode_name for field in fields]
    return [field.encode_name for field in fields if field.required or _is_written(field.default_factory)]


def _is_written(factory: Any) -> bool:
    return factory is not msgspec.NODEFAULT and factory not in {list, dict, set}
