"""The stands most tests of validation share: our own rule sets, and the official packs where they are at hand."""

import pytest
from validation_stand import DATA, Stand


@pytest.fixture(scope="session")
def stand() -> Stand:
    return Stand()


@pytest.fixture(scope="session")
def official() -> Stand:
    if not (DATA / "packs").is_dir():
        pytest.skip(f"NO OFFICIAL PACKS at {DATA / 'packs'}: agreement with them is not proven by this run")
    return Stand(DATA / "packs")
