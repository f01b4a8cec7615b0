"""Dictionaries of НСИ: read from what НСИ publishes, kept by edition, and compared with what a document states."""

from broker.validation.nsi.check import NO_DICTIONARIES, check
from broker.validation.nsi.dictionary import Dictionary, DictionaryRefused
from broker.validation.nsi.kinds import kinds_from
from broker.validation.nsi.reading import Reading, read_all, read_dictionary, read_files
from broker.validation.nsi.rules import DictionaryCard, NsiRules
from broker.validation.nsi.shelf import Dictionaries, Edition, Standing
from broker.validation.nsi.source_files import SourceFile, files_of

__all__ = [
    "NO_DICTIONARIES",
    "Dictionaries",
    "Dictionary",
    "DictionaryCard",
    "DictionaryRefused",
    "Edition",
    "NsiRules",
    "Reading",
    "SourceFile",
    "Standing",
    "check",
    "files_of",
    "kinds_from",
    "read_all",
    "read_dictionary",
    "read_files",
]
