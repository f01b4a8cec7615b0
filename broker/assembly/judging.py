"""Examining and preparing without keeping anything: what the doors offer before a document is handed over."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from uuid_utils.compat import uuid7

from broker.archive import StoredContent
from broker.assembly.foundation import Foundation
from broker.compute.pool import ComputePool
from broker.control.access import Caller
from broker.document.submission import Submission
from broker.normalizer.normalising import FILE, Normalising, NormalisingUnusable, load_normalising
from broker.normalizer.rules import Rule
from broker.pipeline import Batch, ExaminationInput, InForce, PrepareOrder, examined, prepare_bytes
from broker.settings import Settings, SettingsError
from broker.store.partners import PartnerStore
from broker.trust import Holder


class Judging:
    """Examines without keeping: behind ``POST /validate`` and ``POST /prepare``."""

    def __init__(
        self,
        pool: ComputePool,
        partners: PartnerStore,
        base: Foundation,
        in_force: Callable[[], InForce],
        normalising: Normalising,
    ) -> None:
        self._pool = pool
        self._in_force = in_force
        self._normalising = normalising
        self._partners = partners
        self._clock = base.clock

    async def judge(self, caller: Caller, submission: Submission, stored: StoredContent) -> dict[str, Any]:
        """Return the report of a submission."""
        clinic = (await self._partners.clinics([submission.clinic])).get(submission.clinic)
        one = ExaminationInput(
            document_id=uuid7(),
            type=submission.type,
            kind=submission.kind or "",
            clinic=submission.clinic,
            region=clinic.region if clinic else "",
            mcod=clinic.mcod if clinic else "",
            local_uid=submission.metadata.local_uid or "",
            at=self._clock.now(),
            stored=stored,
            mode=caller.mode,
            holder=Holder(title=clinic.title, ogrn=clinic.ogrn, inn=clinic.inn) if clinic else Holder(),
        )
        made = (await examined(self._pool, Batch((one,), self._in_force())))[0]
        return {"valid": made.passed, "findings": made.findings, "layers": made.layers}

    async def prepare(
        self, caller: Caller, submission: Submission, content: bytes, without: frozenset[Rule]
    ) -> dict[str, Any]:
        """Return normalised bytes in base64, their SHA-256 and the changes; or ``findings`` why they cannot be had."""
        order = PrepareOrder(
            content=content,
            normalising=self._normalising,
            partner=caller.partner_id,
            kind=submission.kind or "",
            without=without,
            book=self._in_force().book,
        )
        prepared = await self._pool.run(prepare_bytes, order)
        if isinstance(prepared, tuple):
            return {"findings": prepared}
        plain: dict[str, Any] = msgspec.to_builtins(prepared)
        return plain | {"content": base64.b64encode(prepared.content).decode()}


def judging(
    settings: Settings,
    base: Foundation,
    pool: ComputePool,
    partners: PartnerStore,
    in_force: Callable[[], InForce],
) -> Judging:
    """Judge by what is in force; raise ``SettingsError`` for unusable rules of normalising."""
    return Judging(pool, partners, base, in_force, _normalising(settings))


def _normalising(settings: Settings) -> Normalising:
    try:
        return load_normalising(Path(settings.data.schemas_dir) / FILE)
    except NormalisingUnusable as error:
        raise SettingsError(f"INAYA_SCHEMAS_DIR: {error}") from error
