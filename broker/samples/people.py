"""Who stands in the samples: invented patients, doctors and clinics that no one can mistake for real ones.

Surnames are built of syllables and end in «-Пробный» (patients) or «-Образцов» (doctors), so that a search for one finds
that person only; given names do not exist in life. СНИЛС begin with 99, a range not issued. Check digits are right.
The n-th person of a population depends on the seed and n alone, never on what was asked before.
"""

import random
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import msgspec

from broker.document.canonical import PersonName
from broker.samples import vocabulary
from broker.samples.vocabulary import Term

SYLLABLES: Final = tuple(
    "бавегидожузакелимонупареситофухачешищуры"[place : place + 2] for place in range(0, 40, 2)
)
"""Twenty syllables; four of them give 160 000 surnames."""
CAPACITY: Final = len(SYLLABLES) ** 4
_GIVEN: Final = {
    "1": ("Тестимир", "Пробослав", "Примеровит"),
    "2": ("Тестимира", "Пробослава", "Примеровита"),
}
_FATHERS: Final = {
    "1": ("Тестимирович", "Пробославович", "Примеровитович"),
    "2": ("Тестимировна", "Пробославовна", "Примеровитовна"),
}
_STREETS: Final = ("ул Выдуманная", "ул Пробная", "ул Макетная", "проезд Образцовый", "пер Несуществующий")
_PLACES: Final = {"77": "г Москва", "78": "г Санкт-Петербург", "16": "Респ Татарстан, г Казань"}
_POSTAL: Final = {"77": "1010", "78": "1900", "16": "4200"}
_PHONE: Final = {"77": "495", "78": "812", "16": "843"}
REGIONS: Final = ("77", "78", "16")
"""Subjects by ФНС code (НСИ 99.2.206) the samples are spread over."""
POSTS: Final = (
    vocabulary.POST_OCCUPATIONAL,
    vocabulary.POST_THERAPIST,
    vocabulary.POST_NEUROLOGIST,
    vocabulary.POST_OPHTHALMOLOGIST,
    vocabulary.POST_CARDIOLOGIST,
)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address; the two GUIDs have the form of ФИАС and name nothing."""

    region: str
    text: str
    postal_code: str
    street_guid: str
    house_guid: str


class Passport(msgspec.Struct, frozen=True, kw_only=True):
    """An identity card of type 1 of НСИ 99.2.48."""

    series: str
    number: str
    issuer: str
    issuer_code: str
    issued: date


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """A patient: ``gender`` by НСИ 11.1040 (1 male, 2 female)."""

    local_id: str
    name: PersonName
    gender: str
    born: date
    snils: str
    policy: str
    passport: Passport
    address: Address
    phone: str


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """A medical worker with the post of НСИ 11.1002 he holds in the clinic."""

    local_id: str
    name: PersonName
    snils: str
    post: Term


class Clinic(msgspec.Struct, frozen=True, kw_only=True):
    """A private clinic; ``mcod`` is its six-digit code in ОМС (F003), ``insurer`` the СМО it bills through ТФОМС."""

    oid: str
    name: str
    ogrn: str
    inn: str
    mcod: str
    region: str
    department: str
    licence: str
    licence_issuer: str
    address: Address
    phone: str
    in_oms: bool = False

    @property
    def insurer(self) -> str:
        """Return the five-digit code of the invented СМО of the clinic's region."""
        return f"{self.region}901"


class Population:
    """Hands out the people of one run and remembers every secret among them for the leak search."""

    def __init__(self, seed: int, on: date) -> None:
        self.seed = seed
        self._on = on
        self._shift = random.Random(f"{seed}/surnames").randrange(CAPACITY)  # noqa: S311 - test data, not a secret
        self._patients: dict[tuple[int, str], Patient] = {}
        self._doctors: dict[tuple[str, int], Doctor] = {}

    def clinic(
        self, number: int, *, region: str | None = None, branch: str = "2", in_oms: bool = False
    ) -> Clinic:
        """Return the n-th clinic; ``branch`` is the arc after 13.13.12 of its OID (2 or 4)."""
        place = region or REGIONS[number % len(REGIONS)]
        dice = self._dice("clinic", number, place)
        oid = f"1.2.643.5.1.13.13.12.{branch}.{place}.{9000 + number}"
        return Clinic(
            oid=oid,
            name=f"ООО «Пробная клиника № {number}»",
            ogrn=_ogrn(place, number),
            inn=_inn(place, number),
            mcod=f"{place}{9000 + number:04d}",
            region=place,
            department=f"{oid}.0.{100000 + number}",
            licence=f"Л041-00000-{place}/{90000000 + number:08d}",
            licence_issuer="Пробное лицензирующее ведомство. Дата регистрации: 01.02.2021",
            address=_address(dice, place),
            phone=f"+7{_PHONE[place]}000{number % 10000:04d}",
            in_oms=in_oms,
        )

    def patient(self, number: int, region: str) -> Patient:
        """Return the n-th patient, living in the region."""
        key = (number, region)
        if key not in self._patients:
            self._patients[key] = self._make_patient(number, region)
        return self._patients[key]

    def doctor(self, clinic: Clinic, number: int) -> Doctor:
        """Return the n-th doctor of the clinic; number 0 is its occupational physician, who signs."""
        key = (clinic.oid, number)
        if key not in self._doctors:
            self._doctors[key] = self._make_doctor(clinic, number)
        return self._doctors[key]

    def doctors(self, clinic: Clinic, count: int = 2) -> tuple[Doctor, ...]:
        """Return the clinic's first doctors; the first one is author, chairman and signer of its documents."""
        return tuple(self.doctor(clinic, number) for number in range(count))

    def secrets(self) -> set[str]:
        """Return every name, СНИЛС, policy and passport handed out so far, in each form a leak could show it."""
        found: set[str] = set()
        for patient in self._patients.values():
            found |= _secrets_of(patient.name, patient.snils)
            found |= {patient.policy, patient.passport.series + patient.passport.number}
        for doctor in self._doctors.values():
            found |= _secrets_of(doctor.name, doctor.snils)
            found |= _secrets_of(doctor.name, other_person(doctor).snils)
        return found

    def _make_patient(self, number: int, region: str) -> Patient:
        dice = self._dice("patient", number, region)
        serial = number * len(REGIONS) + REGIONS.index(region)
        gender = dice.choice("12")
        born = self._on - timedelta(days=dice.randrange(22 * 366, 64 * 365))
        passport = Passport(
            series=f"99{dice.randrange(100):02d}",
            number=f"{dice.randrange(1_000_000):06d}",
            issuer="Пробный отдел выдачи паспортов",
            issuer_code=f"{region}0-001",
            issued=born + timedelta(days=20 * 366),
        )
        return Patient(
            local_id=f"{500000 + number}",
            name=self._name(dice, serial, gender, "Пробн"),
            gender=gender,
            born=born,
            snils=snils_of(990_000_000 + serial),
            policy=enp_of(f"{region}99{serial:011d}"),
            passport=passport,
            address=_address(dice, region),
            phone=f"+7900{dice.randrange(10_000_000):07d}",
        )

    def _make_doctor(self, clinic: Clinic, number: int) -> Doctor:
        dice = self._dice("doctor", number, clinic.oid)
        place = int(clinic.oid.rsplit(".", 1)[1]) % 500 * len(REGIONS) + REGIONS.index(clinic.region)
        serial = place * 100 + number
        return Doctor(
            local_id=f"{7000 + number}",
            name=self._name(dice, serial, dice.choice("12"), "Образцов"),
            snils=snils_of(995_000_000 + serial),
            post=POSTS[number % len(POSTS)],
        )

    def _name(self, dice: random.Random, serial: int, gender: str, ending: str) -> PersonName:
        if serial >= CAPACITY:
            raise ValueError(f"a population holds {CAPACITY} surnames; number {serial} is past the last")
        return PersonName(
            family=f"{_stem((serial * 7919 + self._shift) % CAPACITY)}-{ending}{_TAILS[ending][gender]}",
            given=dice.choice(_GIVEN[gender]),
            patronymic=dice.choice(_FATHERS[gender]),
        )

    def _dice(self, kind: str, number: int, place: str) -> random.Random:
        return random.Random(f"{self.seed}/{kind}/{number}/{place}")  # noqa: S311 - test data, not a secret


_TAILS: Final = {"Пробн": {"1": "ый", "2": "ая"}, "Образцов": {"1": "", "2": "а"}}


def other_person(doctor: Doctor) -> Doctor:
    """Return a doctor no register knows: the same post and surname, a СНИЛС of a series nobody holds."""
    return msgspec.structs.replace(
        doctor, snils=snils_of(int(doctor.snils[:9]) + UNKNOWN_SHIFT), local_id=f"{doctor.local_id}9"
    )


UNKNOWN_SHIFT: Final = 1_000_000
"""Distance from a doctor's СНИЛС serial to that of his unknown double."""


def snils_of(nine: int) -> str:
    """Return the eleven digits of the СНИЛС with this serial: sum of digit × place, mod 101, then mod 100."""
    digits = f"{nine:09d}"
    total = sum(int(digit) * (9 - place) for place, digit in enumerate(digits))
    return f"{digits}{total % 101 % 100:02d}"


def dashed(snils: str) -> str:
    """Return the СНИЛС as ``999-999-999 99``, the mask of ФФОМС rule 004F.00.1720."""
    return f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}"


def enp_of(fifteen: str) -> str:
    """Return the sixteen digits of the ЕНП with this beginning (Luhn check digit)."""
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(fifteen)]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return f"{fifteen}{(10 - total % 10) % 10}"


def _stem(number: int) -> str:
    base = len(SYLLABLES)
    return "".join(SYLLABLES[number // base**place % base] for place in range(4)).capitalize()


def _secrets_of(name: PersonName, snils: str) -> set[str]:
    stem = name.family.split("-")[0]
    words = (name.family, stem, name.given, name.patronymic)
    return {*words, *map(str.upper, words), snils, dashed(snils)}


def _ogrn(region: str, number: int) -> str:
    body = f"125{region}{9000000 + number:07d}"
    return f"{body}{int(body) % 11 % 10}"


def _inn(region: str, number: int) -> str:
    body = f"{region}{9900000 + number:07d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, (2, 4, 10, 3, 5, 9, 4, 6, 8), strict=True))
    return f"{body}{total % 11 % 10}"


def _address(dice: random.Random, region: str) -> Address:
    return Address(
        region=region,
        text=f"{_PLACES[region]}, {dice.choice(_STREETS)}, д {dice.randrange(1, 200)}",
        postal_code=f"{_POSTAL[region]}{dice.randrange(100):02d}",
        street_guid=_guid(dice),
        house_guid=_guid(dice),
    )


def _guid(dice: random.Random) -> str:
    return str(UUID(int=dice.getrandbits(128), version=4))
