"""The log writes one line of JSON whatever it is told."""

import json

from broker.telemetry.log import _as_line


def test_a_line_holds_what_was_told():
    assert json.loads(_as_line({"event": "started", "ms": 1.5, "who": "врач"})) == {
        "event": "started",
        "ms": 1.5,
        "who": "врач",
    }


def test_what_json_has_no_word_for_is_shown_as_python_shows_it():
    assert json.loads(_as_line({"event": "x", "why": ValueError("no")}))["why"] == "ValueError('no')"


def test_nothing_told_breaks_the_log():
    line = json.loads(_as_line({"event": "half a pair \ud83d", "count": 2**80}))
    assert line == {"event": "half a pair \ud83d", "count": 2**80}
