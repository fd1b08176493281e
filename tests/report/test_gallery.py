"""Figures of a page: each with the command and the numbers of its own folder."""

from __future__ import annotations

import pandas as pd
from small_pages import SVG, tables

from simbench import columns
from simbench.report.gallery import gallery
from simbench.report.tables import Part, figures

MADE = tables(["bures", "zero"], ["ls"])


def drawn(folder, text: str = SVG):
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "matching.svg").write_text(text)
    return folder


def of_two(one, two) -> list[dict]:
    """Folder `one` has the cells of layer bn1, made by run r1; folder `two` those of bn2, by r2."""
    rows = [MADE.measurements[MADE.measurements["layer_a"] == layer] for layer in ("bn1", "bn2")]
    parts = {one: Part(rows[0], frozenset({"r1"})), two: Part(rows[1], frozenset({"r2"}))}
    runs = pd.DataFrame({"run": ["r1", "r2"], "command": ["simbench run --first", "simbench run --second"]})
    timings = pd.DataFrame({"experiment": ["matching"] * 3, "run": ["r2", "r2", "r1"]}).reindex(
        columns=list(columns.TIMINGS)
    )
    return gallery(figures([one, two]), pd.concat(rows), MADE.methods, timings, runs, {}, parts)


def test_figures_of_several_folders_have_their_own_commands_and_numbers(tmp_path):
    found = of_two(drawn(tmp_path / "one"), drawn(tmp_path / "two", SVG.replace("45", "50")))
    assert [each["name"] for each in found] == ["matching, one", "matching, two"]
    assert [each["file"] for each in found] == ["matching", "matching-2"]
    assert [each["command"] for each in found] == ["simbench run --first", "simbench run --second"]
    layers = [{row[each["columns"].index("layer_a")] for row in each["rows"]} for each in found]
    assert layers == [{"bn1"}, {"bn2"}] and found[0]["picture"] != found[1]["picture"]
    assert found[0]["alt"].startswith("one: Curves of experiment matching") and "at bn1;" in found[0]["alt"]


def test_a_figure_that_two_folders_share_is_shown_once(tmp_path):
    (found,) = of_two(drawn(tmp_path / "one"), drawn(tmp_path / "two"))
    assert (found["name"], found["file"], found["command"]) == ("matching", "matching", "simbench run --first")
