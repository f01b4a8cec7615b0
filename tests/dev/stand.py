"""A small stand run as a program of its own, so that tests can kill it: ``stand.py DIR server…``.

Prints one JSON line (process ids, addresses) when all is ready, then waits for SIGTERM or SIGINT.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from broker.dev import guardian
from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import private_postgres
from broker.dev.rabbitmq import private_rabbitmq
from broker.dev.supervisor import ChildSpec, Supervisor, until_signalled

NEST = "import os, time\nif os.fork() == 0: os.setsid()\ntime.sleep(600)"
"""A child with a child of its own in another session."""


async def both_there(state: str) -> bool:
    return len(guardian.marked(state, "sleeper")) == 2


async def main() -> None:
    directory, wanted = Path(sys.argv[1]), sys.argv[2:]
    policy = InstallPolicy.of(os.environ)
    async with Supervisor(directory) as crew, AsyncExitStack() as stack:
        told: dict[str, object] = {"pid": os.getpid()}
        for name in wanted:
            if name == "sleeper":
                command = (sys.executable, "-c", NEST)
                spec = ChildSpec(
                    name=name,
                    command=command,
                    env=dict(os.environ),
                    cwd=Path("/"),
                    log=crew.state.log(name),
                    ready=lambda: both_there(str(crew.state.path)),
                )
                told[name] = {"pid": (await crew.start(spec)).pid}
                continue
            enter = private_postgres if name == "postgres" else private_rabbitmq
            server = await stack.enter_async_context(enter(crew, policy=policy))
            if isinstance(server, Missing):
                told[name] = {"missing": str(server)}
            else:
                assert server.child is not None
                told[name] = {"pid": server.child.pid, "url": server.url}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(until_signalled(main()))
