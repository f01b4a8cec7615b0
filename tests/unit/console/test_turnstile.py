"""Who is let in to check a file without an account: a few at once, some a minute, and nobody at another's cost."""

from broker.console.check import AT_ONCE, AT_ONCE_EACH, PER_MINUTE, PER_MINUTE_EACH, Turnstile


def test_an_address_has_its_places_and_gets_them_back():
    gate = Turnstile()
    assert [gate.enter("a", 0.0) for _ in range(AT_ONCE_EACH)] == [None] * AT_ONCE_EACH
    refused = gate.enter("a", 0.0)
    assert refused is not None
    assert (refused.status, "Ваши файлы" in refused.text) == (429, True)
    assert gate.enter("b", 0.0) is None
    gate.leave("a")
    assert gate.enter("a", 0.0) is None


def test_all_together_have_few_places():
    gate = Turnstile()
    assert [gate.enter(f"{n}", 0.0) for n in range(AT_ONCE)] == [None] * AT_ONCE
    refused = gate.enter("late", 0.0)
    assert refused is not None
    assert "других людей" in refused.text


def test_an_address_that_sends_file_after_file_waits_for_the_next_minute():
    gate = Turnstile()
    for _ in range(PER_MINUTE_EACH):
        assert gate.enter("a", 1.0) is None
        gate.leave("a")
    assert gate.enter("a", 60.9) is not None
    assert gate.enter("b", 60.9) is None
    assert gate.enter("a", 61.0) is None


def test_many_addresses_together_are_held_to_a_minute_too():
    gate = Turnstile()
    for number in range(PER_MINUTE):
        assert gate.enter(f"{number}", 1.0) is None
        gate.leave(f"{number}")
    assert gate.enter("one more", 2.0) is not None
    assert gate.enter("one more", 61.0) is None


def test_addresses_are_not_remembered_without_bound():
    gate = Turnstile()
    for number in range(25_000):
        if gate.enter(f"{number}", number * 10.0) is None:
            gate.leave(f"{number}")
    assert len(gate._each) <= 10_000
    assert not gate._inside
