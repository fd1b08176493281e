"""Whatever the README tells a user to type works, as it stands there."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import simbench

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("console") for line in block.splitlines()]
#: What makes `simbench run` small: two networks, one layer, few images.
SMALL = {"SIMBENCH_RUN_SEEDS": "2", "SIMBENCH_RUN_LAYERS": "bn8", "SIMBENCH_RUN_MAX_SAMPLES": "120"}


@pytest.fixture(scope="module")
def place(tmp_path_factory, warm_cache) -> Path:
    """A working folder in which `simbench run` has been run once, small, with cka_penalty at the last layer."""
    folder = tmp_path_factory.mktemp("readme")
    done = typed("simbench run --indices all --models tiny10", folder, warm_cache)
    assert done.returncode == 0, done.stderr
    assert (folder / "simbench-results" / "leaderboard.csv").is_file()
    assert "relative accuracy" in done.stdout and "tables in simbench-results" in done.stdout
    return folder


def typed(line: str, folder: Path, cache: Path, **more: str) -> subprocess.CompletedProcess:
    """Run a command line of the README; options not typed there are made small by the environment."""
    words = shlex.split(line)
    small = {key: value for key, value in SMALL.items() if "--" + key.split("_RUN_")[-1].lower() not in words}
    return subprocess.run(
        [sys.executable, "-m", "simbench.cli", *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | small | {"SIMBENCH_CACHE": str(cache)} | more,
    )


VERBS = [line for line in COMMANDS if line.startswith("simbench ") and "cross_trace" not in line]


def test_the_readme_shows_every_verb():
    from simbench.cli import VERBS as known

    assert {line.split()[1] for line in COMMANDS if line.startswith("simbench ")} == set(known)
    assert len(VERBS) == len(COMMANDS) - COMMANDS.count("simbench check cross_trace") - sum(
        line.startswith(("pip ", "pytest")) for line in COMMANDS
    )


@pytest.mark.parametrize("line", VERBS)
def test_command_works_as_typed(line, place, warm_cache):
    line_here = line.replace("bn5", "bn8")  # the small run has one layer
    more = {"SIMBENCH_RUN_LAYERS": "bn8"} if "--layers" not in line else {}
    if "--seeds 0,1,2" in line:  # two networks are warm
        line_here = line_here.replace("--seeds 0,1,2", "--seeds 0,1").replace("'bn*'", "'bn8*'")
    if "--experiments all" in line or "trajectory" in line:  # each is run small in tests of its own
        line_here, more = f"{line} --dry-run", dict.fromkeys(SMALL, "")
    done = typed(line_here, place, warm_cache, **more)
    assert done.returncode == 0, done.stderr
    assert done.stdout if "--dry-run" not in line_here else "cases" in done.stderr


def test_the_python_examples_run():
    python = [block for block in blocks("python") if "import simbench\n" in block]
    assert len(python) == 1
    done = subprocess.run([sys.executable, "-W", "error", "-c", python[0]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    svcca, *_, residual, cka, shape = done.stdout.splitlines()
    assert 0 < float(svcca) <= 1 and 0 < float(cka) <= 1 and shape == "torch.Size([2, 10])"
    left, right = map(float, residual.split())
    assert left == pytest.approx(right, abs=1e-12)


def test_the_example_of_all_layers_of_two_networks_runs():
    (block,) = [block for block in blocks("python") if "similarities(" in block]
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "layer_b" in done.stdout and done.stdout.count("ok") == 12


def test_the_question_about_one_layer_is_answered_from_the_published_run(tmp_path):
    """The lines that read correlations.csv, in a folder where the published run lies as if it were one's own."""
    block = next(block for block in blocks("python") if "pd.read_csv" in block)
    (tmp_path / "simbench-results").symlink_to(Path(__file__).parents[1] / "results" / "tiny10-digits")
    done = subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {line.split()[1] for line in done.stdout.splitlines()[1:]} == {"cca", "cka", "pwcca", "r2_lr", "svcca"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The package of the section "Add an index of your own", made by following it, installed into a folder."""
    source = tmp_path_factory.mktemp("own") / "my-index"
    source.mkdir()
    module = next(block for block in blocks("python") if "CrossTrace" in block)
    (source / "my_index.py").write_text(module)
    (source / "pyproject.toml").write_text(blocks("toml")[0])
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--no-build-isolation",
            "--disable-pip-version-check",
            "--target",
            str(target),
            str(source),
        ],
        check=True,
    )
    return target


def test_an_index_of_ones_own_passes_its_check(site, tmp_path, warm_cache):
    done = typed("simbench check cross_trace", tmp_path, warm_cache, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout and "known_answers" not in done.stdout


def test_an_index_of_ones_own_is_run_with_all_others(site, place, warm_cache):
    done = typed("simbench run --indices all", place, warm_cache, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    rows = pd.read_csv(place / "simbench-results" / "measurements.csv").query(
        "method == 'cross_trace' and kind == 'index'"
    )
    assert len(rows) == 2 and (rows["status"] == "ok").all()
    methods = (place / "simbench-results" / "methods.csv").read_text()
    assert re.search(r"^index,cross_trace,.*,my-index,0.1$", methods, re.MULTILINE)


def test_the_stitcher_example_passes_its_checks(tmp_path):
    from simbench.check import checks

    (tmp_path / "ridge.py").write_text(next(block for block in blocks("python") if "class Ridge" in block))
    spec = importlib.util.spec_from_file_location("ridge", tmp_path / "ridge.py")
    sys.modules["ridge"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ridge = simbench.load([module]).get("stitchers", "ridge[strength=0.1]")
    outcomes = {check.name: check.run() for check in checks(ridge)}
    assert all(outcome.status != "failed" for outcome in outcomes.values()), outcomes


def test_the_test_command_is_what_ci_reads():
    below = README.split("\n## Tests", 1)[1]
    assert re.search(r"```\w*\n(.*?)```", below, re.DOTALL).group(1) == "pip install '.[test]'\npytest\n"
    assert "## Tests" in (Path(__file__).parents[1] / ".ci" / "run").read_text()


def test_the_table_shown_is_that_of_the_published_run():
    from simbench.results import folder as publish
    from simbench.results import text as report
    from simbench.results.board import board
    from simbench.runs.declared import board_columns

    folder = Path(__file__).parents[1] / "results" / "tiny10-digits"
    registry = simbench.load()
    declared = board_columns(registry)
    wanted = board(publish.read(folder, "leaderboard.csv", declared), publish.read(folder, "methods.csv"), declared)
    experiment = registry.get("experiments", "matching")
    wanted += "\n\n" + report.summary(experiment, publish.read(folder, "measurements.csv"))
    shown = README.split("<!-- board -->\n```text\n")[1].split("\n```\n<!-- /board -->")[0]
    assert shown == wanted, f"put this between the marks in README.md:\n{wanted}"


@pytest.mark.parametrize("name", ["tiny10-digits", "paper-digits", "paper-tiny10-cifar10", "paper-resnet20-cifar10"])
def test_published_tables_follow_from_the_published_measurements(name):
    from simbench.results import folder as publish
    from simbench.statistics.correlate import correlate
    from simbench.statistics.leaderboard import leaderboard

    folder = Path(__file__).parents[1] / "results" / name
    tables = {name: publish.read(folder, name) for name in publish.FILES}
    found = leaderboard(correlate(tables["measurements.csv"], tables["methods.csv"]))
    columns = ["stitcher", "index", "within", "within_low", "within_high", "pooled", "coverage"]
    pd.testing.assert_frame_equal(found[columns], tables["leaderboard.csv"][columns], check_dtype=False, rtol=1e-9)
