"""A stranger's published rows are ranked beside the published ones, by the same layers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from simbench import InputError
from simbench.publishing.joining import joined
from simbench.results import folder as tables
from simbench.results.tables import write
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard

PUBLISHED = Path(__file__).parents[2] / "results" / "tiny10-digits"


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """The published run at one layer, for what is not about ranks."""
    folder = tmp_path_factory.mktemp("few")
    shutil.copy(PUBLISHED / "methods.csv", folder)
    write(tables.read(PUBLISHED, "correlations.csv").head(200), folder / "correlations.csv")
    measured = tables.read(PUBLISHED, "measurements.csv")
    write(measured[measured["layer_a"].isin(["bn5", ""]) | measured["layer_a"].isna()], folder / "measurements.csv")
    return folder


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Path:
    """A publication with one index of its own: the distance 1 - r2_lr."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(PUBLISHED, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("figures"))
    measured, methods = (tables.read(PUBLISHED, f"{name}.csv") for name in ("measurements", "methods"))
    mine = (measured["method"] == "r2_lr") & (measured["kind"] == "index")
    taken = measured[mine].assign(method="=distance", value=1 - measured["value"][mine])
    write(pd.concat([taken, measured[measured["kind"] == "stitcher"]]), folder / "measurements.csv")
    own = methods[methods["method"] == "r2_lr"].assign(method="=distance", spec="=distance", direction=-1)
    write(pd.concat([own, methods[methods["kind"] == "stitcher"]]), folder / "methods.csv")
    return folder


def board(folders) -> pd.DataFrame:
    found = joined(folders)
    correlations = correlate(
        found.measurements, found.methods, permutations=0, intervals=False, reliability=found.reliability
    )
    ranked = leaderboard(correlations, found.methods).table
    return ranked[ranked["stitcher"] == "all"].set_index("index")


@pytest.mark.long
def test_one_folder_gives_its_own_board():
    ranked, published = board([PUBLISHED]), tables.read(PUBLISHED, "leaderboard.csv")
    published = published[published["stitcher"] == "all"].set_index("index")
    for column in ("within", "within_end", "pooled", "rank", "layers", "ceiling"):
        assert ranked[column].to_numpy(float) == pytest.approx(
            published[column].to_numpy(float), abs=1e-12, nan_ok=True
        ), column
    assert (ranked["layers"] < 8).all()  # unreliable layers are left out, as in the run


@pytest.mark.long
def test_an_index_of_a_stranger_is_ranked_beside_the_published_ones(stranger):
    ranked = board([PUBLISHED, stranger])
    assert set(ranked.index[ranked["rank"].notna()]) == {"cca", "cka", "pwcca", "r2_lr", "svcca", "=distance"}
    for column in ("within", "pooled", "rank", "layers"):
        assert ranked.loc["=distance", column] == pytest.approx(ranked.loc["r2_lr", column], abs=1e-9), column
    assert ranked.loc["svcca", "rank"] == 6


def test_a_number_of_two_folders_is_taken_once(few):
    both = joined([few, few])
    assert len(both.measurements) == len(joined([few]).measurements) > 1000
    assert not both.methods.duplicated(["kind", "method", "params"]).any()


def changed(folder, to, change) -> Path:
    shutil.copytree(folder, to)
    frame = tables.read(to, "measurements.csv")
    write(change(frame), to / "measurements.csv")
    return to


def test_two_values_of_one_number_are_one_line_with_both(few, tmp_path):
    def change(frame):
        at = frame.index[(frame["method"] == "least_squares") & (frame["quantity"] == "kl_divergence")][0]
        frame.loc[at, "value"] += 0.5
        return frame

    folder = changed(few, tmp_path / "other", change)
    with pytest.raises(InputError, match=r"2 values differ by more than rounding, such as kl_divergence of") as caught:
        joined([few, folder])
    assert str(few) in str(caught.value) and str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_a_number_against_a_failure_is_refused_too(few, tmp_path):
    def change(frame):
        at = frame.index[(frame["method"] == "least_squares") & (frame["quantity"] == "kl_divergence")][0]
        frame.loc[at, ["value", "status"]] = [float("nan"), "failed"]
        return frame

    with pytest.raises(InputError, match="failed in"):
        joined([few, changed(few, tmp_path / "other", change)])


def test_folders_without_tables_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"holds no measurements.csv, methods.csv, correlations.csv; give folders"):
        joined([tmp_path])


def test_tables_without_a_column_are_one_line(few, tmp_path):
    folder = changed(few, tmp_path / "other", lambda frame: frame.drop(columns="samples"))
    with pytest.raises(InputError, match=r"measurements.csv has no column 'samples'; derive it again"):
        joined([folder])


@pytest.mark.parametrize(("kind", "by", "agree"), [("stitcher", 1e-4, False), ("penalty", 1e-3, True)])
def test_values_behind_training_may_differ_by_more(few, tmp_path, kind, by, agree):
    def change(frame):
        at = frame.index[(frame["kind"] == kind) & (frame["status"] == "ok")][0]
        frame.loc[at, "value"] += by
        return frame

    other = changed(few, tmp_path / "other", change)
    if agree:
        assert len(joined([few, other]).measurements) == len(joined([few]).measurements)
    else:
        with pytest.raises(InputError, match="2 values differ by more than rounding"):
            joined([few, other])
