"""Folders that may not be read or written, full disks, and paths whose bytes are no text: one line, nothing is lost."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
from limited import files_of_at_most, limited, without_rights

from simbench.results.folder import FILES
from simbench.results.store import Store

pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"), pytest.mark.usefixtures("undrawn")]
READABLE, CLOSED = 0o555, 0


@pytest.fixture
def results(finished, tmp_path):
    """A finished results folder, which can be removed again."""
    shutil.copytree(finished.folder / "simbench-results", tmp_path / "r")
    yield tmp_path / "r"
    for folder in (tmp_path / "r", *(tmp_path / "r").rglob("*")):
        folder.chmod(0o700 if folder.is_dir() else 0o600)


def closed(folder: Path, rights: int) -> None:
    for path in (*folder.rglob("*"), folder):
        path.chmod(rights if path.is_dir() else rights & 0o444)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["leaderboard", "--results", "R"], 0, ""),
        pytest.param(["correlate", "--results", "R"], 0, "", marks=pytest.mark.long),
        pytest.param(["doctor", "R"], 0, "", marks=pytest.mark.long),
        pytest.param(["plot", "scatter", "--results", "R"], 0, "", marks=pytest.mark.long),
        pytest.param(
            ["report", "R"],
            2,
            "cannot be written (Permission denied); name another file with --to",
            marks=pytest.mark.long,
        ),
        pytest.param(["report", "R", "--to", "page.html"], 0, "", marks=pytest.mark.long),
        pytest.param(["merge", "R", "--to", "m"], 0, "", marks=pytest.mark.long),
        pytest.param(["publish", "R", "--to", "p", "--records"], 0, "", marks=pytest.mark.long),
        (["run", "--force", "--results", "R"], 2, "is not writable"),
        (["compact", "R"], 2, "is not writable"),
        (["publish", "R", "--to", "R/p"], 2, "/r/p' cannot be written"),
        (["merge", "R", "--to", "R/m"], 2, "/r/m' cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_may_only_be_read_is_read(call, results, tiny, words, code, message):
    closed(results, READABLE)
    before = content(results)
    words = [word.replace("R", str(results), 1) if word[0] == "R" else word for word in words]
    words = [*tiny, *words[1:]] if words[0] == "run" else words
    done = limited(without_rights, *words)
    assert done.code == code, done.err
    assert "Traceback" not in done.err and message in done.err and content(results) == before
    if message:
        assert done.err.count("\n") == 1 and done.err.startswith("simbench: ")


@pytest.mark.parametrize(
    "words",
    [
        ["leaderboard", "--results", "R"],
        ["report", "R", "--to", "page.html"],
        ["merge", "R", "--to", "m"],
        ["doctor", "R"],
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize(
    "part", ["", *(pytest.param(part, marks=pytest.mark.long) for part in ("records", "measurements.csv"))]
)
def test_what_may_not_be_read_is_named(call, results, words, part):
    closed(results / part, CLOSED) if (results / part).is_dir() else (results / part).chmod(CLOSED)
    done = limited(without_rights, *(str(results) if word == "R" else word for word in words))
    assert "Traceback" not in done.err, done.err
    if done.code:
        assert done.code in (1, 2) and str(results) in done.err + done.out
        assert words[0] == "doctor" or done.err.count("\n") == 1, done.err


@pytest.mark.long
def test_a_full_disk_ends_a_run_in_one_line_and_the_next_goes_on(call, tiny, warm_cache, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(warm_cache))
    full = limited(partial(files_of_at_most, 6000), *tiny, "--results", "r")
    assert full.code == 1 and "Traceback" not in full.err
    last = full.err.splitlines()[-1]
    assert last.startswith("simbench: ") and "File too large" in last and "goes on from here" in last
    kept = len(Store(Path("r")).read().records)
    done = call(*tiny, "--results", "r")
    assert done.code == 0 and f"{kept} on record" in done.err and kept > 0
    assert sorted(FILES) == sorted(name for name in FILES if Path("r", name).is_file())


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other file systems want names to be text")
def test_paths_whose_bytes_are_no_text_hold_results(call, finished, warm_cache, tiny, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(warm_cache))
    odd = os.fsdecode(b"caf\xe9")
    shutil.copytree(finished.folder / "simbench-results", odd)
    before = {name: Path(odd, name).read_bytes() for name in FILES if name != "runs.csv"}
    for words in (
        [*tiny, "--results", odd],
        ["leaderboard", "--results", odd],
        ["report", odd, "--to", f"{odd}.html"],
        ["plot", "scatter", "--results", odd, "--to", f"{odd}.png"],
        ["merge", odd, "--to", f"{odd}-merged"],
        ["doctor", odd],
    ):
        done = call(*words)
        assert done.code == 0, (words, done.err)
    assert {name: Path(odd, name).read_bytes() for name in before} == before
    assert Path(f"{odd}.html").is_file() and Path(f"{odd}.png").is_file()


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems want names to be text")
@pytest.mark.parametrize(
    "words",
    [
        ["run", "--weights", os.fsdecode(b"w\xff.pt"), "--dry-run"],
        ["run", "--datasets", os.fsdecode(b"imagefolder[path=w\xff]"), "--dry-run"],
        ["run", "--models", os.fsdecode(b"w\xff.py:make"), "--dry-run"],
        ["run", "--panel", os.fsdecode(b"w\xff"), "--dry-run"],
        ["layers", os.fsdecode(b"w\xff.py:make")],
    ],
    ids=["weights", "data", "model", "panel", "layers"],
)
def test_names_whose_bytes_are_no_text_are_refused_in_one_line(call, cache, words):
    for name in (b"w\xff.pt", b"w\xff.py"):
        Path(os.fsdecode(name)).write_text("")
    done = call(*words)
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1, done.err
    assert "\\udcff" in done.err and done.err.encode()  # escaped: it can be printed anywhere
