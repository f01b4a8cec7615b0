"""What tests of the tfoms adapter share: invented registries, parcels of them, a destination, a fund."""

import hashlib
from datetime import date

import msgspec

from broker.adapter_kit.context import Destination
from broker.adapter_kit.harness import START, a_document, a_parcel
from broker.adapter_kit.parcel import ClinicCard, Parcel
from broker.document.canonical import PersonName
from broker.document.finding import Finding
from broker.samples.people import Population
from broker.samples.registry import make_bills, make_registry, registry_name
from broker.samples.registry_faults import RegistryFault
from broker.validation.registry import RegistryClinic, check_registry

PERIOD = "2026-01"
PEOPLE = Population(65, START.date())
CLINIC = PEOPLE.clinic(1, region="77", in_oms=True)


def registry_check(package: bytes, mcod: str, today: date) -> list[Finding]:
    """The rule engine as the composition root hands it to the fund."""
    return list(check_registry(package, clinic=RegistryClinic(mcod=mcod), today=today).findings)


def a_fund(url: str, **params: str) -> Destination:
    return Destination(
        id="tfoms.77",
        adapter="tfoms",
        url=url,
        region="77",
        params=params,
        secrets={"login": "inaya", "psw": "inaya"},
        timeout=5,
    )


def a_registry_parcel(
    number: int = 1, *, count: int = 2, faults: tuple[RegistryFault, ...] = (), content: bytes | None = None
) -> Parcel:
    """A package with the first patient's names in ``document`` only, for the search of private words."""
    bills = make_bills(PEOPLE, CLINIC, period=PERIOD, count=count, faults=faults)
    package = content or make_registry(CLINIC, bills, period=PERIOD, packet=number)
    patient = bills[0].patient
    document = a_document(number)
    document = msgspec.structs.replace(
        document,
        local_uid=registry_name(CLINIC, period=PERIOD, packet=number),
        patient=msgspec.structs.replace(
            document.patient,
            snils=patient.snils,
            name=PersonName(patient.name.family, patient.name.given, patient.name.patronymic),
            birth_date=f"{patient.born:%Y%m%d}",
            policy=msgspec.structs.replace(document.patient.policy, number=patient.policy),
        ),
    )
    parcel = a_parcel(
        number,
        document=document,
        content=package,
        signatures=(),
        clinic=ClinicCard(oid=CLINIC.oid, region="77", mcod=CLINIC.mcod),
    )
    return msgspec.structs.replace(
        parcel,
        type="oms-registry",
        media_type="application/zip",
        kind="",
        digest=hashlib.sha256(package).hexdigest(),
    )


def policies(*places: int) -> list[str]:
    """Policy numbers of the n-th cases (from 0) of the parcels above."""
    bills = make_bills(PEOPLE, CLINIC, period=PERIOD, count=max(places) + 1)
    return [bills[place].patient.policy for place in places]
