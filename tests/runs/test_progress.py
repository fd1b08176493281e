"""Progress: plain lines, or a bar on a terminal; both with the time left."""

from __future__ import annotations

import io
import itertools
import re
import sys
from types import SimpleNamespace

import pytest

import simbench
from simbench.runs.progress import Bar, Lines, Silent, progress


class Terminal(io.StringIO):
    """What a terminal is to rich."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Ten seconds go by between any two looks."""
    seconds = iter(range(0, 10_000, 10))
    monkeypatch.setattr("simbench.runs.progress.time.monotonic", lambda: next(seconds))


def test_lines_tell_the_time_left_by_the_average_so_far(clock, capsys):
    lines = Lines()
    lines.begin("measuring", 4)
    lines.advance(1, "one")
    lines.advance(2, "two")
    lines.say("failed: a case")
    lines.advance(1, "three")
    lines.begin("again", 1)  # at 40
    lines.advance(1, "four")
    lines.end()
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "measuring: 4",
        "[1/4] one, 30 s left",
        "[3/4] two, 7 s left",
        "failed: a case",
        "[4/4] three, 0 s left",
        "again: 1",
        "[1/1] four, 0 s left",
    ]


def terminal(monkeypatch):
    """A terminal as stderr from here on."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    for name, value in {"TERM": "xterm", "COLUMNS": "150"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return screen


def test_a_terminal_gets_a_bar_and_anything_else_lines(monkeypatch):
    terminal(monkeypatch)
    assert isinstance(progress(), Bar)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress(), Lines)


def test_the_bar_shows_counts_the_time_left_and_what_is_said(monkeypatch):
    screen, bar = terminal(monkeypatch), Bar()
    bar.begin("training networks", 2)
    bar.advance(1, "trained net-0")
    bar.begin("measuring", 9)
    bar.say("failed: [bold]a case[/bold] of net[width=4]")
    bar.advance(3, "net-0 -> net[width=4]-1 bn1")
    bar.end()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "measuring" in text and "3/9" in text and re.search(r"(-:--:--|\d:\d\d:\d\d) left", text)
    assert "failed: [bold]a case[/bold] of net[width=4]" in text, "brackets are no markup"
    assert "net-0 -> net[width=4]-1 bn1" in text
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1, "the cursor is back"


def test_a_bar_that_never_began_can_end(monkeypatch):
    screen = terminal(monkeypatch)
    Bar().end()
    assert "\x1b[?25l" not in screen.getvalue()


@pytest.mark.usefixtures("undrawn", "unranked")
def test_a_run_shows_the_batches_of_a_long_pass(small_registry, tmp_path, cache, monkeypatch):
    shown: list[str] = []

    class Watching(Silent):
        def at_work(self, running, left):
            shown.extend(running.values())

    slow = itertools.count(step=3.0)  # a look at the clock takes three seconds
    monkeypatch.setattr("simbench.system.batches.time", SimpleNamespace(monotonic=lambda: next(slow)))
    given = {"models": "net", "datasets": "blobs", "experiments": "matching", "indices": "cka", "layers": "bn1"}
    options = {"seeds": 2, "stitchers": "identity", "results": tmp_path / "r", "registry": small_registry}
    simbench.run(**given, **options, progress=Watching())
    assert set(shown) == {"net-0: batch 1 of 2", "net-1: batch 1 of 2"}  # of the 150 train images


def test_an_interrupted_run_ends_its_progress(small_registry, tmp_path, cache, monkeypatch):
    from simbench.runs.driver import run
    from simbench.runs.job import prepare
    from simbench.runs.request import Request

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    class Ended(Lines):
        ended = False

        def end(self):
            self.ended = True

    job = prepare(
        Request(
            models=("net",),
            datasets=("blobs",),
            seeds="2",
            indices=("cka",),
            results=tmp_path / "r",
            experiments=("matching",),
        ),
        small_registry,
    )
    monkeypatch.setattr("simbench.networks.weights.train", interrupted)
    shown = Ended()
    with pytest.raises(KeyboardInterrupt):
        run(job, small_registry, shown)
    assert shown.ended
