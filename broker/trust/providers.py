"""Which providers this process computes with.

A process with an event loop has RSA alone. One that computes (a compute process, a tool, a test) calls ``prepare_trust``
at its start, which loads the GOST engine where there is one.
"""

import msgspec

from broker.trust.openssl import load_gost
from broker.trust.provider import RSA_PROVIDER, CompositeProvider, Provider, ProviderUnavailable


class Prepared(msgspec.Struct, frozen=True):
    """What a process computes with; ``gost_missing`` says in Russian why ГОСТ cannot be computed, empty where it can."""

    provider: Provider
    gost_missing: str = ""


def providers(engine: str | None = None) -> Provider:
    """Return every provider of this machine as one: ГОСТ where its engine loads and passes its self-test, and RSA.

    ``engine`` is the file of the engine; without it the setting and the usual places are looked at. Loads the engine into
    this process for good.
    """
    return _prepared(engine).provider


def _prepared(engine: str | None) -> Prepared:
    try:
        return Prepared(CompositeProvider((load_gost(engine or None), RSA_PROVIDER)))
    except ProviderUnavailable as unavailable:
        return Prepared(RSA_PROVIDER, unavailable.reason)


class _Process:
    prepared = Prepared(RSA_PROVIDER, "Процесс не подготовлен к вычислениям ГОСТ.")


def prepare_trust(engine: str | None = None) -> Prepared:
    """Set this process up to compute whatever the machine can; never in a process with an event loop."""
    _Process.prepared = _prepared(engine)
    return _Process.prepared


def process_provider() -> Provider:
    """Return what this process computes with: RSA alone until ``prepare_trust`` was called."""
    return _Process.prepared.provider
