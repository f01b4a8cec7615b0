"""Wires the files for years: the rows, the clinics' endpoints, the rule's terms, and who acts on them."""

from datetime import timedelta

import aiohttp
import msgspec

from broker.adapter_kit import Clock
from broker.archive import Codec
from broker.archive.retention import Terms
from broker.assembly.kinds import catalogue
from broker.control.filing import Filing
from broker.files.endpoint import ClinicFiles, tls_of
from broker.files.keeping import Keeper
from broker.settings import Settings, SettingsError
from broker.store.database import Database
from broker.store.examination import ExaminationStore
from broker.store.files import FileStore
from broker.work.purge import PurgeWorker


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about documents' bytes in one process."""

    store: FileStore
    clinics: ClinicFiles
    keeper: Keeper
    filing: Filing


def file_store(settings: Settings, database: Database, codec: Codec) -> FileStore:
    """Open the rows; the shelf life of a kind nobody knows has no end."""
    years = {card.code: card.shelf_life_years for card in catalogue(settings)}
    return FileStore(database, codec, years.get)


def files_of(
    settings: Settings,
    store: FileStore,
    documents: ExaminationStore,
    http: aiohttp.ClientSession,
    clock: Clock,
) -> Files:
    """Wire it; raise ``SettingsError`` for a file of certificates that cannot be read."""
    archive = settings.archive
    try:
        clinics = ClinicFiles(http, tls_of(archive.clinic_ca_file))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"INAYA_CLINIC_CA_FILE ({archive.clinic_ca_file}): сертификаты PEM не читаются"
        ) from error
    terms = Terms(
        refused=timedelta(days=archive.refused_keep_days),
        returned_to_clinic=timedelta(days=archive.clinic_keep_days),
    )
    keeper = Keeper(store, clinics, documents.room, clock, terms)
    filing = Filing(store, documents, keeper, clock, timedelta(days=archive.returned_keep_days))
    return Files(store=store, clinics=clinics, keeper=keeper, filing=filing)


def purge_worker(files: Files, settings: Settings, clock: Clock) -> PurgeWorker:
    """Return the nightly walk as the settings want it."""
    hour = settings.archive.purge_hour
    return PurgeWorker(
        files.keeper, files.store, clock, hour if hour >= 0 else None, settings.work.watch_seconds
    )
