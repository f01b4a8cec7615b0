"""The sentences at the top of the console: what is wrong, the worst first, in Russian that agrees with its numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from broker.console.headlines import Tone, headlines
from broker.console.words import ago, counted, grouped, reason, span
from broker.store.overview import Attention, HeldLine, QueueLine, RouteLine

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def a_route(**changes) -> RouteLine:
    return RouteLine(**({"id": "remd", "title": "РЭМД"} | changes))


def minutes(count: float) -> datetime:
    return NOW - timedelta(minutes=count)


def said(*routes, held=(), queues=(), attention=None) -> list[str]:
    lines = headlines(routes, held, queues, attention or Attention(), NOW)
    return [f"{line.tone}: {line.text}" for line in lines]


def test_where_nothing_is_wrong_one_good_sentence_says_so():
    assert said(a_route(waiting=5, done=10)) == ["good: Всё идёт: никто не ждёт дольше обычного."]


def test_a_broken_channel_with_a_queue_is_told_with_its_length_and_age():
    route = a_route(waiting=340, open_until=NOW, last_answer_at=minutes(12))
    assert said(route) == ["bad: РЭМД: канал прерван 12\u00a0мин, ждут 340"]


def test_a_broken_channel_nobody_waits_for_is_only_a_warning():
    assert said(a_route(open_until=NOW)) == ["warn: РЭМД: последняя попытка не удалась, очередь пуста"]


def test_a_paused_destination_is_told_as_paused_whatever_else_is_wrong_with_it():
    route = a_route(paused=True, paused_at=minutes(90), waiting=1, open_until=NOW, oldest_due=minutes(60))
    assert said(route) == ["warn: РЭМД: приостановлен 1\u00a0ч, ждёт 1"]


def test_a_queue_that_stands_still_is_bad_and_one_that_moves_is_not():
    assert said(a_route(waiting=3, oldest_due=minutes(20)))[0].startswith("bad: РЭМД: очередь стоит 20")
    assert said(a_route(waiting=3, oldest_due=minutes(5)))[0].startswith("good")


def test_a_long_silence_after_handing_over_is_worth_a_look():
    assert said(a_route(awaiting=7, oldest_awaiting=minutes(300))) == [
        "warn: РЭМД: нет ответа 5\u00a0ч, ждут 7"
    ]


@pytest.mark.parametrize(
    ("clinics", "words"),
    [
        (1, "1 клиника не привязана в РЭМД"),
        (3, "3 клиники не привязаны в РЭМД"),
        (5, "5 клиник не привязаны в РЭМД"),
    ],
)
def test_clinics_that_are_not_linked_are_counted_in_words(clinics, words):
    line = HeldLine(destination="remd", reason="clinic.not_linked", deliveries=12, clinics=clinics)
    assert said(held=[line]) == [f"warn: {words}, задержано: 12 доставок"]


def test_other_holds_name_their_reason():
    lines = [
        HeldLine(destination="gis.77", reason="clinic.params_missing", deliveries=1, clinics=1),
        HeldLine(destination="gis.77", reason="clinic.suspended", deliveries=2, clinics=1),
        HeldLine(destination="gis.77", reason="content.digest_mismatch", deliveries=5, clinics=1),
    ]
    assert said(held=lines) == [
        "warn: У 1 клиники не заполнены параметры, задержано: 1 доставка",
        "warn: Приостановленные клиники: задержано 2 доставки",
        "warn: Задержано 5 доставок: байты документа изменились в хранилище",
    ]


def test_work_that_does_not_keep_up_is_bad():
    queue = QueueLine(id="work.prepare", title="Проверка", due=41, waiting=41, oldest_due=minutes(3))
    assert said(queues=[queue]) == ["bad: Проверка: не успевает 3\u00a0мин, ждёт 41 задача"]


def test_what_waits_for_a_person_is_told():
    attention = Attention(registrations=1, unroutable=2, callbacks=3)
    assert said(attention=attention) == [
        "warn: 1 заявка ждёт решения",
        "warn: 2 документа без получателя",
        "warn: 3 ответа отложены: получатель сообщил о том, чего мы не отправляли",
    ]


def test_the_worst_stands_first():
    paused = a_route(id="a", title="А", paused=True)
    broken = a_route(id="b", title="Б", waiting=1, open_until=NOW)
    lines = headlines([paused, broken], [], [], Attention(), NOW)
    assert [line.tone for line in lines] == [Tone.BAD, Tone.WARN]


@pytest.mark.parametrize(
    ("count", "word"),
    [
        (0, "дней"),
        (1, "день"),
        (2, "дня"),
        (5, "дней"),
        (11, "дней"),
        (14, "дней"),
        (21, "день"),
        (112, "дней"),
    ],
)
def test_nouns_agree_with_their_numbers(count, word):
    assert counted(count, "день", "дня", "дней") == f"{grouped(count)} {word}"


def test_stretches_of_time_are_told_in_their_largest_unit():
    assert [span(timedelta(seconds=s)) for s in (-5, 59, 60, 7200, 200_000)] == [
        "0\u00a0с",
        "59\u00a0с",
        "1\u00a0мин",
        "2\u00a0ч",
        "2\u00a0д",
    ]
    assert ago(None, NOW) == "—"


def test_a_reason_nobody_has_worded_is_shown_as_it_is():
    assert reason("x.y") == "x.y"
    assert reason("") == ""
    assert reason("destination.http_503") == "ответил HTTP 503"


def test_documents_that_wait_for_the_directory_of_trust_are_told_with_the_way_to_its_file():
    assert said(attention=Attention(untrusted=2)) == [
        "bad: Каталог доверия не читается, без проверки ждут 2 документа: какой файл, скажет inaya trust check"
    ]
