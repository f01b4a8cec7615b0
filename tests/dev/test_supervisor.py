"""Children: started in order, restarted after a crash, never left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest
from waiting import comes_true

from broker.dev import guardian
from broker.dev.state import StateDirBusyError
from broker.dev.supervisor import Backoff, Child, ChildFailedError, ChildSpec, ChildState, Supervisor


def a_child(crew: Supervisor, name: str, code: str, **changes) -> ChildSpec:
    return ChildSpec(
        name=name,
        command=(sys.executable, "-c", code),
        env={"PATH": os.environ["PATH"]},
        cwd=crew.state.path,
        log=crew.state.log(name),
        **changes,
    )


SLEEP = "import time; time.sleep(600)"


async def test_a_killed_child_is_started_again(crew: Supervisor) -> None:
    child = await crew.start(a_child(crew, "sleeper", SLEEP))
    for count in (1, 2, 3):
        before = child.pid
        os.kill(before, signal.SIGKILL)
        await comes_true(lambda before=before: child.pid != before and child.state is ChildState.READY)
        assert child.restarts == count


async def test_a_child_is_ready_only_when_its_check_says_so(crew: Supervisor) -> None:
    mark = crew.state.path / "mark"
    code = f"import time; time.sleep(.3); open({str(mark)!r}, 'w'); time.sleep(600)"

    async def ready() -> bool:
        return mark.exists()

    child = await crew.start(a_child(crew, "slow", code, ready=ready))
    assert mark.exists()
    mark.unlink()
    os.kill(child.pid, signal.SIGKILL)
    await comes_true(lambda: child.state is not ChildState.READY)
    await child.wait_ready()
    assert mark.exists()


async def test_a_child_that_ends_at_once_is_reported_with_its_log(crew: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match="кодом 3") as caught:
        await crew.start(a_child(crew, "broken", "import sys; print('why'); sys.exit(3)", ready=_never))
    assert caught.value.log.read_text() == "why\n"
    assert crew.children == []


async def test_a_child_that_never_gets_ready_is_given_up(crew: Supervisor) -> None:
    with pytest.raises(ChildFailedError):
        await crew.start(a_child(crew, "stuck", SLEEP, ready=_never, ready_within=0.3))
    assert guardian.marked(str(crew.state.path)) == []


async def test_a_program_that_is_not_there_is_an_error_at_once(crew: Supervisor) -> None:
    spec = ChildSpec(
        name="absent",
        command=("/nonexistent/program",),
        env={},
        cwd=Path("/"),
        log=crew.state.log("absent"),
        ready=_never,
    )
    with pytest.raises((ChildFailedError, FileNotFoundError)):
        await crew.start(spec)


async def _never() -> bool:
    return False


async def test_stopping_goes_in_reverse_order_and_waits_for_each(state_dir: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(.1); open('order', 'a').write('{}'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); open('{}.up', 'w'); time.sleep(600)\n"
    )
    async with Supervisor(state_dir) as crew:
        for name in ("a", "b", "c"):

            async def ready(name: str = name) -> bool:
                return (state_dir / f"{name}.up").exists()

            await crew.start(a_child(crew, name, code.format(name, name), ready=ready))
    assert (state_dir / "order").read_text() == "cba"


async def test_a_child_that_does_not_listen_or_is_frozen_is_killed_after_its_grace(crew: Supervisor) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(600)"

    async def ready() -> bool:
        return (crew.state.path / "deaf").exists()

    await crew.start(a_child(crew, "deaf", deaf, ready=ready, grace=0.2))
    frozen = await crew.start(a_child(crew, "frozen", SLEEP, grace=0.2))
    os.kill(frozen.pid, signal.SIGSTOP)
    for child in crew.children[:]:
        await crew.stop(child)
    assert guardian.marked(str(crew.state.path)) == []


async def test_grandchildren_of_a_crashed_child_end_before_it_starts_again(crew: Supervisor) -> None:
    nest = "import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(600)"
    child = await crew.start(a_child(crew, "nest", nest))
    await comes_true(lambda: len(guardian.marked(str(crew.state.path), "nest")) == 2)
    before = set(guardian.marked(str(crew.state.path), "nest"))
    os.kill(child.pid, signal.SIGKILL)
    await comes_true(
        lambda: (
            len(guardian.marked(str(crew.state.path), "nest")) == 2
            and not before & set(guardian.marked(str(crew.state.path), "nest"))
        )
    )


async def test_cancelling_a_start_leaves_nothing(crew: Supervisor) -> None:
    starting = asyncio.create_task(crew.start(a_child(crew, "slow", SLEEP, ready=_never)))
    await comes_true(lambda: bool(guardian.marked(str(crew.state.path), "slow")))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert guardian.marked(str(crew.state.path)) == []
    assert crew.children == []


async def test_crashes_in_a_row_are_answered_ever_more_slowly(crew: Supervisor) -> None:
    pauses = [Backoff().pause(crashes) for crashes in range(1, 12)]
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
    assert max(pauses) == pauses[-1] == 5.0


async def test_a_second_supervisor_of_the_directory_is_refused_and_harms_nothing(
    crew: Supervisor, state_dir: Path
) -> None:
    child: Child = await crew.start(a_child(crew, "sleeper", SLEEP))
    with pytest.raises(StateDirBusyError):
        await Supervisor(state_dir).__aenter__()
    assert psutil.pid_exists(child.pid)
    assert child.restarts == 0


async def test_a_stand_killed_outright_leaves_no_orphan(start_stand, nobody_left) -> None:
    stand = await start_stand("sleeper")
    assert not nobody_left(0)
    await stand.end(signal.SIGKILL)
    assert nobody_left(10)


async def test_orphans_are_swept_by_the_next_start_when_the_guardian_died_too(
    start_stand, state_dir: Path
) -> None:
    stand = await start_stand("sleeper")
    for process in psutil.Process(stand.process.pid).children():
        if "guardian.py" in " ".join(process.cmdline()):
            process.kill()
    await stand.end(signal.SIGKILL)
    left = set(guardian.marked(str(state_dir)))
    assert left
    again = await start_stand("sleeper")
    assert not left & set(guardian.marked(str(state_dir)))
    assert await again.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_a_stand_in_order(start_stand, nobody_left, number: signal.Signals) -> None:
    stand = await start_stand("sleeper")
    assert await stand.end(number) == 0
    assert nobody_left(0)


@pytest.mark.parametrize("server", ["postgres", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
async def test_a_signal_while_it_is_still_starting_stops_it_too(
    start_stand, nobody_left, state_dir: Path, server: str
) -> None:
    starting = asyncio.create_task(start_stand(server))
    await comes_true(lambda: bool(guardian.marked(str(state_dir))), 30)
    (stand,) = start_stand.started
    stand.send_signal(signal.SIGTERM)
    with pytest.raises(AssertionError, match="ended with 0"):
        await starting
    assert nobody_left(0)
