"""One throw-away authority for all tests of the room: keys are slow to make."""

from datetime import UTC, datetime, timedelta

import pytest
from gost import SUITES
from trust_stand import Stand

from broker.document.canonical import PersonName
from broker.trust import Issued, Suite, ThrowAwayCa, new_key

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.fixture(scope="session")
def stand() -> Stand:
    return a_stand(Suite.RSA_SHA256)


@pytest.fixture(scope="session", params=SUITES)
def any_stand(request: pytest.FixtureRequest, stand: Stand) -> Stand:
    """The same people with keys of every suite; those of ГОСТ where the engine can be had."""
    return stand if request.param is Suite.RSA_SHA256 else a_stand(request.param)


def a_stand(suite: Suite) -> Stand:
    keys = [new_key(suite) for _ in range(3)]
    ca = ThrowAwayCa.create(NOW - YEAR, key=keys[0])

    def person(snils: str, **changes: datetime) -> Issued:
        life = {"not_before": NOW - YEAR, "not_after": NOW + YEAR, **changes}
        name = PersonName(family="Невзаправдов", given="Пробирк", patronymic="Тестович")
        return ca.issue_person(
            name,
            snils=snils,
            inn="990000000041",
            organization="ООО «Выдуманная поликлиника»",
            ogrn="1999900000010",
            post="врач-терапевт",
            key=keys[1],
            **life,
        )

    return Stand(
        suite=suite,
        now=NOW,
        ca=ca,
        doctor=person("99000000153"),
        expired=person("99000000153", not_after=NOW - timedelta(days=1)),
        organization=ca.issue_organization(
            "ООО «Выдуманная поликлиника»",
            ogrn="1999900000010",
            inn_le="9900000000",
            head=PersonName(family="Главный", given="Понарошк"),
            snils="99000000254",
            post="главный врач",
            not_before=NOW - YEAR,
            not_after=NOW + YEAR,
            key=keys[2],
        ),
        system=ca.issue_system("ips-test.invalid", not_before=NOW - YEAR, not_after=NOW + YEAR, key=keys[1]),
        stranger=ca.issue_system(
            "stranger.invalid", not_before=NOW - YEAR, not_after=NOW + YEAR, key=keys[2]
        ),
    )
