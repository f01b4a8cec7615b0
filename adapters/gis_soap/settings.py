"""How is a region's ГИС set up: the plain parameters of a destination and of a clinic read into one value."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from broker.adapter_kit import Context, Held, Parcel

KIND_PREFIX: Final = "kind."
RECORD_PREFIX: Final = "record."


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One clinic at one ГИС. ``guid`` is the secret of the information system, ``id_lpu`` the clinic's id there.

    ``guid_is_clinics`` tells whether the secret belongs to this clinic alone; ``duplicate`` recognises the region's own
    text for a repeated document; ``readback`` is the address of status rows, empty where the region has none.
    """

    pix_url: str
    emk_url: str
    guid: str
    guid_is_clinics: bool
    id_lpu: str
    kinds: Mapping[str, str]
    records: Mapping[str, str]
    mime_type: str = "text/xml"
    signatures_required: bool = True
    confidentiality: int | None = None
    duplicate: re.Pattern[str] | None = None
    readback: str = ""


def read_settings(parcel: Parcel, context: Context) -> Settings | Held:
    """Read the parameters; what is missing or malformed holds the clinic or the whole destination."""
    destination, clinic = context.destination, parcel.clinic.params
    params = destination.params
    if not destination.url:
        return _missing("destination", "адрес сервисов ГИС (url)")
    guid = clinic.get("guid") or destination.secrets.get("guid", "")
    if not guid:
        return _missing("clinic", "guid — идентификатор информационной системы, выданный оператором ГИС")
    if not clinic.get("idLpu"):
        return _missing("clinic", "idLpu — идентификатор медицинской организации в ГИС региона")
    duplicate = _pattern(params.get("duplicateText", ""))
    confidentiality = params.get("confidentiality", "")
    if isinstance(duplicate, Held):
        return duplicate
    if confidentiality and not (confidentiality.isascii() and confidentiality.isdigit()):
        return _missing("destination", "числовой параметр confidentiality")
    base = destination.url.rstrip("/")
    return Settings(
        pix_url=f"{base}/{params.get('pix', 'PixService.svc')}",
        emk_url=f"{base}/{params.get('emk', 'EMKService.svc')}",
        guid=guid,
        guid_is_clinics=bool(clinic.get("guid")),
        id_lpu=clinic["idLpu"],
        kinds=_table(params, KIND_PREFIX),
        records=_table(params, RECORD_PREFIX),
        mime_type=params.get("mimeType", "text/xml"),
        signatures_required=params.get("signatures", "required") != "optional",
        confidentiality=int(confidentiality) if confidentiality else None,
        duplicate=duplicate,
        readback=f"{base}/{params['readback']}" if params.get("readback") else "",
    )


def _table(params: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def _pattern(text: str) -> re.Pattern[str] | Held | None:
    if not text:
        return None
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error:
        return _missing("destination", "правильное регулярное выражение duplicateText")


def _missing(scope: str, what: str) -> Held:
    return Held(
        reason=f"{scope}.parameter_missing",
        text=f"В настройках ГИС не хватает параметра: {what}. Заполните его, и очередь пойдёт сама.",
        scope=scope,
    )
