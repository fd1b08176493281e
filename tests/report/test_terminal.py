"""The leaderboard that a terminal shows, and the plain text that a pipe gets."""

from __future__ import annotations

import contextlib
import io
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from small_pages import HOSTILE, few, tables

from simbench.cli.showing import show
from simbench.columns import COMPARISONS
from simbench.report.strokes import ASCII, LINES, interval
from simbench.report.terminal import Drawn, alike
from simbench.results.board import board


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(of, width: int = 120, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False, **options)
    console.print(Drawn(of.leaderboard, of.comparisons, of.methods, of.declared))
    return console.file.getvalue().splitlines()


def row(of, name: str, **options) -> str:
    return next(line for line in lines(of, **options) if f" {name} " in line and "─" in line)


@pytest.fixture(scope="module")
def made():
    return tables(["bures", "cka", "svcca", "zero"], ["ls"])


def test_an_interval_stands_where_its_numbers_are():
    rng = np.random.default_rng(0)
    for value, low, high, ceiling in rng.uniform(-1, 1, (200, 4)):
        low, high = min(low, value), max(high, value)
        leader = {"within": value, "within_low": low, "within_high": high, "ceiling": ceiling}
        drawn = interval(leader, "within", -1.0, 41, ASCII)
        cells = {x: round((x + 1) * 20) for x in (value, low, high, ceiling)}
        assert len(drawn) == 41 and drawn[cells[value]] == "o"
        assert drawn[cells[low]] in "|o" and drawn[cells[high]] in "|o"
        inside = set(range(cells[low], cells[high] + 1))
        for at, mark in enumerate(drawn):
            if at not in inside:
                assert mark == ("/" if at >= cells[ceiling] else ":" if at == 20 else " ")


def test_without_an_interval_there_is_a_dot_and_without_a_value_none():
    unsure = {"pooled": 0.5, "pooled_low": np.nan, "pooled_high": np.nan, "ceiling": 0.9}
    assert interval(unsure, "pooled", -1.0, 21, LINES) == "          ┊    ●     "  # the ceiling is one within layers
    assert interval({"within": np.nan, "ceiling": np.nan}, "within", -1.0, 21, LINES).strip() == "┊"


def test_ranks_that_cannot_be_told_apart_are_those_of_a_slow_count():
    rng = np.random.default_rng(1)
    names = list("abcdefgh")
    ranks = {(name, "", "flat"): int(rank) for name, rank in zip(names, rng.permutation(8) + 1, strict=True)}
    gaps = [
        dict.fromkeys(COMPARISONS, "") | {"index_a": a, "index_b": b, "view_a": "flat", "view_b": "flat"}
        for at, a in enumerate(names) for b in names[at + 1 :]
    ]  # fmt: skip
    frame = pd.DataFrame(gaps).assign(adjusted=rng.choice([0.01, 0.05, 0.06, np.nan], len(gaps)))
    for key, said in alike(frame, ranks, "-").items():
        read = set()
        for part in filter(None, said.split(", ")):
            first, _, last = part.partition("-")
            read |= set(range(int(first), int(last or first) + 1))
        mine = frame[(frame["index_a"] == key[0]) | (frame["index_b"] == key[0])]
        others = mine["index_a"].where(mine["index_a"] != key[0], mine["index_b"])
        assert read == {
            ranks[other, "", "flat"] for other, p in zip(others, mine["adjusted"], strict=True) if not p <= 0.05
        }
    assert set(alike(frame.assign(adjusted=np.nan), ranks).values()) == {""}


def test_a_row_has_rank_ties_interval_and_numbers(made):
    assert row(made, "bures").split()[:4] == ["1", "1", "2", "bures"]  # rank, certain, tied with the second
    assert "├●─┤" in row(made, "cka") and "0.20 [0.10, 0.30]" in row(made, "cka")
    shown = "\n".join(lines(made, 400))
    assert (
        "bures leads with a rank correlation of 0.50 [0.40, 0.60], but cannot be told apart from cka at 95 %." in shown
    )
    assert "zero (control)" in shown and "noise ceiling 0.90" in shown


@pytest.mark.parametrize("width", [30, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal_and_every_index_is_there(made, width):
    shown = lines(made, width)
    assert max(map(len, shown)) <= width
    assert all(any(name in line for line in shown) for name in ("bures", "cka", "svcca"))


def test_a_wider_terminal_shows_all_that_a_narrower_one_does(made):
    heads = [next(line for line in lines(made, width) if line.startswith("rank")) for width in (60, 80, 100, 160)]
    words = [set(head.split()) - {"−0.5", "to", "1"} for head in heads]
    assert words[0] < words[-1] and all(a <= b for a, b in pairwise(words))


@pytest.mark.parametrize("name", [HOSTILE, "cka[bold]x[/bold]", "a\x1b[31mb", "[link=http://x]y[/link]"])
def test_a_name_is_text_whatever_it_holds(name):
    of = tables([name, "cka", "zero"], ["ls"])
    shown = "\n".join(lines(of, 250, force_terminal=True, color_system=None))
    assert name.replace("\x1b", "\ufffd") in shown and "\x1b[31m" not in shown


def test_a_terminal_without_unicode_is_given_ascii(made):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    console = Console(file=out, width=140, highlight=False)
    console.print(Drawn(made.leaderboard, made.comparisons, made.methods, made.declared))
    out.flush()
    shown = out.buffer.getvalue().decode()
    assert "\\u" not in shown and "|-o-|" in shown.replace("--", "-").replace("--", "-")


def test_a_terminal_gets_the_drawing_and_a_pipe_the_plain_table(made):
    given = (made.leaderboard, made.comparisons, made.methods, made.declared)
    for out, drawn in ((Terminal(), True), (io.StringIO(), False)):
        with contextlib.redirect_stdout(out):
            show(*given, end="\n\n")
        assert ("●" in out.getvalue()) == drawn and out.getvalue().endswith("\n\n")
        if not drawn:
            assert out.getvalue() == board(*given) + "\n\n"


def test_a_board_that_has_no_correlations_says_why_on_a_terminal_too(made):
    without = made.leaderboard.assign(within=np.nan, pooled=np.nan)
    out = Terminal()
    with contextlib.redirect_stdout(out):
        show(without, made.comparisons, made.methods, {})
    assert "no index can be correlated with" in " ".join(out.getvalue().split()) and "●" not in out.getvalue()


def test_a_board_without_rows_prints_nothing(made):
    out = Terminal()
    with contextlib.redirect_stdout(out):
        show(made.leaderboard.iloc[:0], made.comparisons, made.methods, {}, end="\n\n")
    assert out.getvalue() == ""


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_a_terminal_of_any_width_shows_each_value_and_explains_what_it_shows(made, width):
    shown = lines(made, width)
    text = " ".join("\n".join(shown).split())
    assert all(value in text for value in ("0.50", "0.20", "-0.10", "-0.40"))
    head = next(line for line in shown if line.startswith("rank"))
    assert ("tied with" in head) == ("tied with: ranks" in text) and ("to 1" in head) == ("its 95 % interval" in text)
    assert ("to 1" in head) == (width > 40) and head.split()[-1] == ("mean" if width < 160 else head.split()[-1])


def test_what_a_board_of_few_networks_lacks_is_not_explained(made):
    shown = lines(few(made), 200)
    assert next(line for line in shown if line.startswith("rank")).split()[:2] == ["rank", "index"]
    (legend,) = [line for line in shown if line.startswith("● ")]
    assert legend == "● correlation, ┊ zero" and not any("tied with" in line for line in shown)
