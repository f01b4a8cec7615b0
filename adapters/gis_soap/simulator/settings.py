"""How is the simulated ГИС set up: who may call it, which types it knows, what its РЭМД does."""

from typing import Final, Literal

import msgspec

OID_SEX: Final = "1.2.643.5.1.13.2.1.1.156"
DICTIONARIES: Final = {
    "IdBloodType": "1.2.643.2.69.1.1.1.3",
    "IdLivingAreaType": "1.2.643.5.1.13.2.1.1.573",
    "SocialGroup": "1.2.643.2.69.1.1.1.4",
    "IdDocumentType": "1.2.643.2.69.1.1.1.6",
}
"""OIDs the platform names in its refusals."""
_RANGES: Final = {
    "Sex": (1, 3),
    "IdBloodType": (1, 8),
    "IdLivingAreaType": (1, 2),
    "SocialGroup": (1, 20),
    "IdDocumentType": (1, 255),
}


class SimSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Every switch of the simulator.

    ``systems``: guid → {idLpu → clinic OID}; empty is an open contour: any guid in the form of a UUID, any idLpu.
    ``document_types``: IdMedDocumentType → whether it may go on to РЭМД (then signatures are demanded); empty: all.
    ``duplicates``: what a repeated IdDocumentMis meets. ``sent_after`` and ``registered_after`` are seconds of the
    simulated clock; ``refused_types``: IdMedDocumentType → Message its РЭМД refuses with. ``ranges``: our guess of the
    codes a dictionary holds, first to last.
    """

    systems: dict[str, dict[str, str]] = {}
    document_types: dict[str, bool] = {}
    duplicates: Literal["fault", "overwrite"] = "fault"
    region: str = "78"
    sent_after: float = 30
    registered_after: float = 120
    refused_types: dict[str, str] = {}
    ranges: dict[str, tuple[int, int]] = msgspec.field(default_factory=lambda: dict(_RANGES))
