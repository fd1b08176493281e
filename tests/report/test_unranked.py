"""Pages of two networks: nothing is ranked, their layers are crossed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_pages import few, tables

from simbench.report import boards, page, still
from simbench.report.answer import unranked
from simbench.report.names import settings
from simbench.report.tables import Tables, Words

pytestmark = pytest.mark.usefixtures("undrawn")
LAYERS = ("bn1", "bn2", "bn10")
TABLES = tables(["bures", "cka", "zero"], ["ls"])


def crossed(layers: tuple[str, ...] = LAYERS, ends: tuple[str, ...] = LAYERS) -> Tables:
    """Two networks, all layers of one by all of the other: relative accuracy is .1, .2, ... by rows."""
    made = tables(["bures", "cka", "zero"], ["ls"])
    places = [(a, b) for a in layers for b in ends]
    first = made.measurements[(made.measurements["layer_a"] == "bn1") & (made.measurements["seed_a"] == "0")]
    rows = first[first["seed_b"] == "1"]
    repeated = rows.loc[rows.index.repeat(len(places))].reset_index(drop=True)
    where = pd.DataFrame(places * len(rows), columns=["layer_a", "layer_b"])
    accuracy = np.tile(np.arange(1, len(places) + 1) / 10, len(rows))
    value = repeated["value"].where(repeated["quantity"] != "relative_accuracy", accuracy)
    scopes = [name for name in made.leaderboard if re.match("within|pooled|.*rank", name)]
    return replace(
        made,
        measurements=repeated.assign(layer_a=where["layer_a"], layer_b=where["layer_b"], value=value),
        leaderboard=made.leaderboard.assign(**dict.fromkeys(scopes, np.nan), note="too few networks").astype(
            made.leaderboard.dtypes
        ),
        comparisons=made.comparisons.iloc[:0],
    )


def said(made: Tables) -> str:
    return unranked(made.leaderboard, made.measurements, settings(made.leaderboard)[0])


def test_the_answer_says_what_a_ranking_needs_and_where_stitching_works_best_and_worst():
    assert said(crossed()) == (
        "No index is ranked here: a correlation needs three networks, its interval six. Over 9 pairs of layers, "
        "networks stitched by ls keep between 10 % (bn1 in front of bn1) and 90 % (bn10 in front of bn10) "
        "of Model 2's accuracy."
    )
    assert said(crossed(("bn1",), ("bn1",))).endswith("Networks stitched by ls at bn1 keep 10 % of Model 2's accuracy.")


def test_the_answer_gives_the_reason_where_networks_are_enough():
    made, many = crossed(), tables(["bures", "cka", "zero"], ["ls"])
    assert said(replace(made, measurements=many.measurements)).startswith("No index is ranked here: too few networks. ")


def test_the_setting_counts_networks_and_pairs_of_layers_once():
    data = boards.ranked(crossed(), Words())
    assert data["settings"][0]["size"] == "2 networks, 1 pair, 9 pairs of layers"
    data = boards.ranked(tables(["bures", "zero"], ["ls"]), Words())
    assert data["settings"][0]["size"] == "24 networks, 96 pairs, 3 layers"


def test_what_is_ranked_comes_before_what_is_not():
    made = tables(["bures", "cka", "zero"], ["ls"], settings=3)
    board = made.leaderboard
    later = replace(made, leaderboard=board.assign(rank=board["rank"].where(board["dataset"] != "data0")))
    data = boards.ranked(later, Words())
    assert [each["dataset"] for each in data["settings"]] == ["data1", "data2", "data0"]
    rows = [row[0] for row in data["board"]]
    assert rows == sorted(rows) and set(rows) == {0, 1, 2}


@pytest.mark.parametrize("ends", [LAYERS, ("stem", "head")])
def test_a_point_is_a_pair_of_networks_at_a_pair_of_layers(ends):
    made = crossed(LAYERS, ends)
    cells = page.contents(made, Words())["cells"][0]
    places = [
        (cells["layers"][front], cells["above"]["layers"][end])
        for front, end in zip(cells["layer"], cells["above"]["layer"], strict=True)
    ]
    assert places == [(a, b) for a in LAYERS for b in ends]
    values = cells["targets"]["relative_accuracy"]["ls"]
    assert values == pytest.approx(np.arange(1, len(places) + 1) / 10)


def test_networks_of_the_same_layers_have_no_layers_above():
    assert page.contents(tables(["bures", "zero"], ["ls"]), Words())["cells"][0]["above"] is None


def test_the_page_shows_the_index_without_a_rank_and_explains_no_empty_column():
    text = page.page(crossed(), Words())
    assert 'class="unranked"' in text and "None is ranked" in text and "noise ceiling, which" not in text
    assert "No two indices could be compared" in text and 'id="grid"' not in text
    assert re.search(r'<div id="plots" class="plots">\s*<figure><img', text)
    ranked = page.page(tables(["bures", "cka", "zero"], ["ls"]), Words())
    assert 'class="unranked"' not in ranked and 'id="grid"' in ranked and "None is ranked" not in ranked


def test_a_page_of_few_networks_explains_no_interval_and_has_no_column_of_them():
    ranked, unsure = (" ".join(page.page(made, Words()).split()) for made in (TABLES, few(TABLES)))
    for said in ("the line its 95&nbsp;% interval", "the pale band", "In brackets are the ranks"):
        assert said in ranked and said not in unsure
    assert "an interval needs six networks" in unsure and 'id="board" class="unsure"' in unsure
    assert "an interval needs six networks" not in ranked and 'class="unsure"' not in ranked


def test_a_page_ranked_by_another_scope_has_no_noise_ceiling():
    pooled = page.page(replace(TABLES, leaderboard=TABLES.leaderboard.assign(scope="pooled")), Words())
    assert "the pale band" not in pooled and 'class="ceiling"' not in pooled


def test_the_matrix_is_of_the_first_board_that_has_one():
    made = tables(["bures", "cka", "zero"], ["ls"], settings=2)
    later = made.comparisons[made.comparisons["dataset"] == "data1"]
    found = still.pairwise(page.contents(replace(made, comparisons=later), Words()))
    assert found is not None and found["names"] == ["bures", "cka"]


def without_mean() -> Tables:
    """Only behind a stitcher two indices were compared, not in the mean over stitchers."""
    made = tables(["bures", "cka", "zero"], ["ls", "procrustes"], settings=2)
    compared = made.comparisons
    return replace(made, comparisons=compared[(compared["stitcher"] == "ls") & (compared["dataset"] == "data1")])


def test_without_a_mean_over_stitchers_the_matrix_is_of_a_stitcher():
    found = still.pairwise(page.contents(without_mean(), Words()))
    assert found is not None and (found["setting"], found["stitcher"], found["names"]) == (1, "ls", ["bures", "cka"])


@pytest.mark.browser
def test_the_matrix_of_a_stitcher_can_be_left_for_another(browser, tmp_path):
    made = without_mean()
    both = made.comparisons.assign(stitcher="procrustes", dataset="data0")
    path = page.write(replace(made, comparisons=pd.concat([made.comparisons, both])), tmp_path / "report.html")
    shown, faults = browser.new_page(), []
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.goto(path.as_uri())
    shown.wait_for_selector("#pairs:visible")
    assert shown.locator("#m-stitcher option:checked").text_content() == "ls"
    assert shown.locator("#grid tbody tr").count() == 2
    shown.select_option("#m-stitcher", "procrustes")
    assert shown.locator("#grid").text_content() == "No two indices were compared here."
    shown.select_option("#m-setting", "0")
    assert shown.locator("#grid tbody tr").count() == 2 and faults == []


@pytest.mark.browser
def test_the_page_without_comparisons_has_no_form_for_them(browser, tmp_path):
    shown = browser.new_page()
    shown.goto(page.write(few(TABLES), tmp_path / "report.html").as_uri())
    shown.wait_for_selector("#filters:visible")
    assert shown.locator("#pairs").count() == 0 and "No two indices could be compared" in shown.content()


@pytest.mark.browser
def test_the_script_draws_points_of_crossed_layers(browser, tmp_path):
    path = page.write(crossed(LAYERS, ("stem", "head")), tmp_path / "report.html")
    shown, faults = browser.new_page(), []
    shown.on("pageerror", lambda error: faults.append(str(error)))
    shown.goto(path.as_uri())
    shown.wait_for_selector("#plots svg.plot")
    points = shown.locator("#plots svg.plot circle")
    assert points.count() == 6 and "0 → 1 at bn1 → stem" in points.first.locator("title").text_content()
    assert shown.locator("#board th:visible").first.text_content() == "index" and faults == []
    assert json.loads(shown.locator("#data").text_content())["cells"][0]["above"]["layers"] == ["stem", "head"]
