"""What ``inaya dev`` and the tests stand on: private servers and supervised children under one state directory.

Nothing here knows the rest of the broker: ``Supervisor`` owns a directory and runs children in it, ``private_postgres``
and ``private_rabbitmq`` are children with a data directory of their own.
"""

from broker.dev.endpoints import Endpoints, publish_endpoints
from broker.dev.install import InstallPolicy, Missing
from broker.dev.postgres import PostgresServer, private_postgres
from broker.dev.rabbitmq import RabbitmqNode, private_rabbitmq
from broker.dev.state import StateDir, StateDirBusyError, StateDirUnusableError, free_port
from broker.dev.supervisor import Child, ChildFailedError, ChildSpec, Supervisor

__all__ = [
    "Child",
    "ChildFailedError",
    "ChildSpec",
    "Endpoints",
    "InstallPolicy",
    "Missing",
    "PostgresServer",
    "RabbitmqNode",
    "StateDir",
    "StateDirBusyError",
    "StateDirUnusableError",
    "Supervisor",
    "free_port",
    "private_postgres",
    "private_rabbitmq",
    "publish_endpoints",
]
