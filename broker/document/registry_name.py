"""The name of a registry of bills: ``HM650001T65_2401001`` says who bills whom for which month, packet by packet.

Grammar ``<X>PiNiPpNp_YYMMN`` of ФФОМС order №79 as seen in Q015 (006F rules) and in names of several regions.
"""

import re
from typing import Final

import msgspec

_MAIN: Final = re.compile(
    r"(?P<type>H|C|T|D[A-Z])(?P<pi>[MST])(?P<ni>\d{2,6})(?P<pp>[MST])(?P<np>\d{2,6})"
    r"_(?P<yy>\d{2})(?P<mm>0[1-9]|1[0-2])(?P<n>\d{1,10})"
)
_CODE_LENGTH: Final = {"M": 6, "S": 5, "T": 2}
_EXTENSION: Final = re.compile(r"\.(xml|zip)$", re.IGNORECASE)
_PERSON_PREFIXES: Final = {"H": ("L", "LH"), "C": ("L", "LC"), "T": ("LT",)}


class RegistryName(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed name of the main file.

    ``type`` is H, C, T or D*; the kinds are M (МО), S (СМО), T (ТФОМС), with codes of 6, 5 and 2 digits;
    ``year`` and ``month`` are two digits each, ``number`` the packet.
    """

    text: str
    type: str
    source_kind: str
    source: str
    receiver_kind: str
    receiver: str
    year: str
    month: str
    number: str

    @property
    def tail(self) -> str:
        """What follows the type letters: the person file repeats it."""
        return self.text[len(self.type) :]


def parse_registry_name(text: str) -> RegistryName | None:
    """Read the name of a main file (no extension, upper case), or return None when it breaks the grammar."""
    match = _MAIN.fullmatch(text)
    if match is None:
        return None
    pi, ni, pp, np = match["pi"], match["ni"], match["pp"], match["np"]
    if len(ni) != _CODE_LENGTH[pi] or len(np) != _CODE_LENGTH[pp]:
        return None
    return RegistryName(
        text=text,
        type=match["type"],
        source_kind=pi,
        source=ni,
        receiver_kind=pp,
        receiver=np,
        year=match["yy"],
        month=match["mm"],
        number=match["n"],
    )


def person_names(main: RegistryName) -> tuple[str, ...]:
    """Return the names the person file may bear; regions differ for C (``LM``, ``LCM``) and H (``LM``, ``LHM``)."""
    prefixes = _PERSON_PREFIXES.get(main.type) or ("L" + main.type[1:],)
    return tuple(prefix + main.tail for prefix in prefixes)


def bare_name(text: str) -> str:
    """Return a file name without path blanks and ``.xml``/``.zip`` of any case, in upper case."""
    return _EXTENSION.sub("", text.strip()).upper()
