"""Keeps children running: starts them in order, restarts what dies, stops all in reverse order, leaves no orphan.

Three things end a child when we cannot do it ourselves: its own death signal (PR_SET_PDEATHSIG), the guardian process
that outlives us by seconds, and the sweep at the next start.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from broker.dev import guardian
from broker.dev.account import Account, bound_command
from broker.dev.state import StateDir

_ORPHAN_GRACE: Final = 5.0
"""Seconds an orphan has between SIGTERM and SIGKILL."""


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One child as data.

    ``env`` is the whole environment. ``ready`` is asked again and again until it says yes, within ``ready_within``
    seconds; a child without it is ready at once. ``prepare`` runs before every start, after leftovers of the last one
    were ended. ``stop_signal`` asks it to end, ``grace`` seconds later it is killed with its whole session;
    ``death_signal`` is what the kernel sends it should we die first.
    """

    name: str
    command: tuple[str, ...]
    env: dict[str, str]
    cwd: Path
    log: Path
    ready: Callable[[], Awaitable[bool]] | None = None
    prepare: Callable[[], Awaitable[None]] | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    ready_within: float = 60.0
    grace: float = 10.0


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between restarts: doubled from ``first`` to ``longest``, forgotten after ``healthy`` seconds of life."""

    first: float = 0.1
    longest: float = 5.0
    healthy: float = 10.0

    def pause(self, crashes: int) -> float:
        """Return how long to wait after this many crashes in a row (from 1)."""
        return float(min(self.longest, self.first * 2 ** min(crashes - 1, 16)))


class ChildState(StrEnum):
    """How a child is doing."""

    STARTING = "starting"
    """Launched, not ready yet."""
    READY = "ready"
    """Serving."""
    WAITING = "waiting"
    """Died; the next start is near."""
    STOPPED = "stopped"
    """Ended because we asked, or given up on."""


class ChildFailedError(Exception):
    """A child did not become ready at its first start."""

    def __init__(self, name: str, why: str, log: Path) -> None:
        super().__init__(f"{name}: {why}. Подробности в файле {log}.")
        self.name = name
        self.log = log


class Child:
    """One supervised process: ``pid``, ``state`` and ``restarts`` are for looking at."""

    def __init__(
        self, spec: ChildSpec, state_dir: str, tell: Callable[[str], None], backoff: Backoff
    ) -> None:
        self.spec = spec
        self.state = ChildState.STARTING
        self.pid: int | None = None
        self.restarts = 0
        self._state_dir = state_dir
        self._tell = tell
        self._backoff = backoff
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._was_ready = False
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Launch it and wait until it is ready; raise ``ChildFailedError`` when it is not, leaving nothing behind."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
        waiting = asyncio.create_task(self._ready.wait())
        try:
            async with asyncio.timeout(self.spec.ready_within + 5):
                await asyncio.wait({self._keeper, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass
        finally:
            waiting.cancel()
            if not self._ready.is_set():
                code = self._process.returncode if self._process else None
                await self.stop()
        if not self._ready.is_set():
            why = "не запустился вовремя" if code is None else f"завершился при запуске с кодом {code}"
            raise ChildFailedError(self.spec.name, why, self.spec.log)

    async def wait_ready(self) -> None:
        """Wait until it serves, also after a restart."""
        await self._ready.wait()

    async def stop(self) -> None:
        """Ask it to end, wait for ``grace`` seconds, kill what is left of it and of its descendants."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            guardian.strike([process.pid], self.spec.stop_signal)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.spec.grace):
                    await process.wait()
        await self._sweep()
        if self._keeper is not None:
            await self._keeper
        self._settle(ChildState.STOPPED)

    async def _keep(self) -> None:
        """Start, watch, start again: ends when asked to stop or when the very first start comes to nothing."""
        crashes = 0
        while not self._stopping.is_set():
            self._settle(ChildState.STARTING)
            born = asyncio.get_running_loop().time()
            try:
                code = await self._live()
            except OSError as error:
                if not self._was_ready:
                    raise
                code = error.errno or 1
            if self._stopping.is_set() or not self._was_ready:
                break
            lived = asyncio.get_running_loop().time() - born
            crashes = 1 if lived >= self._backoff.healthy else crashes + 1
            self._settle(ChildState.WAITING)
            self._tell(f"{self.spec.name}: процесс завершился ({_ending(code)}), запускаю снова")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._backoff.pause(crashes)):
                    await self._stopping.wait()
            self.restarts += 1
        self._settle(ChildState.STOPPED)

    async def _live(self) -> int:
        """Run one life of the process and return its exit status."""
        await self._sweep()
        if self.spec.prepare is not None:
            await self.spec.prepare()
        if self._stopping.is_set():
            return 0
        self._process = process = await self._spawn()
        self.pid = process.pid
        if self._stopping.is_set():
            guardian.strike([process.pid], signal.SIGKILL)
        watching = asyncio.create_task(self._watch(process))
        try:
            return await process.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _spawn(self) -> asyncio.subprocess.Process:
        mark = guardian.mark_of(self._state_dir, self.spec.name)
        log = os.open(self.spec.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *bound_command(self.spec.command, self.spec.account, self.spec.death_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.spec.env, guardian.MARK: mark},
                cwd=self.spec.cwd,
                start_new_session=True,
            )
        finally:
            os.close(log)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Mark the child ready once its check says so; kill it when that takes too long."""
        try:
            async with asyncio.timeout(self.spec.ready_within):
                while self.spec.ready is not None and not await self.spec.ready():  # noqa: ASYNC110  a server is asked
                    await asyncio.sleep(0.03)
        except TimeoutError:
            self._tell(f"{self.spec.name}: не готов за {self.spec.ready_within:.0f} с, завершаю процесс")
            guardian.strike([process.pid], signal.SIGKILL)
        else:
            self._was_ready = True
            self._settle(ChildState.READY)

    async def _sweep(self) -> None:
        await asyncio.to_thread(guardian.reap, self._state_dir, self.spec.name)

    def _settle(self, state: ChildState) -> None:
        self.state = state
        if state is ChildState.READY:
            self._ready.set()
        else:
            self._ready.clear()


def _ending(code: int) -> str:
    return f"сигнал {signal.Signals(-code).name}" if code < 0 else f"код {code}"


def say(text: str) -> None:
    """Tell the operator one line, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Supervisor:
    """Owns a state directory and the children that live in it.

    ``async with Supervisor(path) as crew`` locks the directory (``StateDirBusyError``), ends what a killed predecessor left,
    and at the end stops all children in reverse order of their start.
    """

    def __init__(
        self, state_dir: Path, *, tell: Callable[[str], None] = say, backoff: Backoff | None = None
    ) -> None:
        self.state = StateDir.open(state_dir)
        self.tell = tell
        self.children: list[Child] = []
        self._backoff = backoff or Backoff()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(self.state.lock())
            left = await asyncio.to_thread(guardian.reap, str(self.state.path), grace=_ORPHAN_GRACE)
            if left:
                self.tell(f"Завершены процессы прошлого запуска: {len(left)}")
            await self._start_guardian(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for child in reversed(self.children[:]):
                await self.stop(child)
            await asyncio.to_thread(guardian.reap, str(self.state.path))
        finally:
            await self._stack.aclose()

    async def start(self, spec: ChildSpec) -> Child:
        """Start a child and wait until it is ready; raise ``ChildFailedError`` when it never gets there."""
        child = Child(spec, str(self.state.path), self.tell, self._backoff)
        self.children.append(child)
        try:
            await child.start()
        except BaseException:
            self.children.remove(child)
            raise
        return child

    async def stop(self, child: Child) -> None:
        """Stop a child and forget it; harmless for one already stopped."""
        await child.stop()
        if child in self.children:
            self.children.remove(child)

    async def _start_guardian(self, stack: AsyncExitStack) -> None:
        """Start the process that ends our children should we die; it goes when its standard input closes."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            guardian.__file__,
            str(self.state.path),
            str(_ORPHAN_GRACE),
            stdin=asyncio.subprocess.PIPE,
            cwd="/",
            start_new_session=True,
        )

        async def dismiss() -> None:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

        stack.push_async_callback(dismiss)


async def until_signalled(work: Coroutine[Any, Any, None]) -> signal.Signals | None:
    """Run ``work`` until it ends or SIGINT or SIGTERM comes; a signal cancels it, so that its blocks are left in order.

    Return the signal, or None when the work ended by itself. From the first moment on; later signals change nothing.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    heard: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        if not heard:
            task.cancel()
        heard.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, note, number)
    try:
        await asyncio.wait({task})
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    if not task.cancelled():
        task.result()
    return heard[0] if heard else None
