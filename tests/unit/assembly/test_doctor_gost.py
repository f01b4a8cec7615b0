"""The doctor says whether ГОСТ can be computed here, and what to do where it cannot."""

import pytest
from gost import needs_gost

from broker.assembly.selfcheck import Health, gost_check


@needs_gost
def test_an_engine_that_passes_its_self_test_is_good_and_said_to_be_no_certified_means() -> None:
    check = gost_check("")
    assert check.health is Health.GOOD
    assert "openssl-gost" in check.text
    assert "не сертифицировано" in check.text


@pytest.mark.parametrize("engine", ["off", "/nowhere/gost.so"])
def test_a_missing_engine_is_a_doubt_with_its_reason_and_what_it_means(engine: str) -> None:
    check = gost_check(engine)
    assert check.health is Health.DOUBT
    assert check.text.startswith("BACKEND_UNAVAILABLE")
    assert "INAYA_GOST_ENGINE" in check.text
    assert "РЭМД" in check.cure
