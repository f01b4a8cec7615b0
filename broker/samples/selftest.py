"""The samples that lie in our rule sets: good ones a set must let pass, bad ones it must block (``inaya schemas selftest``).

``python -m broker.samples.selftest`` writes them anew after a change of the generator; a test refuses stale ones.
"""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

from broker.samples.document_faults import drop, nullify
from broker.samples.documents import build, serialize
from broker.samples.faults import BY_ID
from broker.samples.people import Population
from broker.samples.sample import Sample, make_sample

ROOT: Final = Path(__file__).resolve().parents[2] / "schemas" / "semd"
EDITIONS: Final = {"306": "3", "103": "1", "290": "7"}
"""Edition of each kind's own rule set: the revision of its guide."""
BAD: Final = (
    "address-count",
    "telecom-without-value",
    "ogrn-empty",
    "linkdocs-without-reference",
    "function-code-outside",
    "issue-date-null",
    "xsd-wrong-order",
    "xsd-wrong-number",
)
"""Faults a stored bad sample exists for, where the kind can have them."""
_MAY_BE_ABSENT: Final = (
    "h:recordTarget/h:patientRole/h:telecom",
    "h:recordTarget/h:patientRole/h:patient/h:name/identity:Patronymic",
    "h:recordTarget/h:patientRole/h:providerOrganization/h:addr",
    "h:author/h:assignedAuthor/h:representedOrganization",
    "h:documentationOf//medService:serviceCond",
)
_MAY_BE_NULL: Final = (
    "h:recordTarget/h:patientRole/identity:IdentityDoc",
    "h:recordTarget/h:patientRole/identity:InsurancePolicy",
    "h:recordTarget/h:patientRole/h:addr/fias:Address",
)
SEED: Final = 306
CREATED: Final = datetime(2026, 6, 15, 10, 30, tzinfo=timezone(timedelta(hours=3)))


def stored_samples() -> dict[Path, bytes]:
    """Return every stored sample by its path under ``schemas/semd``."""
    found: dict[Path, bytes] = {}
    for number, (kind, edition) in enumerate(EDITIONS.items()):
        home = Path(kind, edition, "samples")
        sample = _sample(number, kind)
        found[home / "good" / "plain.xml"] = sample.document()
        found[home / "good" / "sparse.xml"] = sparse(sample)
        for fault in (BY_ID[name] for name in BAD):
            if kind in fault.kinds and fault.edit is not None:
                root = build(kind, sample.draft)
                fault.edit(root)
                found[home / "bad" / f"{fault.id}.xml"] = serialize(root)
    return found


def sparse(sample: Sample) -> bytes:
    """Return the document with as little as the kinds allow: what may be absent is absent, the rest says why it is."""
    root = build(sample.kind, sample.draft)
    for path in _MAY_BE_ABSENT:
        drop(root, path)
    for path in _MAY_BE_NULL:
        nullify(root, path)
    return serialize(root)


def _sample(number: int, kind: str) -> Sample:
    population = Population(SEED, date(2026, 6, 15))
    return make_sample(population, number, kind=kind, clinic=population.clinic(number), created_at=CREATED)


def main() -> None:
    """Write the samples where they belong."""
    for path, content in stored_samples().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


if __name__ == "__main__":
    main()
