"""Under which account a server runs: our own, or an unprivileged one when we are root, and whether it can get in."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
from pathlib import Path
from typing import Final

import msgspec

_SETPRIV: Final = shutil.which("setpriv")


class Account(msgspec.Struct, frozen=True):
    """A user of the system a server is run as."""

    name: str
    uid: int
    gid: int


def server_account(preferred: str) -> Account | None:
    """Return the account a server takes when we are root: ``preferred`` if it exists, else nobody; None: our own."""
    if os.geteuid() != 0:
        return None
    for name in (preferred, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise LookupError("neither the server's account nor nobody exists")


def bound_command(
    command: tuple[str, ...], account: Account | None, death: signal.Signals | None = None
) -> tuple[str, ...]:
    """Wrap a command so that it drops to ``account`` and gets ``death`` when the process that started it dies.

    Done by setpriv of util-linux, which replaces itself with the command: the process id stays. In this order, because
    the kernel forgets PR_SET_PDEATHSIG on a change of user (prctl(2)).
    """
    if _SETPRIV is None:
        if account is not None:
            raise FileNotFoundError(
                "нет программы setpriv (пакет util-linux): сервер нельзя запустить без прав root"
            )
        return command
    options: list[str] = []
    if account is not None:
        options += ["--reuid", str(account.uid), "--regid", str(account.gid), "--clear-groups"]
    if death is not None:
        options += ["--pdeathsig", death.name.removeprefix("SIG")]
    return (_SETPRIV, *options, "--", *command) if options else command


async def run_once(
    command: tuple[str, ...],
    *,
    account: Account | None = None,
    env: dict[str, str] | None = None,
    stdin: bytes = b"",
    timeout: float = 60.0,
    patience: float = 0.0,
) -> tuple[int, str]:
    """Run a short command to its end; return its status and what it said.

    After ``timeout`` seconds, or when we are cancelled, it is killed; with ``patience`` it is interrupted first and has
    that many seconds to leave its own work whole, and our death does not end it.
    """
    process = await asyncio.create_subprocess_exec(
        *bound_command(command, account, None if patience else signal.SIGKILL),
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=env,
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            output, _ = await process.communicate(stdin or None)
    finally:
        if process.returncode is None:
            await _end(process, patience)
    return process.returncode or 0, output.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    if patience:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


async def closed_to(account: Account | None, path: Path) -> Path | None:
    """Return the first directory on the way to ``path`` that ``account`` may not pass, or None when it gets there."""
    if account is None:
        return None
    ways = [str(way) for way in (*reversed(path.parents), path)]
    script = 'for way in "$@"; do test -x "$way" || { printf %s "$way"; exit 1; }; done'
    status, output = await run_once(("/bin/sh", "-c", script, "sh", *ways), account=account)
    return Path(output) if status else None
