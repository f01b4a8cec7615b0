"""Official rule packs: read from any layout and any archive, compared with the kinds known, proven on their own samples.

Pure: bytes in, values out, nothing kept and no network. ``read_pack`` gives a ``Pack`` or says why it is refused;
``Pack.to_bytes`` is how it is stored, ``Pack.write`` and ``rule_sets`` how it is put to work, ``self_test`` what it is worth.
"""

from broker.validation.packs.outcome import PackFinding, PackRefused
from broker.validation.packs.pack import Edition, Pack, PackSpoilt, rule_sets
from broker.validation.packs.reading import read_pack
from broker.validation.packs.selftest import SelfTest, self_test
from broker.validation.ruleset import Terms

__all__ = [
    "Edition",
    "Pack",
    "PackFinding",
    "PackRefused",
    "PackSpoilt",
    "SelfTest",
    "Terms",
    "read_pack",
    "rule_sets",
    "self_test",
]
