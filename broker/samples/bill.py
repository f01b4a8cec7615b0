"""One case of a registry of bills: the ZAP of the H file and the PERS of the L file (tfoms.md §2)."""

from datetime import date
from decimal import Decimal
from typing import Final

import msgspec
from lxml import etree

from broker.samples.people import Clinic, Doctor, Patient, dashed
from broker.samples.registry_faults import Element, RegistryFault

__all__ = ["Bill", "Element", "nested", "person_record", "record"]
_UNIFORM_POLICY: Final = 3
"""F008: a policy of the uniform form, whose number is the ЕНП."""
_PROFILE: Final = 97
_SPECIALITY: Final = 76
_SERVICE: Final = "B01.047.001"
_DIAGNOSIS: Final = "J06.9"


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A case to be paid: in hospital (USL_OK 1) or in the clinic (USL_OK 3)."""

    id_case: int
    id_patient: str
    patient: Patient
    doctor: Doctor
    inpatient: bool
    began: date
    ended: date
    amount: Decimal
    fault: RegistryFault | None = None

    @property
    def days(self) -> int:
        """Return the bed-days."""
        return (self.ended - self.began).days


Value = str | int | date | Decimal


def nested(tag: str, *children: Element | None, **fields: Value | None) -> Element:
    """Return an element: first its fields in the order given, then its children; what is None is left out."""
    made = etree.Element(tag)
    for name, value in fields.items():
        if value is not None:
            etree.SubElement(made, name).text = str(value)
    made.extend([child for child in children if child is not None])
    return made


def record(clinic: Clinic, bill: Bill, number: int) -> Element:
    """Return the ZAP."""
    return nested("ZAP", _insured(clinic, bill), _completed_case(clinic, bill), N_ZAP=number, PR_NOV=0)


def person_record(bill: Bill) -> Element:
    """Return the PERS."""
    patient = bill.patient
    return nested(
        "PERS",
        ID_PAC=bill.id_patient,
        FAM=patient.name.family.upper(),
        IM=patient.name.given.upper(),
        OT=patient.name.patronymic.upper(),
        W=patient.gender,
        DR=patient.born,
        SNILS=dashed(patient.snils),
    )


def _insured(clinic: Clinic, bill: Bill) -> Element:
    return nested(
        "PACIENT",
        ID_PAC=bill.id_patient,
        VPOLIS=_UNIFORM_POLICY,
        NPOLIS=bill.patient.policy,
        ENP=bill.patient.policy,
        SMO=clinic.insurer,
        NOVOR=0,
    )


def _completed_case(clinic: Clinic, bill: Bill) -> Element:
    place = 1 if bill.inpatient else 3
    case = nested(
        "Z_SL",
        IDCASE=bill.id_case,
        USL_OK=place,
        VIDPOM=31 if bill.inpatient else 13,
        FOR_POM=3,
        NPR_MO=clinic.mcod if bill.inpatient else None,
        NPR_DATE=bill.began if bill.inpatient else None,
        LPU=clinic.mcod,
        DATE_Z_1=bill.began,
        DATE_Z_2=bill.ended,
        KD_Z=bill.days if bill.inpatient else None,
        RSLT=place * 100 + 1,
        ISHOD=place * 100 + 1,
    )
    case.append(_case(clinic, bill))
    etree.SubElement(case, "IDSP").text = "29"
    etree.SubElement(case, "SUMV").text = f"{bill.amount:.2f}"
    return case


def _case(clinic: Clinic, bill: Bill) -> Element:
    money = f"{bill.amount:.2f}"
    case = nested(
        "SL",
        SL_ID=f"{bill.id_case}-1",
        PROFIL=_PROFILE,
        PROFIL_K=71 if bill.inpatient else None,
        DET=0,
        P_CEL=None if bill.inpatient else "1.0",
        NHISTORY=f"{bill.patient.local_id}/{bill.began.year}",
        P_PER=1 if bill.inpatient else None,
        DATE_1=bill.began,
        DATE_2=bill.ended,
        KD=bill.days if bill.inpatient else None,
        DS1=_DIAGNOSIS,
        C_ZAB=None if bill.inpatient else 1,
        PRVS=_SPECIALITY,
        VERS_SPEC="V021",
        IDDOKT=bill.doctor.snils,
        ED_COL="1.00",
        TARIF=money,
        SUM_M=money,
    )
    case.append(_service(clinic, bill, money))
    return case


def _service(clinic: Clinic, bill: Bill, money: str) -> Element:
    performer = nested("MR_USL_N", MR_N=1, PRVS=_SPECIALITY, CODE_MD=bill.doctor.snils)
    return nested(
        "USL",
        performer,
        IDSERV=f"{bill.id_case}-1-1",
        LPU=clinic.mcod,
        PROFIL=_PROFILE,
        DET=0,
        DATE_IN=bill.began,
        DATE_OUT=bill.ended,
        DS=_DIAGNOSIS,
        CODE_USL=_SERVICE,
        KOL_USL="1.00",
        TARIF=money,
        SUMV_USL=money,
    )
