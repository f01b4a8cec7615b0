"""``inaya doctor``: everything this installation stands on, asked one by one, answered in words with a cure."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from broker.adapter_kit import Probes
from broker.adapter_kit.clocks import SystemClock
from broker.adapter_kit.profile import check_profile, load_profiles
from broker.assembly.foundation import Outpost, discover, foundation, read_destinations
from broker.assembly.rulebook import book_keeper
from broker.bus.health import examine_rabbitmq
from broker.document.kind import KindCatalogue
from broker.pipeline import BOOK_TROUBLE, Workshop
from broker.settings import Settings, SettingsError, master_keys
from broker.store.database import STORE_TROUBLE, open_database
from broker.store.health import OLDEST, ServerHealth, examine_server
from broker.store.migrate import MigrationError
from broker.store.rules import RuleStore
from broker.trust import ProviderUnavailable, SigningRulesRefused, load_gost, load_signing_rules
from broker.trust.directory import TrustRefused, read_directory
from broker.trust.inventory import doubts
from broker.validation.profiles import ProfilesRefused
from broker.validation.ruleset import Compiled, RuleSetLibrary

SKEW: Final = 2.0
"""Seconds our clock and PostgreSQL's may differ."""
PROBE: Final = 15.0
"""Seconds a destination has to show a sign of life."""


class Health(StrEnum):
    """How it stands."""

    GOOD = "good"
    """As it should be."""
    DOUBT = "doubt"
    """Works, but somebody should look."""
    BAD = "bad"
    """Does not work."""


_GRAVITY: Final = (Health.GOOD, Health.DOUBT, Health.BAD)


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at: ``text`` says how it stands, ``cure`` what to do; both in Russian."""

    name: str
    health: Health
    text: str
    cure: str = ""


async def examine(settings: Settings, tell: Callable[[Check], None]) -> Health:
    """Look at everything, telling as it goes, and return the worst; a failed part does not hide the independent ones."""
    worst = Health.GOOD

    def note(checks: Sequence[Check]) -> None:
        nonlocal worst
        for check in checks:
            worst = max(worst, check.health, key=_GRAVITY.index)
            tell(check)

    note([_keys(settings)])
    store = await _server(settings)
    note(store)
    note([await _rabbitmq(settings)])
    note(_destinations(settings))
    note([await asyncio.to_thread(gost_check, settings.security.gost_engine)])
    note(await asyncio.to_thread(_rules, settings))
    note(await asyncio.to_thread(trust_checks, settings.trust.trust_dir, SystemClock().now()))
    if store[0].health is not Health.BAD:
        note([await _book(settings)])
    if worst is not Health.BAD:
        note(await _probes(settings))
    return worst


def _keys(settings: Settings) -> Check:
    try:
        keys = master_keys(settings.security)
    except (SettingsError, OSError) as error:
        return Check(
            "Главный ключ",
            Health.BAD,
            str(error),
            "Задайте INAYA_MASTER_KEY или INAYA_MASTER_KEY_FILE: 32 байта в base64 (openssl rand -base64 32).",
        )
    return Check("Главный ключ", Health.GOOD, f"ключей: {len(keys.keys)}")


def gost_check(engine: str) -> Check:
    """Load the engine (a file, ``off``, empty: the usual places) as compute processes do: this command serves nobody."""
    try:
        gost = load_gost(engine or None)
    except ProviderUnavailable as unavailable:
        return Check(
            "Средство ГОСТ",
            Health.DOUBT,
            f"BACKEND_UNAVAILABLE: {unavailable.reason}",
            "До этого подписи ГОСТ только разбираются: их целостность проверит РЭМД.",
        )
    text = f"{gost.name} {gost.version}, самопроверка по примерам ТК26 пройдена; не сертифицировано"
    return Check("Средство ГОСТ", Health.GOOD, text)


async def _server(settings: Settings) -> list[Check]:
    before = SystemClock().now()
    try:
        health = await examine_server(settings.store.database_url)
    except (*STORE_TROUBLE, ValueError) as error:
        return [
            Check(
                "PostgreSQL",
                Health.BAD,
                f"не отвечает ({type(error).__name__})",
                "Проверьте INAYA_DATABASE_URL, что сервер запущен и пускает эту учётную запись.",
            )
        ]
    after = SystemClock().now()
    middle = before + (after - before) / 2
    return [*server_checks(health), clock_check(abs((health.clock - middle).total_seconds()))]


def server_checks(health: ServerHealth) -> list[Check]:
    """Judge what PostgreSQL says of itself."""
    found = [
        Check("PostgreSQL", Health.GOOD, f"отвечает, версия {health.version_text}")
        if health.version >= OLDEST
        else Check(
            "PostgreSQL",
            Health.BAD,
            f"версия {health.version_text}",
            "Нужна 15 или новее: обновите сервер.",
        )
    ]
    loose = [
        name
        for name, value in (
            ("fsync", health.fsync),
            ("synchronous_commit", health.synchronous_commit),
            ("full_page_writes", health.full_page_writes),
        )
        if value == "off"
    ]
    found.append(
        Check(
            "Надёжность записи",
            Health.BAD,
            f"выключено: {', '.join(loose)}",
            "Включите: при отключении питания принятые документы будут потеряны.",
        )
        if loose
        else Check("Надёжность записи", Health.GOOD, "fsync, synchronous_commit, full_page_writes включены")
    )
    found.append(
        Check(
            "Схема базы",
            Health.BAD,
            f"не применены: {', '.join(health.missing)}",
            "Выполните inaya migrate.",
        )
        if health.missing
        else Check("Схема базы", Health.GOOD, "соответствует программе")
    )
    return found


def clock_check(skew: float) -> Check:
    """Judge by how many seconds our clock and PostgreSQL's differ."""
    if skew > SKEW:
        return Check(
            "Часы",
            Health.DOUBT,
            f"расходятся с часами PostgreSQL на {skew:.1f} с",
            "Настройте синхронизацию времени (NTP) на обеих машинах.",
        )
    return Check("Часы", Health.GOOD, "совпадают с часами PostgreSQL")


async def _rabbitmq(settings: Settings) -> Check:
    if not settings.bus.amqp_url:
        return Check("RabbitMQ", Health.GOOD, "не используется: шина local, двери AMQP нет")
    try:
        version = await examine_rabbitmq(settings.bus.amqp_url)
    except ConnectionError as error:
        return Check(
            "RabbitMQ",
            Health.BAD,
            f"не отвечает ({error})",
            "Проверьте INAYA_AMQP_URL, что узел запущен и пускает нашу учётную запись.",
        )
    return Check("RabbitMQ", Health.GOOD, f"отвечает, версия {version}")


def _destinations(settings: Settings) -> list[Check]:
    adapters = discover("inaya.adapters")
    found = [Check("Адаптеры", Health.GOOD, ", ".join(sorted(adapters)) or "нет")]
    try:
        configured = read_destinations(settings.data.destinations)
    except SettingsError as error:
        return [*found, Check("Файл направлений", Health.BAD, str(error), "Исправьте указанное поле файла.")]
    absent = [d for d in configured if d.adapter not in adapters]
    found += [
        Check(
            f"Направление {destination.id}",
            Health.BAD,
            f"адаптер {destination.adapter} не установлен",
            "Установите пакет адаптера или исправьте имя в файле направлений.",
        )
        for destination in absent
    ]
    if not configured:
        found.append(
            Check(
                "Файл направлений",
                Health.DOUBT,
                "направлений нет: каждый документ станет unroutable",
                "Опишите направления в файле INAYA_DESTINATIONS.",
            )
        )
    elif not absent:
        found.append(Check("Файл направлений", Health.GOOD, ", ".join(d.id for d in configured)))
    return found


def _rules(settings: Settings) -> list[Check]:
    schemas = Path(settings.data.schemas_dir)
    packs = [Path(settings.data.packs_dir)] if settings.data.packs_dir else []
    found = []
    try:
        kinds = KindCatalogue.load(schemas / "nsi" / "kinds.toml")
        found.append(Check("Справочник видов", Health.GOOD, f"видов: {len(kinds)}"))
    except (OSError, ValueError) as error:
        found.append(
            Check(
                "Справочник видов", Health.BAD, type(error).__name__, "Проверьте каталог INAYA_SCHEMAS_DIR."
            )
        )
    found += _signing(schemas / "signing.toml")
    library = RuleSetLibrary([schemas / "semd", *packs])
    broken = []
    for rules in library.all():
        compiled = Compiled(rules)
        fault = compiled.schema_fault or compiled.schematron_fault
        if fault:
            broken.append(Check(f"Набор правил: {rules.name}", Health.BAD, fault, "Замените файлы набора."))
    found += broken or [
        Check("Наборы правил", Health.GOOD, f"собираются все: {len(library)} ({', '.join(library.kinds())})")
    ]
    for profile in load_profiles(schemas / "regions"):
        problems = check_profile(profile, adapters=list(discover("inaya.adapters")))
        if problems:
            found.append(Check(f"Профиль региона {profile.region}", Health.DOUBT, " ".join(problems)))
    return found


def trust_checks(directory: str, now: datetime) -> list[Check]:
    """Judge the directory of trust: readable, and nothing in it stops documents."""
    title = "Каталог доверия"
    if not directory:
        return [
            Check(
                title,
                Health.DOUBT,
                "не настроен: цепочки сертификатов и списки отзыва не проверяются",
                "Задайте INAYA_TRUST_DIR (docs/how-to/trust.md).",
            )
        ]
    try:
        snapshot = read_directory(Path(directory))
        found = doubts(Path(directory), now)
    except (TrustRefused, OSError) as error:
        return [
            Check(title, Health.BAD, f"не читается, документы ждут: {error}", "Исправьте названный файл.")
        ]
    held = (
        f"корней {len(snapshot.roots)}, промежуточных {len(snapshot.intermediates)}, "
        f"списков отзыва {len(snapshot.crls)}, снимок {snapshot.digest[:12]}"
    )
    doubtful = [Check(title, Health.BAD if d.grave else Health.DOUBT, d.text, d.cure) for d in found]
    return [Check(title, Health.GOOD, held), *doubtful]


def _signing(path: Path) -> list[Check]:
    try:
        rules = load_signing_rules(path)
    except (SigningRulesRefused, OSError) as error:
        return [
            Check(
                "Правила подписания", Health.BAD, str(error), "Исправьте файл: без него проверка не начнётся."
            )
        ]
    return [Check("Правила подписания", Health.GOOD, f"правил: {len(rules.rules)}")]


async def _book(settings: Settings) -> Check:
    """Look whether the rules operators put into force can be read by compute processes."""
    title, cure = (
        "Редакция правил",
        "Верните прежнюю (inaya schemas rollback) или введите исправленный пакет.",
    )
    try:
        async with (
            open_database(settings.store.database_url, size=2) as database,
            book_keeper(settings, database) as keeper,
        ):
            current = await RuleStore(database).book()
            if not keeper.is_written:
                return Check(title, Health.BAD, f"{current.revision}: не читается", cure)
            workshop = Workshop(Path(settings.data.schemas_dir), None)
            await asyncio.to_thread(workshop.open_book, keeper())
    except (*STORE_TROUBLE, MigrationError) as error:
        return Check(title, Health.BAD, f"хранилище не отвечает ({type(error).__name__})", "inaya migrate")
    except (*BOOK_TROUBLE, ProfilesRefused) as error:
        return Check(title, Health.BAD, f"не читается ({type(error).__name__}): {error}"[:300], cure)
    packs, dictionaries = len(current.book.packs), len(current.book.dictionaries)
    if not current.revision:
        return Check(title, Health.GOOD, "действуют правила поставки")
    return Check(title, Health.GOOD, f"{current.revision}: пакетов {packs}, справочников {dictionaries}")


async def _probes(settings: Settings) -> list[Check]:
    """Ask every destination that can be asked for a sign of life; nothing is sent."""
    try:
        async with foundation(settings) as base:
            return await asyncio.gather(*(_probe(name, post) for name, post in base.outposts.items()))
    except (SettingsError, *STORE_TROUBLE) as error:
        return [Check("Направления на связи", Health.BAD, f"не удалось спросить ({type(error).__name__})")]


async def _probe(name: str, post: Outpost) -> Check:
    title = f"Направление {name}"
    if not isinstance(post.adapter, Probes):
        return Check(title, Health.GOOD, "адаптер не умеет спрашивать о готовности")
    try:
        async with asyncio.timeout(PROBE):
            alive = await post.adapter.probe(post.context)
    except TimeoutError:
        alive = False
    if alive:
        return Check(title, Health.GOOD, "отвечает")
    return Check(
        title,
        Health.DOUBT,
        "не отвечает",
        "Документы подождут; проверьте адрес, сеть и учётные данные направления.",
    )
