"""What the page says, and that what plugins are called stays text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_pages import HOSTILE, tables

from simbench.cli.reporting import unwrapped
from simbench.errors import InputError
from simbench.report import boards, page
from simbench.report.answer import answer
from simbench.report.names import address, labels, settings
from simbench.report.tables import Words, of_folder
from simbench.results.folder import FILES
from simbench.results.leader import short
from simbench.statistics.disagreement import disagreements, pooled


def said(of) -> str:
    return answer(
        of.leaderboard, of.comparisons, settings(of.leaderboard)[0], labels(of.leaderboard, of.methods), {"zero"}
    )


@pytest.fixture(scope="module")
def hostile() -> str:
    return page.page(tables([HOSTILE, "cka", "zero"], ["ls"]), Words(captions={"matching": HOSTILE}))


def test_the_answer_counts_who_beats_chance_and_names_who_cannot_be_told_apart():
    found = said(tables(["bures", "cka", "svcca", "zero"], ["ls"]))
    # 0.5, 0.2 and -0.1, each within 0.1; the control is not counted
    assert found.startswith("Of 3 indices, 2 predict better than chance how well stitched networks work (the log ")
    assert found.endswith(
        "bures leads with a rank correlation of 0.50 [0.40, 0.60], but cannot be told apart from cka at 95 %."
    )


def test_numbers_too_large_for_json_are_left_out():
    made = tables(["bures", "cka", "zero"], ["ls"])
    value = made.measurements["value"].where(made.measurements["method"] != "cka", np.finfo(float).max)
    text = page.page(replace(made, measurements=made.measurements.assign(value=value)), Words())
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert json.loads(block[1])["cells"] and "Infinity" not in block[1]


def test_the_answer_says_all_where_every_index_beats_chance():
    assert said(tables(["bures", "cka", "zero"], ["ls"])).startswith("All 2 indices predict ")


def test_an_index_that_beats_all_others_is_said_to():
    made = tables(["bures", "cka", "zero"], ["ls"])
    made.comparisons["adjusted"] = 0.01
    assert said(made).endswith("and predicts better than every other index at 95 %.")


def test_without_intervals_whether_an_index_beats_chance_is_open():
    made = tables(["bures", "cka", "zero"], ["ls"])
    made.leaderboard["within_low"] = np.nan
    assert "better than chance is open" in said(made) and " predict " not in said(made)


def test_what_stands_between_backticks_is_code_and_stays_text():
    made = tables(["bures", "zero"], ["ls"])
    formula = f"``a < b`` of `{HOSTILE}`, a lone ` and\n`two\nlines`"
    text = page.page(made, Words(formulas={("index", "bures"): formula}, captions={}))
    assert "<code>a &lt; b</code> of <code>&lt;/script&gt;&lt;script&gt;window.hurt=1&lt;/script&gt;</code>" in text
    assert "a lone ` and\n`two\nlines`" in text and "<code>all</code> for the mean over the stitchers" in text


def test_a_name_that_is_markup_stays_text(hostile):
    assert HOSTILE not in hostile and hostile.count("</script>") == 2  # the data, and the page's own script
    data = json.loads(re.search(r'id="data">(.*?)</script>', hostile, re.DOTALL)[1])
    assert data["indices"][0]["name"] == HOSTILE
    assert "&lt;/script&gt;&lt;script&gt;window.hurt" in hostile


def test_the_page_holds_no_address_that_a_browser_fetches(hostile):
    assert not re.search(r"<link|@import|\bsrc=\"(?!data:)|url\(", hostile)
    assert re.search(r"default-src 'none'; img-src data:", hostile)


def test_numbers_of_the_page_are_those_of_the_leaderboard():
    made = tables(["bures", "cka", "zero"], ["ls"], settings=2)
    data = page.contents(made, Words())
    at = data["fields"].index("within")
    assert [row[at] for row in data["board"]] == made.leaderboard["within"].round(9).tolist()
    cells = data["cells"][1]
    mine = made.measurements[(made.measurements["dataset"] == "data1") & (made.measurements["method"] == "cka")]
    for k in (0, 95, 200):
        where = [cells[many][cells[one][k]] for many, one in (("fronts", "a"), ("ends", "b"), ("layers", "layer"))]
        row = mine[(mine[["seed_a", "seed_b", "layer_a"]] == where).all(axis=1)]
        assert cells["indices"][1][k] == pytest.approx(row["value"].item(), rel=1e-4)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.42512, "0.43"), (0.4249, "0.42"), (0.42500000000000004, "0.42"), (-0.12496, "−0.12")]
)
def test_a_number_is_rounded_once(value, shown):
    made = tables(["bures", "zero"], ["ls"])
    made.leaderboard["pooled"] = value
    assert f'<td class="n">{shown}</td>' in boards.notebook(made) and short(value) == shown.replace("−", "-")


def test_a_paragraph_of_a_description_is_one_line_and_its_short_lines_are_lines():
    long = "long words " * 9
    wrapped = f"{long}\nand the rest\nname: {long}\n    and more\nother, one: {long}\nlast: what it is\n\n  indented"
    joined = f"{long}and the rest\nname: {long}and more\nother, one: {long}\nlast: what it is\n\n  indented"
    assert unwrapped(wrapped) == joined


def test_a_notebook_shows_the_answer_and_a_row_per_index():
    shown = boards.notebook(tables(["bures", "cka", "zero"], ["ls"]))
    assert "bures leads with a rank correlation of 0.50" in shown and shown.count("<tr") == 4 and "<script" not in shown
    assert re.search(r"zero <span class=\"badge\">control", shown)


def test_a_board_without_rows_makes_a_page():
    made = tables(["bures", "zero"], ["ls"], settings=0 + 1)
    for name in ("leaderboard", "comparisons", "measurements"):
        object.__setattr__(made, name, getattr(made, name).iloc[:0])
    assert "No index was measured beside a stitched network here." in page.page(made, Words())


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no measurements.csv.*simbench leaderboard --results"):
        of_folder(tmp_path)


def test_tables_that_have_been_read_are_not_read_again(tmp_path):
    made = tables(["bures", "zero"], ["ls"])
    frames = {Path(name).stem: getattr(made, Path(name).stem) for name in FILES}
    for name in FILES:
        (tmp_path / name).write_text("not a table")
    found = of_folder(tmp_path, frames=frames)
    assert all(getattr(found, name) is frame for name, frame in frames.items())
    (tmp_path / FILES[0]).unlink()
    with pytest.raises(InputError, match=f"holds no {FILES[0]}"):
        of_folder(tmp_path, frames=frames)


def test_cells_whose_ranks_differ_most_come_first():
    xs = np.array([1.0, 2, 3, 4, 1, 2, 3, 4, np.nan])
    ys = np.array([4.0, 2, 3, 1, 1, 2, 4, 3, 9])
    found = disagreements(xs, ys, ["p"] * 4 + ["q"] * 5, most=3)
    assert [(each.cell, each.index, each.target, each.of) for each in found] == [
        (0, 1, 4, 4),
        (3, 4, 1, 4),
        (6, 3, 4, 4),
    ]


def test_layers_of_few_cells_are_ranked_together():
    xs, ys = np.array([1.0, 2, 3, 4]), np.array([1.0, 4, 2, 3])
    found = disagreements(xs, ys, ["p", "p", "q", "q"])
    assert [(each.cell, each.index, each.target, each.of) for each in found] == [
        (1, 2, 4, 4),
        (2, 3, 2, 4),
        (3, 4, 3, 4),
    ]
    assert pooled(["p", "p", "q", "q"]) and not pooled(["p", "p", "p", "q"]) and not pooled([])


def test_a_layer_in_which_a_side_is_constant_tells_nothing():
    assert disagreements(np.ones(3), np.arange(3.0), ["p"] * 3) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("Smith 2020, doi 10.1000/abc.1, eq. 2", "https://doi.org/10.1000/abc.1"),
        ("javascript:alert(1)", ""),
        ("Bo et al., arXiv:2411.14633", "https://arxiv.org/abs/2411.14633"),
    ],
)
def test_sources_link_to_what_they_name(source, found):
    assert address(source) == found


def test_no_text_ends_the_block_of_data():
    hostile = {"name": "</script><script>alert(1)</script><!-- & \u2028\u2029"}
    text = page.inert(hostile)
    assert not set("<>&\u2028\u2029") & set(text) and json.loads(text) == hostile
