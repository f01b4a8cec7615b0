"""Every setting of the product: one struct per room, read from ``INAYA_…`` variables, each with its meaning.

``inaya settings`` and docs/reference/settings.md are generated from here.
"""

import base64
import binascii
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from broker.archive import MasterKeys

Text = Annotated[str, Meta(description="")]


class SettingsError(Exception):
    """A variable is missing or wrong; the text names it and says what is expected."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """PostgreSQL."""

    database_url: Annotated[str, Meta(description="Адрес PostgreSQL (15 и новее): postgresql://…")]
    database_pool: Annotated[int, Meta(description="Соединений с PostgreSQL на процесс", ge=2, le=200)] = 10


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """RabbitMQ."""

    amqp_url: Annotated[
        str, Meta(description="Адрес RabbitMQ (amqp://…); пусто — шина local, двери AMQP нет")
    ] = ""
    amqp_public_url: Annotated[
        str,
        Meta(description="Адрес RabbitMQ для партнёров, если отличается: в /asyncapi.json и рядом с ключом"),
    ] = ""

    @property
    def amqp_for_partners(self) -> str:
        """Return where partners find RabbitMQ, without anybody's login; empty where there is no AMQP door."""
        if not self.amqp_url:
            return ""
        parts = urlsplit(self.amqp_public_url or self.amqp_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"


class DoorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Doors of partners and state systems."""

    http_host: Annotated[str, Meta(description="Адрес, на котором слушают двери")] = "127.0.0.1"
    http_port: Annotated[int, Meta(description="Порт API партнёров и консоли")] = 8080
    peer_port: Annotated[
        int,
        Meta(
            description="Порт, на который нас вызывают государственные системы: /peer/<направление>/<точка>"
        ),
    ] = 8081
    peer_url: Annotated[str, Meta(description="Внешний адрес этого порта, как его видят системы")] = ""
    bodies_limit: Annotated[
        int, Meta(description="Сколько байт тел запросов держит один процесс", ge=192 * 1024 * 1024)
    ] = 256 * 1024 * 1024
    files_limit: Annotated[
        int,
        Meta(
            description="Сколько байт файлов держит процесс дверей, пока их забирают государственные системы: "
            "своё место, сверх bodies_limit",
            ge=64 * 1024 * 1024,
        ),
    ] = 96 * 1024 * 1024
    partner_rate: Annotated[
        float,
        Meta(
            description="Сколько документов в секунду принимать от одного партнёра по HTTP; 0 — без предела",
            ge=0,
        ),
    ] = 0.0
    check_page: Annotated[
        str,
        Meta(
            description="Страница /check/, где файл проверяют без ключа и входа: on — открыта, off — её нет",
            pattern="^(on|off)$",
        ),
    ] = "off"
    cache_seconds: Annotated[float, Meta(description="Сколько секунд помнить ключи и связи клиник", ge=0)] = (
        3.0
    )


class WorkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Workers."""

    compute_processes: Annotated[
        int, Meta(description="Вычислительных процессов на рабочий процесс (0 — по числу ядер)", ge=0)
    ] = 0
    compute_seconds: Annotated[float, Meta(description="Предел времени на один документ, секунды", gt=0)] = (
        20.0
    )
    compute_megabytes: Annotated[
        int, Meta(description="Предел памяти вычислительного процесса, МиБ", ge=256)
    ] = 1536
    prepare_batch: Annotated[int, Meta(description="Документов в одной проверяемой пачке", ge=1, le=256)] = 32
    sweep_seconds: Annotated[
        float, Meta(description="Как часто напоминать о созревших задачах, секунды", gt=0)
    ] = 1.0
    reconcile_hour: Annotated[
        int, Meta(description="Час (UTC) ночной сверки с реестрами; -1 — не сверять", ge=-1, le=23)
    ] = 0
    reconcile_days: Annotated[int, Meta(description="За сколько последних суток сверять", ge=1, le=60)] = 3
    reconcile_pause_seconds: Annotated[
        float, Meta(description="Пауза между двумя запросами сверки, секунды", ge=0)
    ] = 1.0
    watch_seconds: Annotated[
        float,
        Meta(description="Как часто смотреть, не замолчали ли входящие каналы направлений, секунды", gt=0),
    ] = 5.0
    metrics_port: Annotated[
        int, Meta(description="Порт метрик рабочего процесса (/metrics, /healthz); 0 — не слушать", ge=0)
    ] = 0
    task_lease_seconds: Annotated[
        float,
        Meta(description="Через сколько секунд взятая и брошенная задача переходит к другому процессу", gt=0),
    ] = 60.0
    attempt_grace_seconds: Annotated[
        float, Meta(description="То же для отправки: сверх предела времени направления, секунды", gt=0)
    ] = 30.0
    stop_seconds: Annotated[
        float,
        Meta(
            description="Сколько секунд остановка ждёт начатых отправок; оборванная позже — под сомнением",
            ge=0,
        ),
    ] = 8.0
    relay_lease_seconds: Annotated[
        float, Meta(description="То же для рассылки событий одного партнёра, секунды", gt=0)
    ] = 20.0


class SecuritySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Keys, and who decides."""

    master_key: Annotated[
        str,
        Meta(
            description="Главный ключ: 32 байта в base64; несколько через запятую — новый первым, прежние открывают"
        ),
    ] = ""
    master_key_file: Annotated[str, Meta(description="Файл с главным ключом вместо переменной")] = ""
    gost_engine: Annotated[
        str,
        Meta(
            description="Файл движка ГОСТ для OpenSSL 3 (gost.so); пусто — искать, где его ставит пакет "
            "libengine-gost-openssl; off — обходиться без ГОСТ"
        ),
    ] = ""
    four_eyes: Annotated[
        bool,
        Meta(description="true — изменение правил, предложенное одним оператором, вводит в действие другой"),
    ] = False


class DataSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Files the product works with."""

    schemas_dir: Annotated[
        str, Meta(description="Каталог наборов правил, справочников и профилей регионов")
    ] = str(Path(__file__).resolve().parent.parent / "schemas")
    packs_dir: Annotated[
        str, Meta(description="Каталог официальных пакетов: перекрывают наши наборы правил")
    ] = ""
    rules_cache: Annotated[
        str,
        Meta(
            description="Каталог переведённых правил Schematron: с ним процесс проверки готов сразу, а не через секунду; "
            "пусто — переводить в каждом процессе заново. Содержимое можно стереть"
        ),
    ] = ""
    term_file: Annotated[
        str,
        Meta(
            description="Файл сроков регистрации поверх schemas/term.toml: рабочих дней, пояса, переносы выходных; "
            "пусто — как поставлено"
        ),
    ] = ""
    nsi_url: Annotated[str, Meta(description="Адрес портала НСИ для inaya nsi sync")] = (
        "https://nsi.rosminzdrav.ru"
    )
    nsi_key_file: Annotated[
        str, Meta(description="Файл с личным ключом портала НСИ (userKey); без него обновления по сети нет")
    ] = ""
    destinations: Annotated[str, Meta(description="Файл направлений (JSON): список Destination")] = ""
    clock_file: Annotated[str, Meta(description="Файл модельных часов (только inaya dev)")] = ""
    kill_dir: Annotated[
        str, Meta(description="Каталог точек гибели процесса (только inaya dev, проверка make crash)")
    ] = ""


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long documents' bytes are kept."""

    purge_hour: Annotated[
        int,
        Meta(
            description="Час (UTC), с которого ночью удаляются файлы, которые больше никто не вправе запросить или хранит "
            "сама клиника; -1 — не удалять",
            ge=-1,
            le=23,
        ),
    ] = 1
    refused_keep_days: Annotated[
        int,
        Meta(description="Сколько суток хранить файл документа, который нигде не зарегистрирован", ge=30),
    ] = 365
    clinic_keep_days: Annotated[
        int,
        Meta(
            description="Сколько суток после исхода хранить файл клиники, которая хранит файлы сама "
            "(storage = clinic)",
            ge=1,
        ),
    ] = 15
    returned_keep_days: Annotated[
        int, Meta(description="Сколько суток хранить файл, возвращённый клиникой по запросу", ge=1)
    ] = 15
    clinic_ca_file: Annotated[
        str,
        Meta(
            description="Файл PEM с корневыми сертификатами, которым верить на точках клиник сверх системных; "
            "пусто — только системные"
        ),
    ] = ""


class TrustSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whom signatures are trusted by."""

    trust_dir: Annotated[
        str,
        Meta(
            description="Каталог доверия: roots/, intermediates/, crls/, trust.toml, signing.toml; "
            "пусто — цепочки сертификатов и списки отзыва не проверяются"
        ),
    ] = ""
    chain_unchecked: Annotated[
        str,
        Meta(
            description="Без каталога доверия: чем считать у рабочих документов непроверенные цепочки "
            "(error — не отправлять, warning, off)",
            pattern="^(error|warning|off)$",
        ),
    ] = "warning"


class TelemetrySettings(msgspec.Struct, frozen=True, kw_only=True):
    """The log."""

    log_level: Annotated[
        str,
        Meta(description="Подробность журнала: debug (ещё и адрес каждого запроса), info, warning, error"),
    ] = "info"


class StandSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Setting up a machine; read by ``make setup`` and ``inaya dev`` (``broker/dev/install.py``)."""

    install: Annotated[
        str,
        Meta(description="no — не ставить на машину ничего: ни пакетов apt, ни сервера PostgreSQL из PyPI"),
    ] = "yes"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All rooms."""

    store: StoreSettings
    bus: BusSettings
    door: DoorSettings
    work: WorkSettings
    security: SecuritySettings
    data: DataSettings
    archive: ArchiveSettings
    trust: TrustSettings
    telemetry: TelemetrySettings
    stand: StandSettings


class SettingCard(msgspec.Struct, frozen=True):
    """One setting for people: variable, type, default, meaning, room, and whether it must be given."""

    variable: str
    type: str
    default: str
    meaning: str
    room: str
    required: bool


def _rooms() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    yield from typing.get_type_hints(Settings).items()


def _fields(room: type[msgspec.Struct]) -> Iterator[tuple[msgspec.structs.FieldInfo, Any]]:
    hints = typing.get_type_hints(room, include_extras=True)
    for field in msgspec.structs.fields(room):
        yield field, hints[field.name]


def cards() -> list[SettingCard]:
    """List every setting with its meaning."""
    found = []
    for room, struct in _rooms():
        for field, hint in _fields(struct):
            kind, *metas = typing.get_args(hint)
            meaning = "; ".join(meta.description for meta in metas if meta.description)
            name = kind.__name__ if isinstance(kind, type) else str(kind)
            default = "" if field.required else str(field.default)
            if field.name == "schemas_dir":
                default = "schemas/"
            found.append(
                SettingCard(f"INAYA_{field.name.upper()}", name, default, meaning, room, field.required)
            )
    return found


def load(environment: Mapping[str, str]) -> Settings:
    """Read settings; raise ``SettingsError`` naming every variable that is wrong or missing."""
    rooms: dict[str, msgspec.Struct] = {}
    problems = []
    for room, struct in _rooms():
        given = {
            field.name: environment[f"INAYA_{field.name.upper()}"]
            for field, _ in _fields(struct)
            if environment.get(f"INAYA_{field.name.upper()}", "") != ""
        }
        try:
            rooms[room] = msgspec.convert(given, struct, strict=False)
        except msgspec.ValidationError as error:
            problems.append(_explain(str(error)))
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings(**rooms)  # type: ignore[arg-type]  # the rooms were converted to exactly these structs


def _explain(error: str) -> str:
    message, _, path = error.partition(" - at `$.")
    if path:
        return f"INAYA_{path.rstrip('`').upper()}: {message}"
    name = message.rpartition("field `")[2].rstrip("`")
    return f"INAYA_{name.upper()} is required"


def master_keys(security: SecuritySettings) -> MasterKeys:
    """Read the master keys; the first given gets the highest number and seals."""
    text = security.master_key
    if security.master_key_file:
        text = Path(security.master_key_file).read_text(encoding="ascii").strip()
    if not text:
        raise SettingsError("INAYA_MASTER_KEY or INAYA_MASTER_KEY_FILE is required: 32 bytes in base64")
    keys = {}
    parts = [part.strip() for part in text.split(",")]
    for number, part in enumerate(reversed(parts)):
        try:
            key = base64.b64decode(part, validate=True)
        except binascii.Error:
            key = b""
        if len(key) != 32:
            raise SettingsError("INAYA_MASTER_KEY: each key must be 32 bytes in base64")
        keys[number] = key
    return MasterKeys(keys)


def child_environment(settings: Settings) -> Mapping[str, str]:
    """Return the variables that make a child process read the same settings."""
    found = {}
    for room, struct in _rooms():
        values = getattr(settings, room)
        for field, _ in _fields(struct):
            value = getattr(values, field.name)
            if field.required or value != field.default:
                found[f"INAYA_{field.name.upper()}"] = str(value)
    return types.MappingProxyType(found)
