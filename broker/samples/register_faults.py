"""Faults no intermediary can see: the document is right in itself and unlike the state's registers (remd.md §6.2).

They hold only where the registers were made from the samples before the fault (``registers_of``).
"""

from datetime import date, timedelta
from typing import Final

from msgspec.structs import replace

from broker.samples import vocabulary
from broker.samples.cda import Node
from broker.samples.document_faults import put_everywhere
from broker.samples.fault import Fault, refused
from broker.samples.people import other_person
from broker.samples.sample import Sample

_OTHER_POST: Final = vocabulary.POST_OPHTHALMOLOGIST


def _other_gender(sample: Sample) -> Sample:
    gender = "1" if sample.patient.gender == "2" else "2"
    return replace(sample, patient=replace(sample.patient, gender=gender))


def _other_post(sample: Sample) -> Sample:
    first, *rest = sample.doctors
    return replace(sample, doctors=(replace(first, post=_OTHER_POST), *rest))


def _stranger(sample: Sample) -> Sample:
    _, *rest = sample.doctors
    return replace(sample, doctors=(other_person(sample.doctors[0]), *rest))


def _other_department(sample: Sample) -> Sample:
    clinic = replace(sample.clinic, department=f"{sample.clinic.oid}.0.999999")
    return replace(sample, clinic=clinic)


def _before_remd_opens(sample: Sample) -> Sample:
    year, month, day = REMD_OPENS.year, REMD_OPENS.month, REMD_OPENS.day
    opened = sample.created_at.replace(year=year, month=month, day=day)
    return replace(sample, created_at=opened - timedelta(days=1))


def _older_dictionary(root: Node) -> None:
    put_everywhere(
        root, f"//*[@codeSystem='{vocabulary.SECTIONS.oid}']", "codeSystemVersion", OLD_SECTIONS_VERSION
    )


OLD_SECTIONS_VERSION: Final = "4.29"
"""A real older edition of НСИ 99.2.197, which the samples do not use."""
REMD_OPENS: Final = date(2025, 12, 1)
"""The day a simulated РЭМД opens kind 306, three weeks after the dictionary we hold does: its register differs there."""
FAULTS: Final = (
    Fault(
        id="remd-patient-unlike-gip",
        description="Пол пациента не такой, как в ГИП",
        expected=refused("PATIENT_MPI_MISMATCH"),
        alter=_other_gender,
    ),
    Fault(
        id="remd-post-unlike-frmr",
        description="Должность подписавшего врача не такая, как в ФРМР",
        expected=refused("PERSON_POST_IN_FRMR_MISMATCH"),
        alter=_other_post,
    ),
    Fault(
        id="remd-doctor-unknown",
        description="Подписавшего врача нет в ФРМР",
        expected=refused("PERSON_NOT_FOUND"),
        alter=_stranger,
    ),
    Fault(
        id="remd-kind-not-open",
        description="В реестре видов РЭМД вид 306 открыт позже, чем в справочнике: на дату документа его ещё нет",
        expected=refused("NO_DOCUMENT_KIND_ON_DATE"),
        kinds=("306",),
        alter=_before_remd_opens,
    ),
    Fault(
        id="remd-department-unknown",
        description="Отделения нет в ФРМО",
        expected=refused("NO_DEPARTMENT"),
        alter=_other_department,
    ),
    Fault(
        id="remd-dictionary-version",
        description="Версия справочника секций не та, которую требует РЭМД",
        expected=refused("INVALID_DICTIONARY_VERSION"),
        edit=_older_dictionary,
    ),
)
