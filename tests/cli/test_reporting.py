"""`simbench report`, `simbench plot`, and the page at the end of a run."""

from __future__ import annotations

import contextlib
import inspect
import io
import shutil
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
from PIL import Image
from small_figures import empty_figures
from small_pages import RBF, tables, variants

import simbench
from simbench import columns
from simbench.cli import main
from simbench.cli.reporting import said
from simbench.results import folder as publish


def written(of, folder: Path) -> Path:
    """Tables as files of a results folder."""
    folder.mkdir()
    object.__setattr__(of, "measurements", of.measurements.assign(samples=100))
    for name in {each.name for each in fields(of)} & {Path(file).stem for file in publish.FILES}:
        getattr(of, name).to_csv(folder / f"{name}.csv", index=False)
    return folder


def along(of) -> pd.DataFrame:
    """Its measurements, and those of an index along a training."""
    rows = of.measurements[(of.measurements["method"] == "bures")].head(40)
    steps = [rows.assign(step=step, value=rows["value"] + step, experiment="push") for step in (0, 10, 20)]
    return pd.concat([of.measurements, *steps], ignore_index=True).astype(columns.dtypes(columns.MEASUREMENTS))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    of = tables(["bures", "cka", "svcca", "zero"], ["least_squares"])
    object.__setattr__(of, "measurements", along(of))
    return written(of, tmp_path_factory.mktemp("plots") / "results")


@pytest.mark.parametrize("kind", ["scatter", "curves", "matrix", "trajectory"])
@pytest.mark.parametrize("end", [pytest.param("png", marks=pytest.mark.long), "svg"])
def test_each_kind_of_figure_is_drawn(call, made, kind, end):
    done = call("plot", kind, "--index", "bures", "--results", str(made), "--to", f"a.{end}")
    assert (done.code, done.out, done.err) == (0, f"figure in a.{end}\n", "")
    if end == "png":
        assert len(Image.open("a.png").convert("L").getcolors()) > 10
    else:
        assert "</svg>" in Path("a.svg").read_text()


def test_a_figure_is_named_after_its_kind_and_index(call, made):
    assert call("plot", "curves", "--results", str(made)).out == "figure in curves-cka.png\n"
    assert call("plot", "matrix", "--results", str(made)).out == "figure in matrix.png\n"
    assert Path("curves-cka.png").is_file() and Path("matrix.png").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scatter", "--index", "ckaa"), "no cell holds both index 'ckaa' and relative_accuracy"),
        (("scatter", "--stitcher", "ls"), "of stitcher 'ls'"),
        (("curves", "--index", "ckaa"), "index 'ckaa' has no value"),
        (("trajectory", "--index", "cka"), "index 'cka' was not measured along a training"),
        (("curves", "--to", "a.nonsense"), "nonsense"),
        (("curves", "--to", "no/such/a.png"), "no/such"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(call, made, words, said):
    done = call("plot", *words, "--results", str(made))
    assert done.code in (1, 2) and done.out == "" and said in done.err and done.err.count("\n") == 1
    assert "on record" not in done.err and not list(Path().iterdir())


@pytest.mark.long
def test_every_board_has_a_panel_of_its_own(call, tmp_path):
    of = tables(["bures", "cka", "svcca", "zero"], ["least_squares"], settings=2)
    folder = written(of, tmp_path / "two")
    for kind in ("scatter", "curves", "matrix"):
        assert call("plot", kind, "--results", str(folder), "--to", "a.svg").code == 0
        text = Path("a.svg").read_text()
        assert "data0" in text and "data1" in text, kind


def test_variants_of_an_index_are_rows_of_their_own(call, tmp_path):
    of = tables(["bures", "cka", "svcca", "zero"], ["least_squares"])
    gaps = of.comparisons
    other = gaps["index_b"] == "svcca"
    object.__setattr__(
        of, "comparisons", gaps.assign(index_b=gaps["index_b"].where(~other, "cka"),
                                       index_b_params=gaps["index_b_params"].where(~other, "estimator=debiased")),
    )  # fmt: skip
    assert call("plot", "matrix", "--results", str(written(of, tmp_path / "r")), "--to", "a.svg").code == 0
    assert "cka[estimator=debiased]" in Path("a.svg").read_text()


@pytest.mark.long
def test_variants_of_an_index_have_figures_of_their_own_and_views_panels(call, tmp_path):
    of = variants()
    rows = of.measurements
    extra = rows[(rows["method"] == "cka") & (rows["params"] == RBF)].assign(view="pooled")
    object.__setattr__(of, "measurements", pd.concat([rows, extra], ignore_index=True))
    where = ("--stitcher", "ls", "--results", str(written(of, tmp_path / "r")))
    for kind in ("scatter", "curves"):
        assert call("plot", kind, *where, "--to", "a.svg").code == 0
        assert "kernel=rbf" not in Path("a.svg").read_text()
        assert call("plot", kind, "--index", "cka[kernel=rbf]", *where, "--to", "b.svg").code == 0
        text = Path("b.svg").read_text()
        assert "cka[kernel=rbf] (spatial)" in text and "cka[kernel=rbf] (pooled)" in text
    assert call("plot", "matrix", *where, "--to", "c.svg").code == 0
    assert "cka[kernel=rbf]" in Path("c.svg").read_text() and "batch=128" not in Path("c.svg").read_text()


@pytest.mark.long
def test_a_name_with_dollars_is_drawn_as_it_is(call, tmp_path):
    of = tables(["a$\\frac$b", "cka", "svcca", "zero"], ["least_squares"])
    folder = written(of, tmp_path / "r")
    for kind in ("scatter", "curves", "matrix"):
        done = call("plot", kind, "--index", "a$\\frac$b", "--results", str(folder), "--to", "a.svg")
        assert done.code == 0 and "a$\\frac$b" in Path("a.svg").read_text(), done.err


def test_one_folder_is_one_page(call, made, tmp_path):
    shutil.copytree(made, tmp_path / "r")
    with empty_figures():
        done = call("report", str(tmp_path / "r"))
    assert done.code == 0 and done.err == "" and done.out.startswith(f"page in {tmp_path / 'r' / 'report.html'} (")
    assert "bures leads with a rank correlation of 0.50" in (tmp_path / "r" / "report.html").read_text()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def again(call, finished, warm, tmp_path) -> Path:
    """The results folder of a copy of the finished run, in the folder that `call` works in."""
    shutil.copytree(finished.folder, tmp_path / "work", dirs_exist_ok=True)
    return tmp_path / "work" / "simbench-results"


def test_a_page_that_cannot_be_written_is_one_line_and_fails_no_run(call, again, tiny):
    (again / "report.html").unlink()
    (again / "report.html").mkdir()
    done = call(*tiny)
    lines = [line for line in done.err.splitlines() if "page" in line]
    assert done.code == 0 and len(lines) == 1 and "page in" not in done.out
    assert lines[0].startswith("simbench: the page could not be written (") and lines[0].endswith("tables are complete")
    assert "Traceback" not in done.err and "nothing to compute" in done.out


def test_a_page_of_tables_that_are_not_there_fails_no_run_either(call, again, tiny, capsys):
    from simbench.cli.running import _page

    class Outcome:  # of a run whose leaderboard could not be derived
        folder, measured, declared = again, 0, {}
        paths: ClassVar = {"leaderboard": again / "leaderboard.csv"}

    (again / "leaderboard.csv").unlink()
    _page(Outcome, simbench.load())
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "the page could not be written (" in err


def test_a_terminal_is_shown_the_same_report_below_the_board(call, again, tiny, finished):
    plain, out = call(*tiny).out, Terminal()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
        main(list(tiny))
    below = plain[plain.index("\nmatching\n") :]
    assert not end.value.code and out.getvalue().endswith(below)
    head = plain[: plain.index("\nmatching\n")]
    assert " ".join(out.getvalue()[: -len(below)].split()) == " ".join(head.split())  # two networks have no interval


def shifted(of, index: str):
    """The same cells, with another index measured on them."""
    rows = of.measurements
    rows = rows[rows["method"].ne("bures") | rows["kind"].ne("index")].copy()
    rows.loc[rows["method"] == "cka", "method"] = index
    methods = of.methods[of.methods["method"] != "bures"].replace({"method": {"cka": index}, "spec": {"cka": index}})
    object.__setattr__(of, "measurements", rows)
    object.__setattr__(of, "methods", methods)
    return of


def test_several_folders_are_one_page_whose_indices_are_ranked_together(call, tmp_path):
    one = tables(["bures", "cka", "zero"], ["least_squares"])
    written(one, tmp_path / "one")
    written(shifted(tables(["bures", "cka", "zero"], ["least_squares"]), "mine"), tmp_path / "two")
    for name in ("one", "two"):
        (tmp_path / name / "figures").mkdir()
        (tmp_path / name / "figures" / "matching.svg").write_text(
            f"<svg xmlns='http://www.w3.org/2000/svg' id='{name}'/>"
        )
    with empty_figures():
        done = call("report", str(tmp_path / "one"), str(tmp_path / "two"), "--to", "both.html")
    assert done.code == 0 and done.err == "", done.err
    text = Path("both.html").read_text()
    assert "<title>simbench: one, two</title>" in text and "Of 3 indices, " in text
    assert all(f'<th scope="row">{name}' in text for name in ("bures", "cka", "mine"))
    assert all(
        f"<h3>matching, {name}</h3>" in text and f"{name}: Curves of experiment matching" in text
        for name in ("one", "two")
    )
    assert not (tmp_path / "one" / "report.html").exists()


@pytest.mark.parametrize("where", ["file/a.html", pytest.param("taken", marks=pytest.mark.long)])
def test_a_page_that_cannot_be_written_is_one_line(call, made, where):
    Path("taken").mkdir()
    Path("file").touch()
    done = call("report", str(made), "--to", where)
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1
    assert f"'{where}' cannot be written" in done.err and "--to" in done.err


def test_a_folder_without_tables_is_one_line(call, made, tmp_path):
    (tmp_path / "empty").mkdir()
    for folders in ([tmp_path / "empty"], [made, tmp_path / "empty"]):
        done = call("report", *map(str, folders))
        assert done.code == 2 and done.out == "" and done.err.count("\n") == 1 and str(tmp_path / "empty") in done.err


def test_an_index_and_a_stitcher_of_one_name_are_each_described_by_their_own_words():
    registry = simbench.load()
    words = said(registry, tables(["procrustes", "cka", "zero"], ["procrustes"]))
    for kind, plural in (("index", "indices"), ("stitcher", "stitchers")):
        described = inspect.getdoc(type(registry.get(plural, "procrustes")))
        assert described and words.formulas[kind, "procrustes"].split() == described.split()
    assert words.formulas["index", "procrustes"] != words.formulas["stitcher", "procrustes"]
