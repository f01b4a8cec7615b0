"""What an operator says of a signing means in its settings: how long it may take, under which certificate it is a СКЗИ."""

from collections.abc import Mapping
from typing import Final

from broker.trust.provider import ProviderUnavailable

LONGEST: Final = 300.0
"""Seconds any means may take."""
_SHOWN: Final = 24
_MOST: Final = 200
"""Signs of a text that goes on into receipts."""


def seconds(params: Mapping[str, str], usual: float) -> float:
    """Return ``params["timeout"]`` in seconds, or the usual; raise ``ProviderUnavailable`` naming the setting."""
    text = params.get("timeout", "").strip()
    if not text:
        return usual
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = 0.0
    if not 0 < value <= LONGEST:
        shown = printable(text)[:_SHOWN]
        raise ProviderUnavailable(
            f"Параметр sign.timeout — секунды, число больше 0 и не больше {LONGEST:.0f}; задано «{shown}»."
        )
    return value


def certificate_of(params: Mapping[str, str]) -> str:
    """Return the certificate number of the means as the operator states it: free text for receipts, empty: none."""
    return printable(params.get("certified", ""))


def uncertifiable(provider: str, params: Mapping[str, str]) -> None:
    """Refuse a certificate stated of a means that has none; raise ``ProviderUnavailable`` naming the setting."""
    if certificate_of(params):
        raise ProviderUnavailable(
            f"Параметр sign.certified задан, а средство {provider} сертификата не имеет: уберите параметр или "
            "подключите сертифицированное средство (cryptopro-cli, remote)."
        )


def printable(text: str) -> str:
    """Return a text as it may stand in a receipt: one line of printable signs, not too long."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())[:_MOST]
