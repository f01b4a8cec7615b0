"""Whatever becomes of a rule pack on its way, reading it ends in a pack that can be stored and written, or in a refusal."""

import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from test_fuzz import Edit, edits, fuzz, spoilt

from broker.document.kind import KindCatalogue
from broker.validation.packs import Pack, PackRefused, read_pack
from broker.validation.ruleset import digest_of

pytestmark = pytest.mark.conformance

SCHEMAS = Path(__file__).parents[2] / "schemas"
CATALOGUE = KindCatalogue.load(SCHEMAS / "nsi" / "kinds.toml")
OWN = SCHEMAS / "semd" / "290" / "7"
FILES = {p.relative_to(OWN).as_posix(): p.read_bytes() for p in sorted(OWN.rglob("*")) if p.is_file()}


def archived(edit=lambda content: content, root="Пакет 290/"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(root + name, edit(content))
    return packed.getvalue()


GOOD = archived()


def read(data: bytes) -> None:
    made = read_pack(data, "290.zip", CATALOGUE)
    if isinstance(made, PackRefused):
        assert made.code.startswith("pack.")
        assert made.message.endswith((".", "…"))
        return
    assert Pack.from_bytes(made.to_bytes()) == made
    with tempfile.TemporaryDirectory() as room:
        made.write(Path(room, "in", "pack"))
        assert digest_of(Path(room, "in", "pack")) == made.digest
        assert [path.name for path in Path(room).iterdir()] == ["in"]


def test_the_pack_to_be_spoilt_is_a_good_one():
    assert isinstance(read_pack(GOOD, "290.zip", CATALOGUE), Pack)


@fuzz
@given(edits)
def test_a_spoilt_archive_is_a_pack_or_refused(changes: list[Edit]):
    read(spoilt(GOOD, changes))


@fuzz
@given(edits)
def test_a_pack_of_spoilt_files_is_a_pack_or_refused(changes: list[Edit]):
    read(archived(lambda content: spoilt(content, changes)))
