"""A pass over batches tells of itself where it is long, and is silent where it is short or nobody listens."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from simbench.system import batches


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test moves."""
    seconds = [0.0]
    monkeypatch.setattr("simbench.system.batches.time", SimpleNamespace(monotonic=lambda: seconds[0]))
    return seconds


def run(clock, each: float, number: int = 10) -> list[str]:
    """What a pass tells whose batches take so many seconds each."""
    told: list[str] = []
    with batches.heard(told.append):
        for batch in batches.counted(range(number), "net-0", number):
            assert batch < number
            clock[0] += each
    return told


def test_a_long_pass_tells_once_a_second_after_two(clock):
    assert run(clock, 0.5) == ["net-0: batch 5 of 10", "net-0: batch 7 of 10", "net-0: batch 9 of 10"]


def test_a_short_pass_is_silent(clock):
    assert run(clock, 0.2) == []


def test_nobody_is_told_outside_and_a_listener_inside_is_put_back(clock):
    outer: list[str] = []
    with batches.heard(outer.append):
        assert run(clock, 3.0, 3) == ["net-0: batch 1 of 3", "net-0: batch 2 of 3"]
        with batches.heard(None):
            assert len(list(batches.counted(range(3), "x", 3))) == 3
        for _ in batches.counted(range(2), "net-1", 2):
            clock[0] += 3
    for _ in batches.counted(range(2), "net-2", 2):
        clock[0] += 3
    assert outer == ["net-1: batch 1 of 2"]


def test_a_pass_of_unknown_length_tells_how_far_it_is(clock):
    told: list[str] = []
    with batches.heard(told.append):
        for _ in batches.counted(range(3), "values", None, "number"):
            clock[0] += 3
    assert told == ["values: number 1", "values: number 2"]


@pytest.mark.parametrize("terminal", [False, True])
def test_what_is_shown_goes_to_stderr_and_by_default_to_a_terminal_alone(clock, capsys, monkeypatch, terminal):
    def told(progress) -> str:
        with batches.shown(progress):
            for _ in batches.counted(range(3), "pass 1 of 1", 3):
                clock[0] += 3
        return capsys.readouterr().err

    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    first, second = (f"pass 1 of 1: batch {i} of 3" for i in (1, 2))
    assert told(True) == f"{first}\n{second}\n"
    assert told(False) == ""
    assert told(None) == (f"\r\x1b[K{first}\r\x1b[K{second}\r\x1b[K" if terminal else "")
    lines: list[str] = []
    assert told(lines.append) == "" and lines == [first, second]
