"""What is wrong, in a sentence each: an operator reads the top of the first page and knows within ten seconds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from broker.console.words import counted, grouped, plural, reason, span
from broker.store.overview import Attention, HeldLine, QueueLine, RouteLine

STUCK: Final = timedelta(minutes=15)
"""A due delivery older than this means that its queue stands still."""
SLOW_WORK: Final = timedelta(minutes=1)
"""A document not checked for so long means that the workers do not keep up."""
UNRETURNED: Final = timedelta(days=1)
"""A file its clinic does not hand out for so long is worth a call."""
SILENT: Final = timedelta(hours=4)
"""A verdict awaited for so long is worth a look."""


class Tone(StrEnum):
    """How bad it is."""

    BAD = "bad"
    """Documents do not reach somebody: act now."""
    WARN = "warn"
    """Something waits for a person."""
    GOOD = "good"
    """Nothing to do."""


class Headline(msgspec.Struct, frozen=True):
    """One sentence and the page that shows more."""

    tone: Tone
    text: str
    href: str = ""


def headlines(
    routes: Sequence[RouteLine],
    held: Sequence[HeldLine],
    queues: Sequence[QueueLine],
    attention: Attention,
    now: datetime,
) -> list[Headline]:
    """Return what is wrong, the worst first; one good sentence when nothing is."""
    found = [line for route in routes for line in _of_route(route, now)]
    found += _of_work(queues, now)
    found += _of_held(held)
    found += _of_people(attention)
    found += _of_files(attention, now)
    order = list(Tone)
    found.sort(key=lambda line: order.index(line.tone))
    return found or [Headline(Tone.GOOD, "Всё идёт: никто не ждёт дольше обычного.")]


def _of_route(route: RouteLine, now: datetime) -> list[Headline]:
    href = f"destinations/{route.id}"
    waits = f"{plural(route.waiting, 'ждёт', 'ждут', 'ждут')} {grouped(route.waiting)}"
    if route.paused:
        since = f" {span(now - route.paused_at)}" if route.paused_at else ""
        return [Headline(Tone.WARN, f"{route.title}: приостановлен{since}, {waits}", href)]
    if route.silent_since is not None:
        text = (
            f"{route.title}: входящий канал ИПС молчит {span(now - route.silent_since)}, "
            f"без ответа {counted(route.silent_count, 'документ', 'документа', 'документов')} и больше, "
            f"отправка задержана, {waits}"
        )
        return [Headline(Tone.BAD, text, href)]
    if route.is_broken and route.waiting:
        return [Headline(Tone.BAD, f"{route.title}: канал прерван{_since(route, now)}, {waits}", href)]
    if route.oldest_due and now - route.oldest_due > STUCK:
        age = span(now - route.oldest_due)
        return [Headline(Tone.BAD, f"{route.title}: очередь стоит {age}, {waits}", href)]
    found = []
    if route.is_broken:
        found.append(Headline(Tone.WARN, f"{route.title}: последняя попытка не удалась, очередь пуста", href))
    if route.oldest_awaiting and now - route.oldest_awaiting > SILENT:
        silent = (
            f"{route.title}: нет ответа {span(now - route.oldest_awaiting)}, ждут {grouped(route.awaiting)}"
        )
        found.append(Headline(Tone.WARN, silent, href))
    return found


def _since(route: RouteLine, now: datetime) -> str:
    return f" {span(now - route.last_answer_at)}" if route.last_answer_at else ""


def _of_work(queues: Sequence[QueueLine], now: datetime) -> list[Headline]:
    found = []
    for queue in queues:
        if queue.oldest_due is not None and now - queue.oldest_due > SLOW_WORK:
            text = f"{queue.title}: не успевает {span(now - queue.oldest_due)}, {_waiting(queue.due)}"
            found.append(Headline(Tone.BAD, text, "#work"))
    return found


def _waiting(count: int) -> str:
    return f"{plural(count, 'ждёт', 'ждут', 'ждут')} {counted(count, 'задача', 'задачи', 'задач')}"


def _of_held(held: Sequence[HeldLine]) -> list[Headline]:
    found = []
    for line in held:
        waits = counted(line.deliveries, "доставка", "доставки", "доставок")
        match line.reason:
            case "clinic.not_linked" | "destination.clinic_not_linked":
                clinics = counted(line.clinics, "клиника", "клиники", "клиник")
                verb = plural(line.clinics, "не привязана", "не привязаны", "не привязаны")
                text, href = f"{clinics} {verb} в РЭМД, задержано: {waits}", "clinics?link=open"
            case "clinic.params_missing":
                clinics = counted(line.clinics, "клиники", "клиник", "клиник")
                text, href = f"У {clinics} не заполнены параметры, задержано: {waits}", "clinics"
            case "clinic.suspended":
                text, href = f"Приостановленные клиники: задержано {waits}", "clinics?status=suspended"
            case other:
                text, href = f"Задержано {waits}: {reason(other)}", f"destinations/{line.destination}"
        found.append(Headline(Tone.WARN, text, href))
    return found


def _of_terms(attention: Attention) -> list[Headline]:
    found = []
    if attention.overdue:
        words = counted(attention.overdue, "документа", "документов", "документов")
        found.append(Headline(Tone.BAD, f"Срок регистрации истёк у {words}", "terms"))
    if attention.nearly_overdue:
        words = counted(attention.nearly_overdue, "документа", "документов", "документов")
        found.append(Headline(Tone.WARN, f"Срок регистрации на исходе у {words}", "terms"))
    return found


def _of_files(attention: Attention, now: datetime) -> list[Headline]:
    if not attention.files_awaited or attention.files_since is None:
        return []
    waits = now - attention.files_since
    words = counted(attention.files_awaited, "файл", "файла", "файлов")
    text = f"Получатель ждёт {words}, которых у нас нет, {span(waits)}: их должна вернуть клиника"
    return [Headline(Tone.BAD if waits > UNRETURNED else Tone.WARN, text, "files")]


def _of_people(attention: Attention) -> list[Headline]:
    found = []
    if attention.unjudged:
        verb = plural(attention.unjudged, "ждёт", "ждут", "ждут")
        words = counted(attention.unjudged, "документ", "документа", "документов")
        text = f"Набор правил не читается, без проверки {verb} {words}: верните прежние правила или исправьте набор"
        found.append(Headline(Tone.BAD, text, "documents?status=accepted"))
    if attention.untrusted:
        verb = plural(attention.untrusted, "ждёт", "ждут", "ждут")
        words = counted(attention.untrusted, "документ", "документа", "документов")
        text = (
            f"Каталог доверия не читается, без проверки {verb} {words}: какой файл, скажет inaya trust check"
        )
        found.append(Headline(Tone.BAD, text, "documents?status=accepted"))
    found += _of_terms(attention)
    if attention.differences:
        words = counted(attention.differences, "расхождение", "расхождения", "расхождений")
        clinics = counted(attention.differing_clinics, "клиники", "клиник", "клиник")
        found.append(Headline(Tone.BAD, f"Сверка с реестром: {words} у {clinics}", "reconciliation"))
    if attention.uncompared:
        clinics = counted(attention.uncompared, "клинику", "клиники", "клиник")
        found.append(Headline(Tone.WARN, f"Сверить с реестром не удалось: {clinics}", "reconciliation"))
    if attention.unknown_codes:
        words = counted(attention.unknown_codes, "неизвестный код", "неизвестных кода", "неизвестных кодов")
        found.append(Headline(Tone.WARN, f"Получатели называют {words}: опишите их", "unknown-codes"))
    if attention.registrations:
        words = counted(attention.registrations, "заявка", "заявки", "заявок")
        verb = plural(attention.registrations, "ждёт", "ждут", "ждут")
        found.append(Headline(Tone.WARN, f"{words} {verb} решения", "registrations?status=submitted"))
    if attention.proposals:
        words = counted(attention.proposals, "изменение", "изменения", "изменений")
        verb = plural(attention.proposals, "ждёт", "ждут", "ждут")
        found.append(Headline(Tone.WARN, f"{words} правил {verb} второго оператора", "rules"))
    if attention.unroutable:
        words = counted(attention.unroutable, "документ", "документа", "документов")
        found.append(Headline(Tone.WARN, f"{words} без получателя", "documents?status=unroutable"))
    if attention.callbacks:
        words = counted(attention.callbacks, "ответ отложен", "ответа отложены", "ответов отложены")
        found.append(
            Headline(Tone.WARN, f"{words}: получатель сообщил о том, чего мы не отправляли", "callbacks")
        )
    return found
