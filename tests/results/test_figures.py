"""Figures look alike, are written whole, and are drawn again only when their numbers change."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from simbench.results import figures


def drawing():
    figure, (axes, *_) = figures.panels(2, title="two")
    figures.band(axes, [1, 2, 3], np.array([0.1, 0.2, 0.3]), np.array([0.1, np.nan, 0.2]), "curve")
    axes.legend()
    return figure


@pytest.mark.parametrize("count, columns, grid", [(1, 3, (1, 1)), (2, 3, (1, 2)), (4, 3, (2, 3)), (3, 1, (3, 1))])
def test_panels_fill_rows_from_the_left_and_spare_ones_are_gone(count, columns, grid):
    figure, axes = figures.panels(count, columns)
    assert len(axes) == len(figure.axes) == count
    width, height = figure.get_size_inches()
    assert (height, width) == pytest.approx((grid[0] * figures.HEIGHT, grid[1] * figures.WIDTH))


def test_a_band_is_one_deviation_wide_and_closed_where_there_is_none():
    axes = drawing().axes[0]
    (line,), (area,) = axes.lines, axes.collections
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.2, 0.3])
    corners = area.get_paths()[0].vertices
    heights = {x: np.ptp(corners[corners[:, 0] == x, 1]) for x in (1, 2, 3)}
    assert heights == pytest.approx({1: 0.2, 2: 0.0, 3: 0.4})
    assert line.get_label() == "curve" and line.get_color() == figures.colour(0)


def test_a_figure_is_written_twice_and_the_same_each_time(tmp_path):
    figures.save(drawing(), tmp_path / "a", "two", "stamp")
    figures.save(drawing(), tmp_path / "b", "two", "stamp")
    for first, second in zip(figures.files(tmp_path / "a", "two"), figures.files(tmp_path / "b", "two"), strict=True):
        assert first.read_bytes() == second.read_bytes() != b""
    with Image.open(tmp_path / "a" / "two.png") as image:
        assert image.width == pytest.approx(2 * figures.WIDTH * figures.DOTS, abs=2)
    assert ">two<" in (tmp_path / "a" / "two.svg").read_text(), "text stays text"


def test_a_figure_is_laid_out_once_for_both_files(tmp_path):
    class Counting(ConstrainedLayoutEngine):
        calls = 0

        def execute(self, fig):
            type(self).calls += 1
            return super().execute(fig)

    figure = drawing()
    figure.set_layout_engine(Counting())
    figures.save(figure, tmp_path, "two", "stamp")
    assert Counting.calls == 1


def test_a_figure_is_current_while_both_files_are_there_and_bear_the_stamp(tmp_path):
    assert not figures.current(tmp_path, "two", "1234")
    figures.save(drawing(), tmp_path, "two", "1234")
    assert figures.current(tmp_path, "two", "1234") and not figures.current(tmp_path, "two", "5678")
    (tmp_path / "two.svg").write_bytes(b"\xff1235")
    assert not figures.current(tmp_path, "two", "1234")
    figures.save(drawing(), tmp_path, "two", "1234")
    (tmp_path / "two.png").unlink()
    assert not figures.current(tmp_path, "two", "1234")


@pytest.mark.parametrize(
    "spec, name",
    [
        ("matching", "matching"),
        ("cka_penalty[index=cka[kernel=rbf],weight=2.0]", "cka_penalty_index=cka_kernel=rbf_,weight=2.0"),
        ("a[b=/etc/x y]", "a_b=_etc_x_y"),
    ],
)
def test_a_spec_becomes_a_file_name(spec, name):
    assert figures.name_of(spec) == name


def test_a_legend_has_everything_once_and_no_more_columns_than_fit():
    figure, panels = figures.panels(2)
    for panel, names in zip(panels, (("a", "b"), ("b", "c" * 60)), strict=True):
        for at, name in enumerate(names):
            figures.band(panel, [0, 1], np.zeros(2), np.zeros(2), name, at)
    figures.legend(figure, panels)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c" * 60]
    figure.canvas.draw()
    box = legend.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
    bare, empty = figures.panels(1)
    figures.legend(bare, empty)
    assert not bare.legends


@pytest.mark.parametrize("names, angle", [(["bn1", "bn2"], 0), ([f"inception4{letter}" for letter in "abcdefgh"], 40)])
def test_names_at_an_axis_are_slanted_where_they_would_meet(names, angle):
    _, (axes,) = figures.panels(1)
    figures.ticks(axes, names)
    figures.describe(axes, "title", "layer", "accuracy")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == names
    assert {tick.get_rotation() for tick in axes.get_xticklabels()} == {angle}
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("title", "layer", "accuracy")
    assert axes.title.get_fontsize() == figures.STYLE["axes.titlesize"]


def test_a_title_stays_within_its_panel():
    """Measured in pixels of the drawn figure."""
    figure, panels = figures.panels(2)
    for axes in panels:
        figures.describe(
            axes, "tiny10[padding=valid] on imagefolder[path=cifar10-jpeg]: 4 networks, 12 pairs, 5000 images"
        )
    figure.draw_without_rendering()
    for at, axes in enumerate(panels):
        box = axes.title.get_window_extent()
        assert at * figure.bbox.width / 2 <= box.x0 and box.x1 <= (at + 1) * figure.bbox.width / 2


@pytest.mark.parametrize("name", ["a$b$c", "$x^$", "5$", "two words $_{$ and more of them that are wrapped in a title"])
def test_a_dollar_in_a_name_is_a_dollar(tmp_path, name):
    figure, (axes,) = figures.panels(1)
    axes.plot([0, 1], [1, 2], label=name)
    figures.describe(axes, title=f"accuracy on {name}", x=name)
    figures.ticks(axes, [name, "b"])
    figures.legend(figure, [axes])
    figures.literal(figure, {name, "b", 7})
    figures.save(figure, tmp_path, "dollar", "stamp")
    assert name.split()[0] in (tmp_path / "dollar.svg").read_text()


def test_a_formula_of_the_experiments_own_stays_a_formula(tmp_path):
    figure, (axes,) = figures.panels(1)
    axes.set_xlabel("$R^2$ on blobs")
    figures.literal(figure, {"blobs", "a$b"})
    assert axes.xaxis.label.get_parse_math()


def test_what_an_svg_cannot_hold_is_escaped(tmp_path):
    figure, (axes,) = figures.panels(1)
    axes.set_title("a\x00b\ud800\nc <&> d")
    figures.literal(figure, set())
    figures.save(figure, tmp_path, "odd", "stamp")
    ElementTree.parse(tmp_path / "odd.svg")
    assert axes.get_title() == "a\\x00b\\ud800\nc <&> d"
