"""Writing DER: the dozen lines a container needs, a hundred times faster than a general ASN.1 library (X.690)."""

from typing import Final

SEQUENCE: Final = 0x30
SET: Final = 0x31
OCTET_STRING: Final = 0x04
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
NULL: Final = b"\x05\x00"


def tlv(tag: int, *contents: bytes) -> bytes:
    """Return tag, length and value."""
    value = b"".join(contents)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def sequence(*items: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(SEQUENCE, *items)


def set_of(*items: bytes) -> bytes:
    """Return a SET OF in the order DER wants: by encoding (X.690 §11.6)."""
    return tlv(SET, *sorted(items))


def context(number: int, *contents: bytes) -> bytes:
    """Return a constructed context-specific element ``[number]``."""
    return tlv(0xA0 | number, *contents)


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(OCTET_STRING, value)


def small_integer(value: int) -> bytes:
    """Return an INTEGER from 0 to 127, enough for versions."""
    return tlv(0x02, bytes((value,)))


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    return tlv(0x06, b"".join(_base128(arc) for arc in (first * 40 + second, *rest)))


def _base128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(0x80 | arc & 0x7F)
    return bytes(reversed(digits))
