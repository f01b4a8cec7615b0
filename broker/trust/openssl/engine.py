"""Where the GOST engine of OpenSSL is, and how it is loaded into this process: once, for good."""

import os
import platform
import threading
from pathlib import Path
from typing import Final

from broker.trust.openssl.library import Library, library
from broker.trust.provider import ProviderUnavailable

SETTING: Final = "INAYA_GOST_ENGINE"
"""Environment variable with the engine's file, for machines that keep it elsewhere; ``off`` does without."""
OFF: Final = "off"

PLACES: Final = (
    f"/usr/lib/{platform.machine()}-linux-gnu/engines-3/gost.so",
    "/usr/lib64/engines-3/gost.so",
    "/usr/lib/engines-3/gost.so",
    "/usr/local/lib64/engines-3/gost.so",
    "/usr/local/lib/engines-3/gost.so",
)
"""Debian's ``libengine-gost-openssl`` first, then where other builds of OpenSSL 3 put engines."""

ABSENT: Final = (
    "Движок ГОСТ для OpenSSL 3 не найден: подписи ГОСТ не проверяются и не создаются. "
    f"Установите пакет libengine-gost-openssl или укажите файл gost.so в {SETTING}."
)
_CIPHERS, _DIGESTS, _KEYS, _KEY_FORMS = 0x0040, 0x0080, 0x0200, 0x0400  # ENGINE_METHOD_*, openssl/engine.h
_METHODS: Final = _CIPHERS | _DIGESTS | _KEYS | _KEY_FORMS
"""What the engine is the default of; random numbers and RSA stay with OpenSSL."""

_lock = threading.Lock()
_loaded: dict[str, str] = {}
"""The engine's file and why it could not be loaded, empty where it was."""


def find_engine(path: str | None = None) -> Path | None:
    """Return the engine's file: the one named, by the caller or by the setting, else the first that exists."""
    named = path or os.environ.get(SETTING, "").strip()
    if named.lower() == OFF:
        return None
    candidates = (named,) if named else PLACES
    return next((Path(place) for place in candidates if Path(place).is_file()), None)


def load_engine(path: str | None = None) -> Library:
    """Load the engine into this process unless it is; return libcrypto. Raises ``ProviderUnavailable``.

    A failure is remembered: a half-loaded engine is not tried again. Another file than the first is refused.
    """
    found = find_engine(path)
    if found is None:
        raise ProviderUnavailable(_absence(path or os.environ.get(SETTING, "").strip()))
    name = str(found)
    with _lock:
        if name not in _loaded:
            if _loaded:
                raise ProviderUnavailable(f"В этом процессе уже загружен движок {next(iter(_loaded))}.")
            _loaded[name] = _load(name)
        failed = _loaded[name]
    if failed:
        raise ProviderUnavailable(failed)
    return library()


def _absence(named: str) -> str:
    if named.lower() == OFF:
        return f"Движок ГОСТ отключён настройкой {SETTING}: подписи ГОСТ не проверяются и не создаются."
    return f"{ABSENT} Файл {named} не существует." if named else ABSENT


def _load(name: str) -> str:
    """Load it; return why it could not be, in Russian, or nothing."""
    crypto = library()
    if crypto.EVP_get_digestbyname(
        b"md_gost12_256"
    ):  # openssl.cnf of this machine has loaded one, and two cannot be
        engine = crypto.ENGINE_by_id(b"gost")
    else:
        engine = crypto.ENGINE_by_id(b"dynamic")
        if not engine:
            return f"Эта сборка OpenSSL не знает движков: {crypto.failure()}."
        commands = ((b"SO_PATH", os.fsencode(name)), (b"ID", b"gost"), (b"LIST_ADD", b"1"), (b"LOAD", None))
        if not all(crypto.ENGINE_ctrl_cmd_string(engine, verb, value, 0) == 1 for verb, value in commands):
            return f"Движок ГОСТ {name} не загрузился: {crypto.failure()}."
    if not engine or crypto.ENGINE_init(engine) != 1:
        return f"Движок ГОСТ {name} не запустился: {crypto.failure()}."
    if crypto.ENGINE_set_default(engine, _METHODS) != 1:
        return f"Движок ГОСТ {name} не подключился: {crypto.failure()}."
    return ""
