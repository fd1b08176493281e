"""Parameters and views of one index are told apart in every figure and on the page."""

from __future__ import annotations

import base64
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_pages import tables, variants

from simbench.report import drawings, page
from simbench.report.tables import Words
from simbench.report.variants import called
from simbench.results import figures

CELLS = 3 * 96


def drawn(draw) -> tuple[set[tuple[float, float]], str]:
    """The points of a figure, and its title."""
    _, (axes,) = figures.panels(1)
    draw(axes)
    points = [offset for marks in axes.collections for offset in np.asarray(marks.get_offsets())]
    return {tuple(point) for point in points}, axes.get_title()


def test_each_variant_has_a_name_of_its_own():
    made = variants("pooled")
    assert set(called(made.measurements, made.methods)["method"]) == {"cka", "cka[kernel=rbf]", "svcca", "zero", "ls"}
    pairs = called(made.comparisons, made.methods)
    assert set(pairs["index_a"]) | set(pairs["index_b"]) == {"cka", "cka[kernel=rbf]", "svcca"}
    plain = tables(["bures", "cka", "zero"], ["ls"])
    twice = pd.concat([plain.measurements, plain.measurements.assign(view="pooled")])
    names = set(called(twice, plain.methods)["method"])
    assert names == {f"{name} ({view})" for name in ("bures", "cka", "zero") for view in ("pooled", "spatial")} | {"ls"}


@pytest.mark.parametrize("name", ["cka", "cka[kernel=rbf]"])
def test_a_scatter_holds_the_points_of_one_variant(name):
    made = variants()
    frame = called(made.measurements, made.methods)
    points, title = drawn(lambda axes: drawings.scatter(frame, axes, name, "ls"))
    own = frame[(frame["method"] == name) & (frame["kind"] == "index")]["value"]
    assert len(points) == CELLS and {x for x, _ in points} == set(own) and title.startswith(f"{name} against")


@pytest.mark.parametrize("draw", [lambda f, a: drawings.scatter(f, a, "cka", "ls"), lambda f, a: drawings.curves(f, a, "cka")])  # fmt: skip # noqa: E501
@pytest.mark.parametrize("view", ["spatial", "pooled"])
def test_a_name_that_stands_for_several_is_not_drawn_as_one(draw, view):
    frame = variants(view).measurements
    with pytest.raises(ValueError, match="^'cka' stands for several .*kernel=rbf"):
        draw(frame, figures.panels(1)[1][0])


def test_the_page_draws_the_variant_that_leads_and_its_own_training():
    made = variants()
    rows = made.measurements[made.measurements["method"] == "cka"]
    steps = [rows.assign(step=step, experiment="push") for step in (0, 10)]
    with_steps = pd.concat([made.measurements, *steps]).astype(made.measurements.dtypes)
    data = page.contents(replace(made, measurements=with_steps), Words())
    assert [each["spec"] for each in data["indices"]] == ["cka[kernel=rbf]", "cka", "svcca", "zero"]
    assert {each["method"] for each in data["along"]} == {"cka", "cka[kernel=rbf]"}
    text = page.page(made, Words())
    first, second = re.findall(r'class="plot" src="data:image/svg\+xml;base64,([^"]*)" alt="([^"]*)"', text)[:2]
    assert first[1].startswith("Plot of cka[kernel=rbf] against") and second[1].startswith("Plot of cka[kernel=rbf], ")
    assert "cka[kernel=rbf] against ls" in base64.b64decode(first[0]).decode()
