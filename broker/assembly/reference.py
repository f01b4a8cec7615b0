"""The reference pages in Russian, made from the data the program works by: a test fails when they drift."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

from broker.api.asyncapi import TOLD
from broker.assembly.describing import asyncapi_page, openapi_page
from broker.assembly.foundation import discover
from broker.bus.topology import EXCHANGES, PARTNER_QUEUES, Queue, hint_queue, receipts_queue
from broker.document import meanings
from broker.document.codes import CodeCard, load_codes
from broker.document.event import EventName
from broker.document.finding import Layer, Severity
from broker.document.lifecycle import DELIVERY_MOVES, DOCUMENT_MOVES
from broker.normalizer.rules import CARDS, SHIMS, RuleCard
from broker.settings import cards
from broker.validation.profiles import RULES

NOTE: Final = "Страница создана командой `inaya reference --write`; правьте данные программы, не её."
CODES: Final = (
    "Код — `откуда.причина`; он не меняется, на него можно опираться в программе. "
    "Звёздочка — семейство: хвост приходит извне (статус HTTP, код системы)."
)
CHECKS: Final = (
    "Имя проверки — код её замечания. Проверки источника `own` — наши: они предупреждают. `official` и `seen` — "
    "официальные и виденные в открытых источниках: они не пускают документ дальше. "
    "Строгость меняют `schemas/profiles.toml` (для тестовых или рабочих ключей) и `override` в `ruleset.toml` вида: "
    "сказанное о самой проверке важнее сказанного о слое, а при равенстве важнее набор правил вида. "
    "Слой `schematron` и слой `xsd` — это правила самого вида, их номера названы в замечаниях."
)
_LAYERS: Final = {
    Layer.BUSINESS: "Слой `business`: числа, даты, адреса, организации",
    Layer.METADATA: "Слой `metadata`: заявка и документ",
}
_WEIGHTS: Final = {Severity.ERROR: "ошибка", Severity.WARNING: "предупреждение"}
NORMALISING: Final = (
    "`POST /api/v1/prepare` и `inaya prepare` меняют форму неподписанного документа, но не то, что в нём сказано. "
    "Подписанный документ не изменяется никогда. Правило выключают для всех в `schemas/normalising.toml`, для одного "
    "документа — параметром `?without=имя,имя`."
)
SHIMMING: Final = (
    "Выключены, пока оператор не запишет в `schemas/normalising.toml`, какому партнёру, для каких видов и почему. "
    "Каждое изменение попадает в ответ вместе с основанием."
)
_ROOMS: Final = {
    "store": "PostgreSQL",
    "bus": "RabbitMQ",
    "door": "Двери",
    "work": "Рабочие процессы",
    "security": "Ключи",
    "data": "Файлы данных",
    "trust": "Доверие",
    "telemetry": "Журнал",
    "stand": "Подготовка машины",
}
_WHO: Final = {"partner": "партнёр", "operator": "оператор", "anyone": "любой"}


def reference_pages() -> dict[str, str]:
    """Return the pages made of data by file name (commands are added by the program that parses them)."""
    return {
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "checks.md": checks_page(),
        "events.md": events_page(),
        "statuses.md": statuses_page(),
        "api.md": api_page(),
        "normalising.md": normalising_page(),
    }


def all_codes() -> dict[str, tuple[CodeCard, ...]]:
    """Return the catalogue of the house (under an empty name) and those of the installed adapters."""
    found = {"": load_codes()}
    for name, adapter in sorted(discover("inaya.adapters").items()):
        path = Path(inspect.getfile(type(adapter))).with_name("codes.toml")
        if path.exists():
            found[name] = load_codes(path)
    return found


def settings_page() -> str:
    """Every variable with its default and meaning, by room."""
    parts = [_head("Настройки"), "Все настройки — переменные среды `INAYA_…`.", ""]
    rooms: dict[str, list[Sequence[str]]] = {}
    for card in cards():
        default = f"`{card.default}`" if card.default else "обязательна"
        if not card.default and not card.required:
            default = "пусто"
        rooms.setdefault(card.room, []).append((f"`{card.variable}`", default, card.meaning))
    for room, rows in rooms.items():
        parts += [
            f"## {_ROOMS.get(room, room)}",
            "",
            _table(("переменная", "по умолчанию", "смысл"), rows),
            "",
        ]
    return _text(parts)


def errors_page() -> str:
    """Every error code: what it means, who acts, what to do."""
    parts = [
        _head("Коды ошибок"),
        CODES,
        "",
    ]
    for adapter, codes in all_codes().items():
        parts += [f"## Адаптер {adapter}" if adapter else "## Общие", ""]
        rows = [
            (f"`{c.id}`", c.means, meanings.RESPONSIBLES[c.who], _prose(c.do))
            for c in sorted(codes, key=_by_id)
        ]
        parts += [_table(("код", "что значит", "кто действует", "что сделать"), rows), ""]
    return _text(parts)


def checks_page() -> str:
    """Every named rule of the business and the metadata layer."""
    parts = [_head("Именованные проверки"), CHECKS, ""]
    for layer, title in _LAYERS.items():
        rows = [
            (
                f"`{rule.name}`",
                _prose(rule.title),
                _WEIGHTS[rule.weight],
                _prose(f"`{rule.source.value}`: {rule.why}"),
                f"`{rule.remd_code}`" if rule.remd_code else "—",
                meanings.RESPONSIBLES[rule.who],
                _prose(rule.fix),
            )
            for rule in RULES
            if rule.layer is layer
        ]
        heads = (
            "проверка",
            "что должно быть",
            "строгость",
            "источник",
            "код РЭМД",
            "кто действует",
            "что сделать",
        )
        parts += [f"## {title}", "", _table(heads, rows), ""]
    return _text(parts)


def events_page() -> str:
    """Every event: those partners are told, and those only the journal holds."""
    inner = [name for name in EventName if name not in TOLD]
    return _text(
        [
            _head("События"),
            "## Партнёру: очередь receipts.<логин> и GET /api/v1/events",
            "",
            _meaning_table("событие", {name: meanings.EVENTS[name] for name in TOLD}),
            "",
            "## Только в журнале оператора",
            "",
            _meaning_table("событие", {name: meanings.EVENTS[name] for name in inner}),
        ]
    )


def statuses_page() -> str:
    """Both state machines with their moves, and the closed words of a finding."""
    parts = [_head("Статусы")]
    documents = [
        (f"`{status.value}`", text, _moves(DOCUMENT_MOVES[status]))
        for status, text in meanings.DOCUMENTS.items()
    ]
    deliveries = [
        (f"`{status.value}`", text, _moves(DELIVERY_MOVES[status]))
        for status, text in meanings.DELIVERIES.items()
    ]
    heads = ("статус", "смысл", "куда может перейти")
    parts += [
        "## Документ",
        "",
        _table(heads, documents),
        "",
        "## Доставка",
        "",
        _table(heads, deliveries),
        "",
    ]
    for title, words in (
        ("Слои замечаний", meanings.LAYERS),
        ("Строгость", meanings.SEVERITIES),
        ("Кто действует", meanings.RESPONSIBLES),
        ("Источник правила", meanings.SOURCES),
    ):
        parts += [f"## {title}", "", _meaning_table("слово", words), ""]
    return _text(parts)


def api_page() -> str:
    """Every HTTP operation, and the exchanges and queues of the AMQP door."""
    page = openapi_page()
    rows = []
    for path, operations in page["paths"].items():
        for method, operation in operations.items():
            who = _who(operation["security"])
            answers = ", ".join(operation["responses"])
            rows.append((f"`{method.upper()} {path}`", operation["summary"], who, answers))
    queues = [*PARTNER_QUEUES, hint_queue("route.remd"), receipts_queue("partner")]
    return _text(
        [
            _head("HTTP и AMQP"),
            "Полное описание: `/openapi.json` (OpenAPI 3.1) и `/asyncapi.json` (AsyncAPI 3.0).",
            "",
            "## HTTP",
            "",
            _table(("операция", "что делает", "кто", "ответы"), rows),
            "",
            "## AMQP",
            "",
            _table(
                ("обменник", "тип", "назначение"),
                [(f"`{e.name}`", e.kind.value, e.purpose) for e in EXCHANGES],
            ),
            "",
            _table(("очередь", "назначение"), [_queue(queue) for queue in queues]),
            "",
            f"Сообщения: {', '.join(sorted(asyncapi_page()['components']['messages']))}.",
        ]
    )


def _queue(queue: Queue) -> Sequence[str]:
    name = queue.name.replace("route.remd", "route.<направление>").replace(
        "receipts.partner", "receipts.<логин>"
    )
    return f"`{name}`", queue.purpose


def normalising_page() -> str:
    """Every rule of normalising: what it changes, whether it works unasked; and the shims an operator may permit."""
    safe = [
        (f"`{rule}`", card.title, card.does, f"`{card.example}`" if card.example else "", _on(card))
        for rule, card in CARDS.items()
    ]
    shims = [(f"`{rule}`", card.title, card.does) for rule, card in SHIMS.items()]
    return _text(
        [
            _head("Приведение к норме"),
            NORMALISING,
            "",
            "## Безопасные правила",
            "",
            _table(("правило", "что", "что меняет", "пример", "само по себе"), safe),
            "",
            "## Изменения по разрешению оператора",
            "",
            SHIMMING,
            "",
            _table(("правило", "что", "что меняет"), shims),
        ]
    )


def _on(card: RuleCard) -> str:
    return "включено" if card.on else "выключено"


def _who(security: Sequence[Mapping[str, Any]]) -> str:
    first = next(iter(security[0]), "anyone") if security else "anyone"
    return _WHO[first]


def _moves(after: Iterable[Enum]) -> str:
    return ", ".join(sorted(f"`{status.value}`" for status in after)) or "—"


def _by_id(card: CodeCard) -> str:
    return card.id


def _head(title: str) -> str:
    return f"# {title}\n\n{NOTE}\n"


def _meaning_table(word: str, found: Mapping[Any, str]) -> str:
    rows = [(f"`{key.value if isinstance(key, Enum) else key}`", text) for key, text in found.items()]
    return _table((word, "смысл"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _prose(text: str) -> str:
    """Keep what stands in angle brackets from being taken for a tag."""
    return text.replace("<", "&lt;")


def _text(parts: Sequence[str]) -> str:
    return "\n".join(parts).rstrip() + "\n"
