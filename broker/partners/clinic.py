"""A clinic as routing, doors and deliveries know it."""

from enum import StrEnum

import msgspec


class ClinicStatus(StrEnum):
    """May the clinic's documents pass?"""

    ACTIVE = "active"
    """Yes."""
    SUSPENDED = "suspended"
    """Refused at the door; deliveries are held."""
    CLOSED = "closed"
    """Refused at the door for good."""


class RemdLink(StrEnum):
    """Is the clinic linked to our system in РЭМД?"""

    UNKNOWN = "unknown"
    """Nobody asked yet: deliveries to РЭМД are held."""
    REQUESTED = "requested"
    """Asked for, or РЭМД says it is not linked: deliveries are held."""
    CONFIRMED = "confirmed"
    """Documents may go."""


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of a clinic at every step; ``params`` by destination id, ``unlinked``: destinations that deny the link."""

    oid: str
    title: str
    region: str
    ogrn: str = ""
    inn: str = ""
    oms: bool = False
    mcod: str = ""
    status: ClinicStatus = ClinicStatus.ACTIVE
    remd_link: RemdLink = RemdLink.UNKNOWN
    client_entity_id: str = ""
    storage: str = "broker"
    params: dict[str, dict[str, str]] = {}
    unlinked: tuple[str, ...] = ()
