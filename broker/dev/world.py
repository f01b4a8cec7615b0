"""The invented world of a stand: two vendors, five clinics in three regions, their people, signers and state registers.

Everything follows from one seed, so that the demo, the tests and the simulators speak of the same people.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from broker.adapter_kit import Destination
from broker.document.canonical import PersonName
from broker.partners.clinic import Clinic as ClinicCard
from broker.partners.clinic import RemdLink
from broker.routing.table import Rule, Table, When
from broker.samples.people import Clinic, Doctor, Patient, Population, other_person
from broker.samples.register_faults import REMD_OPENS
from broker.trust import Issued, Signer, Suite, ThrowAwayCa

SEED: Final = 20261
BORN: Final = date(2026, 1, 1)
"""The day on which the world's people have their ages."""
SIGNING_SINCE: Final = datetime(2025, 11, 1, tzinfo=UTC)
"""Since when the world's people have certificates: before any document of theirs, those of late registration too."""
PATIENTS: Final = 40
"""Patients known to the simulated ГИП per clinic."""
SYSTEM: Final = "2b9f6a3e-6d0c-4c55-9a57-0f7d1c1e0a11"
"""The invented clientEntityId of our system in ИПС."""
RMIS: Final = "emdr-rmis-9001"
GUID: Final = "7f1c1c1e-5a0b-4c55-8a57-0f7d1c1e0a22"
NOT_INSURED: Final = (2, 6)
"""Patients (by number) whose policies the simulated fund does not know."""
KINDS: Final = {"306": "306", "103": "103", "290": "290"}
REMD_KINDS: Final = {"306": REMD_OPENS, "103": date(2021, 11, 4), "290": date(2026, 1, 10)}
"""First day of each kind in the register of the simulated РЭМД."""


class Vendor(msgspec.Struct, frozen=True):
    """A МИС vendor with its clinics."""

    id: str
    title: str
    clinics: tuple[Clinic, ...]


class World:
    """People, clinics, vendors, registers."""

    def __init__(self) -> None:
        self.population = Population(SEED, BORN)
        clinic = self.population.clinic
        self.clinics = (
            clinic(1, region="77", in_oms=True),
            clinic(2, region="77"),
            clinic(3, region="78"),
            clinic(4, region="16", branch="4"),
            clinic(5, region="78"),
        )
        self.unlinked = self.clinics[4]
        self.vendors = (
            Vendor("vendor-alpha", "ООО «Проба МИС Альфа»", self.clinics[:3]),
            Vendor("vendor-beta", "ООО «Проба МИС Бета»", self.clinics[3:]),
        )

    def signing_doctors(self, clinic: Clinic) -> tuple[Doctor, ...]:
        """Return who may sign for a clinic: its doctors, and one of whom ФРМР knows nothing."""
        doctors = self.population.doctors(clinic)
        return (*doctors, other_person(doctors[0]))

    def patients(self, clinic: Clinic) -> tuple[Patient, ...]:
        """Return the patients of a clinic, different ones for every clinic."""
        first = self.clinics.index(clinic) * PATIENTS
        return tuple(self.population.patient(first + n, clinic.region) for n in range(PATIENTS))

    def cards(self) -> list[ClinicCard]:
        """Return the clinics as onboarding leaves them; one of them is not linked in РЭМД."""
        return [
            ClinicCard(
                oid=clinic.oid,
                title=clinic.name,
                region=clinic.region,
                ogrn=clinic.ogrn,
                inn=clinic.inn,
                oms=clinic.in_oms,
                mcod=clinic.mcod if clinic.in_oms else "",
                remd_link=RemdLink.REQUESTED if clinic is self.unlinked else RemdLink.CONFIRMED,
                client_entity_id=SYSTEM,
                params={f"gis.{clinic.region}": {"idLpu": _id_lpu(clinic)}, "folder": {}},
            )
            for clinic in self.clinics
        ]

    def routing(self) -> Table:
        """Return the stand's routing table."""
        return Table(
            (
                Rule(name="РЭМД напрямую", destination="remd", when=When(types=("semd",)), registers=True),
                Rule(
                    name="ГИС региона",
                    destination="gis.{region}",
                    when=When(types=("semd",), regions=("77", "78", "16")),
                ),
                Rule(
                    name="Реестр — в названный фонд",
                    destination="tfoms.{tfoms}",
                    when=When(types=("oms-registry",), oms=True),
                ),
            )
        )

    def destinations(self, simulators: dict[str, str]) -> list[Destination]:
        """Return the destinations of the stand, all of them simulators or a directory."""
        remd = Destination(
            id="remd",
            adapter="remd",
            title="РЭМД ЕГИСЗ",
            mode="any",
            url=f"{simulators['remd']}/port/emdr",
            params={"client_entity_id": SYSTEM},
        )
        gis = [
            Destination(
                id=f"gis.{region}",
                adapter="gis_soap",
                title=f"ГИС региона {region}",
                region=region,
                mode="any",
                url=f"{simulators['gis-soap']}/emk",
                params={f"kind.{kind}": code for kind, code in KINDS.items()},
                secrets={"guid": GUID},
            )
            for region in ("77", "78", "16")
        ]
        tfoms = Destination(
            id="tfoms.77",
            adapter="tfoms",
            title="ТФОМС региона 77",
            region="77",
            mode="any",
            url=simulators["tfoms"],
            params={"pollSeconds": "1"},
            secrets={"login": "inaya", "psw": "inaya"},
        )
        return [remd, *gis, tfoms]

    def remd_registers(self) -> dict[str, Any]:
        """Return what the simulated РЭМД knows: systems, ФРМО, ФРМР, ГИП, kinds (one of them opened later than ours)."""
        return {
            "systems": [{"clientEntityId": SYSTEM, "code": RMIS, "enabled": True}],
            "organizations": [
                {
                    "oid": clinic.oid,
                    "name": clinic.name,
                    "systems": [] if clinic is self.unlinked else [RMIS],
                    "departments": [{"oid": clinic.department}],
                }
                for clinic in self.clinics
            ],
            "workers": [
                _worker(clinic, doctor)
                for clinic in self.clinics
                for doctor in self.population.doctors(clinic)
            ],
            "patients": [
                _patient(clinic, patient) for clinic in self.clinics for patient in self.patients(clinic)
            ],
            "kinds": [
                {"kind": kind, "opened": opened.isoformat(), "patient": "snils"}
                for kind, opened in REMD_KINDS.items()
            ],
        }

    def gis_registers(self) -> dict[str, Any]:
        """Return what the simulated ГИС knows."""
        return {"systems": {GUID: {_id_lpu(clinic): clinic.oid for clinic in self.clinics}}}

    def tfoms_registers(self) -> dict[str, Any]:
        """Return what the simulated fund knows."""
        unknown = [self.population.patient(number, "77").policy for number in NOT_INSURED]
        return {"accounts": {"inaya": "inaya"}, "notInsured": unknown}


def _id_lpu(clinic: Clinic) -> str:
    return f"00000000-0000-4000-8000-{int(clinic.ogrn[-9:]):012d}"


def _worker(clinic: Clinic, doctor: Doctor) -> dict[str, Any]:
    return {
        "snils": doctor.snils,
        **_names(doctor.name),
        "posts": [{"organization": clinic.oid, "position": doctor.post.code}],
    }


def _patient(clinic: Clinic, patient: Patient) -> dict[str, Any]:
    return {
        "organization": clinic.oid,
        "localId": patient.local_id,
        "snils": patient.snils,
        **_names(patient.name),
        "gender": patient.gender,
        "birthDate": patient.born.isoformat(),
    }


def _names(name: PersonName) -> dict[str, str]:
    return {"surname": name.family, "name": name.given, "patrName": name.patronymic}


class Signers:
    """A throw-away authority of a stand with everybody's certificates of one suite, kept in one directory."""

    def __init__(self, directory: Path, ca: ThrowAwayCa, issued: dict[str, Issued]) -> None:
        self.directory = directory
        self.ca = ca
        self.issued = issued
        self._signers: dict[str, Signer] = {}

    @classmethod
    def open(cls, directory: Path, world: World, suite: Suite = Suite.RSA_SHA256) -> "Signers":
        """Load the authority of the directory, or make it with certificates for every doctor and clinic.

        ``directory`` is that of all authorities: RSA lies in it, another suite in a directory of its own inside. Raises
        ``ProviderUnavailable`` for ГОСТ without an engine.
        """
        if suite is not Suite.RSA_SHA256:
            directory /= suite.lower()
        names = [
            *(f"doctor-{d.snils}" for c in world.clinics for d in world.signing_doctors(c)),
            *(f"clinic-{c.ogrn}" for c in world.clinics),
        ]
        if (directory / "ready").exists():
            ca = ThrowAwayCa.load(directory)
            return cls(directory, ca, {name: Issued.load(directory, name) for name in names})
        directory.mkdir(parents=True, exist_ok=True)
        now = SIGNING_SINCE
        until = now.replace(year=2035, month=1)
        ca = ThrowAwayCa.create(now, suite=suite)
        issued: dict[str, Issued] = {}
        for clinic in world.clinics:
            for doctor in world.signing_doctors(clinic):
                issued[f"doctor-{doctor.snils}"] = ca.issue_person(
                    doctor.name,
                    snils=doctor.snils,
                    organization=clinic.name,
                    ogrn=clinic.ogrn,
                    post=doctor.post.name,
                    not_before=now,
                    not_after=until,
                )
            head = world.population.doctor(clinic, 0)
            issued[f"clinic-{clinic.ogrn}"] = ca.issue_organization(
                clinic.name,
                ogrn=clinic.ogrn,
                inn_le=clinic.inn,
                head=head.name,
                snils=head.snils,
                not_before=now,
                not_after=until,
            )
        for name, one in issued.items():
            one.save(directory, name)
        ca.save(directory)
        (directory / "ready").touch()
        return cls(directory, ca, issued)

    @property
    def suite(self) -> Suite:
        """What everybody here signs with."""
        return self.ca.suite

    def of(self, who: Doctor | Clinic) -> Issued:
        """Return the certificate and key of a doctor or a clinic."""
        return self.issued[_name(who)]

    def signer(self, who: Doctor | Clinic) -> Signer:
        """Return the signer of a doctor or a clinic; reading a key is slow, so each is read once."""
        name = _name(who)
        if name not in self._signers:
            self._signers[name] = self.issued[name].signer
        return self._signers[name]


def _name(who: Doctor | Clinic) -> str:
    return f"clinic-{who.ogrn}" if isinstance(who, Clinic) else f"doctor-{who.snils}"
