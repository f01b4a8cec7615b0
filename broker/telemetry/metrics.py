"""Metrics every process keeps; labels are destinations, doors and codes, never clinics' or persons' data."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED: Final = Counter(
    "inaya_accepted_total", "Documents accepted (ticket given after the commit)", ["door"]
)
REFUSED: Final = Counter("inaya_refused_total", "Submissions refused at a door", ["door", "code"])
REPEATED: Final = Counter("inaya_repeated_total", "Submissions recognised as repeats", ["door"])
ACCEPT_SECONDS: Final = Histogram(
    "inaya_accept_seconds",
    "Time from a whole request to the committed ticket",
    ["door"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
EXAMINED: Final = Counter(
    "inaya_examined_total", "Documents that went through normalise, validate, route", ["status"]
)
EXAMINE_SECONDS: Final = Histogram(
    "inaya_examine_seconds",
    "CPU time of normalise and validate per document",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10),
)
SET_ASIDE: Final = Counter(
    "inaya_set_aside_total", "Documents set aside after breaking a compute process twice"
)
ATTEMPTS: Final = Counter("inaya_attempts_total", "Delivery attempts by outcome", ["destination", "outcome"])
ATTEMPT_SECONDS: Final = Histogram(
    "inaya_attempt_seconds",
    "Duration of a delivery attempt",
    ["destination"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 120),
)
CALLBACKS: Final = Counter("inaya_callbacks_total", "Calls of state systems to us", ["destination", "result"])
DEPTH: Final = Gauge("inaya_queue_depth", "Tasks due or waiting, counted in PostgreSQL", ["queue"])
BODIES: Final = Gauge("inaya_bodies_bytes", "Bytes of bodies this process holds")
UNKNOWN: Final = Counter(
    "inaya_unknown_codes_total", "Answers of state systems with a code nobody has described", ["destination"]
)
INBOUND_SILENT: Final = Gauge(
    "inaya_inbound_silent",
    "Channels over which a system takes documents and does not call us",
    ["destination"],
)
AWAITED: Final = Gauge(
    "inaya_unanswered",
    "Deliveries sent and not answered for good, by age (younger than), counted in PostgreSQL",
    ["destination", "age"],
)
RECONCILED: Final = Gauge(
    "inaya_reconciliation_differences", "Differences with the registry found last time", ["destination"]
)
TERMS: Final = Counter(
    "inaya_term_used_total", "Registrations of whose term a share was used up", ["destination", "share"]
)
PURGED: Final = Counter("inaya_files_purged_total", "Documents whose bytes were let go", ["why"])
RELAYED: Final = Counter("inaya_relayed_total", "Events handed to partners over AMQP", ["result"])
BUGS: Final = Counter("inaya_bugs_total", "Broken promises caught in an outermost loop", ["loop"])
