"""The outbound port: everything an adapter may know of the broker, and everything the broker asks of an adapter."""

from broker.adapter_kit.answers import Answer, AnswerTable, Verdict
from broker.adapter_kit.checker import DocumentChecker
from broker.adapter_kit.clock import Clock
from broker.adapter_kit.computing import Compute, ComputeAway, in_thread
from broker.adapter_kit.context import Context, Destination, FileAway, Files, IdMap, StoredFile
from broker.adapter_kit.outcome import (
    Awaiting,
    Delivered,
    Held,
    InDoubt,
    Outcome,
    Registered,
    Rejected,
    Unavailable,
)
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.adapter_kit.passport import InDoubtPolicy, Passport, ReceiptMode
from broker.adapter_kit.port import (
    Adapter,
    CallbackVerdict,
    LooksUp,
    NotFound,
    PeerReply,
    PeerRequest,
    Polls,
    Probes,
    Receives,
    Reconciles,
    Refuse,
    RegistryEntry,
    Replay,
    Serve,
    StoredCallback,
    Take,
)

__all__ = [
    "Adapter",
    "Answer",
    "AnswerTable",
    "Awaiting",
    "CallbackVerdict",
    "ClinicCard",
    "Clock",
    "Compute",
    "ComputeAway",
    "Context",
    "Delivered",
    "Destination",
    "DocumentChecker",
    "FileAway",
    "Files",
    "Held",
    "IdMap",
    "InDoubt",
    "InDoubtPolicy",
    "LooksUp",
    "NotFound",
    "Outcome",
    "Parcel",
    "Passport",
    "PeerReply",
    "PeerRequest",
    "Polls",
    "Probes",
    "ReceiptMode",
    "Receives",
    "Reconciles",
    "Refuse",
    "Registered",
    "RegistryEntry",
    "Rejected",
    "Replay",
    "Serve",
    "StoredCallback",
    "StoredFile",
    "Take",
    "Unavailable",
    "Verdict",
    "in_thread",
]
