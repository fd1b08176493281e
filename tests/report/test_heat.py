"""Layer by layer maps of a page, from rows of the experiment `layers`, and names that would be formulas."""

from __future__ import annotations

import base64
import html
import re

import numpy as np
import pandas as pd
import pytest
from small_figures import empty_figures
from small_pages import tables

from simbench import columns
from simbench.report import heat, page
from simbench.report.drawings import heat as draw
from simbench.report.heat import heat_maps
from simbench.report.tables import Words
from simbench.results import figures

FRONTS, ENDS = ("bn1", "bn2", "bn10"), ("stem", "layer1", "layer2", "layer3")


def crossed(index: str = "cka", views: tuple[str, ...] = ("spatial",), models=("tiny", "wide")) -> pd.DataFrame:
    """Rows of two pairs of networks, all layers of one by all of the other; the value says where it stands."""
    methods = [("index", index, "similarity", view) for view in views]
    methods += [("stitcher", "ls", "relative_accuracy", "spatial"), ("untrained", "ls", "relative_accuracy", "spatial")]
    rows = [
        {"dataset": "digits", "experiment": "layers", "model_a": models[0], "model_b": models[1], "seed_a": "0",
         "seed_b": str(pair), "layer_a": a, "layer_b": b, "kind": kind, "method": method, "quantity": quantity,
         "view": view, "status": "ok", "value": i + 10 * j + pair, "panel": "", "params": ""}
        for kind, method, quantity, view in methods
        for i, a in enumerate(FRONTS) for j, b in enumerate(ENDS) for pair in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=list(columns.MEASUREMENTS)).sample(frac=1, random_state=0)


def methods(*specs: str) -> pd.DataFrame:
    kinds = ["index"] * (len(specs) - 1) + ["stitcher"]
    given = [
        {"kind": kind, "method": spec, "params": "", "spec": spec} for kind, spec in zip(kinds, specs, strict=True)
    ]
    return pd.DataFrame(given).reindex(columns=list(columns.METHODS))


def test_each_index_stands_beside_the_stitched_accuracy():
    found = heat_maps(crossed(), methods("cka", "ls"))
    assert [each["title"] for each in found] == [
        "ls: relative accuracy, layers, tiny to wide on digits",
        "cka, layers, tiny to wide on digits",
    ]
    assert all("largest between bn10 of tiny and layer3 of wide" in each["alt"] for each in found)
    assert all(b"<svg" in base64.b64decode(each["picture"].partition(",")[2]) for each in found)


def test_a_map_holds_the_mean_over_pairs_at_its_layers_in_order_of_depth():
    rows = crossed()
    figure, (axes,) = figures.panels(1)
    draw(rows[rows["kind"] == "index"], axes, "cka")
    assert [text.get_text() for text in axes.get_yticklabels()] == list(FRONTS)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["layer1", "layer2", "layer3", "stem"]
    expected = [[i + 10 * ENDS.index(b) + 0.5 for b in ("layer1", "layer2", "layer3", "stem")] for i in range(3)]
    np.testing.assert_allclose(axes.images[0].get_array(), expected)


def test_views_of_an_index_are_maps_of_their_own_and_say_so():
    with empty_figures():
        found = heat_maps(crossed(views=("spatial", "pooled")), methods("cka", "ls"))
    titles = [each["title"] for each in found]
    assert len(titles) == len(set(titles)) == 3 and any("cka (pooled)" in title for title in titles)


def test_layers_that_were_not_crossed_have_no_map():
    rows = crossed()
    assert heat_maps(rows[rows["layer_a"] == rows["layer_b"]], methods("cka", "ls")) == []
    made = tables(["bures", "cka", "zero"], ["ls"])
    assert heat_maps(made.measurements, made.methods) == []


def test_layers_paired_by_depth_leave_the_other_cells_empty():
    rows = crossed()
    paired = rows[[FRONTS.index(a) == ENDS.index(b) for a, b in zip(rows["layer_a"], rows["layer_b"], strict=True)]]
    with empty_figures():
        assert len(heat_maps(paired, methods("cka", "ls"))) == 2


def test_stitched_accuracy_is_shown_however_many_indices_there_are(monkeypatch):
    monkeypatch.setattr(heat, "MOST", 1)
    with empty_figures():
        assert "relative accuracy" in heat_maps(crossed(), methods("cka", "ls"))[0]["title"]


@pytest.mark.parametrize(
    "name", ["a$\\frac$b", *(pytest.param(name, marks=pytest.mark.long) for name in ("x_$_y$_", "a\x07b"))]
)
def test_a_name_that_would_be_a_formula_is_drawn_as_it_is(name):
    assert len(heat_maps(crossed(name), methods(name, "ls"))) == 2
    of = tables([name, "cka", "zero"], ["ls"])
    text = page.page(of, Words())
    pictures = re.findall(r'class="plot" src="data:image/svg\+xml;base64,([^"]*)"', text)
    shown = "".join(base64.b64decode(picture).decode() for picture in pictures)
    assert len(pictures) == 2 and (name if name.isprintable() else r"a\x07b") in html.unescape(shown)


def test_the_page_has_the_section_where_layers_were_crossed():
    made = tables(["bures", "cka", "zero"], ["ls"])
    with empty_figures():
        without = page.page(made, Words())
    assert 'id="layers"' not in without and 'href="#layers"' not in without
    both = pd.concat([made.measurements, crossed().astype(made.measurements.dtypes)], ignore_index=True)
    object.__setattr__(made, "measurements", both)
    with empty_figures():
        text = page.page(made, Words())
    section = re.search(r'<section id="layers".*?</section>', text, re.DOTALL)[0]
    assert section.count("<figure>") == 2 and 'href="#layers"' in text


@pytest.mark.long
def test_a_page_is_made_where_stitched_networks_have_no_relative_accuracy():
    made = tables(["bures", "cka", "zero"], ["ls"])
    object.__setattr__(made, "measurements", made.measurements[made.measurements["quantity"] != "relative_accuracy"])
    text = page.page(made, Words())  # of data without labels
    assert "bures against kl divergence behind ls" in text


@pytest.mark.parametrize(
    ("scale", "limits", "largest"), [(1 / 40, (0, 1), "0.81"), (1, (0.5, 32.5), "32.50"), (-1, (-32.5, -0.5), "-0.50")]
)
def test_shares_have_one_range_of_colours_and_cells_hold_their_numbers(scale, limits, largest):
    rows = crossed()
    figure, (axes,) = figures.panels(1)
    rows = rows[rows["kind"] == "index"]
    draw(rows.assign(value=rows["value"] * scale), axes, "cka")
    assert (axes.images[0].norm.vmin, axes.images[0].norm.vmax) == limits
    assert len(axes.texts) == 12 and max((text.get_text() for text in axes.texts), key=float) == largest


def test_a_distance_says_that_small_is_similar():
    of = methods("cka", "ls").assign(direction=[-1, np.nan])
    with empty_figures():
        titles = [each["title"] for each in heat_maps(crossed(), of)]
    assert [title.endswith("; small is similar") for title in titles] == [False, True]


def test_colours_are_explained_inside_a_map_with_long_names():
    rows = crossed()
    rows = rows[rows["kind"] == "index"].assign(value=rows["value"] / 40)
    rows = rows.assign(**{side: "a.very.long.encoder." + rows[side] for side in ("layer_a", "layer_b")})
    picture = heat_maps(rows, methods("cka", "ls"))[0]["picture"]
    svg = base64.b64decode(picture.partition(",")[2]).decode()
    texts = re.findall(r'<text style="([^"]*)"[^>]*?\bx="([-\d.]+)"[^>]*>([^<]*)<', svg)
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])
    bar = [float(x) for style, x, text in texts if text in ("0.0", "1.0") and "start" in style]
    assert len(bar) == 2 and all(0 < x < width - 15 for x in bar)  # the bar's numbers, three digits wide


def test_numbers_in_the_cells_of_a_map_do_not_overlap():
    rows = crossed()
    rows = rows[rows["kind"] == "index"].assign(value=rows["value"] / 40)
    wide = pd.concat([rows.assign(layer_b=rows["layer_b"] + twice) for twice in ("", "x")])  # 8 columns
    figure, (axes,) = figures.panels(1, width=3.6, height=3)
    draw(wide, axes, "cka")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 24 and not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
