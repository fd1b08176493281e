"""Every command and every block of code in the README files works as written."""

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

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
#: The documents of the repository whose Python blocks are run.
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "simbench/**/*.md", "plugins/**/*.md", "benchmarks/*.md", "tests/*.md", "results/*.md")
    for path in ROOT.glob(pattern)
)


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


#: name of the block -> its code
PYTHON = {
    f"{path.relative_to(ROOT).as_posix()}:{number}": block
    for path in DOCUMENTS
    for number, block in enumerate(blocks("python", path.read_text()), 1)
}
PLUGINS = {name: block for name, block in PYTHON.items() if "@hookimpl" in block}
PROGRAMS = {name: block for name, block in PYTHON.items() if name not in PLUGINS}
COMMANDS = [line for block in blocks("console") for line in block.splitlines()]
#: What makes `simbench run` small: two networks, one layer, few images.
SMALL = {"SIMBENCH_RUN_SEEDS": "2", "SIMBENCH_RUN_LAYERS": "bn8", "SIMBENCH_RUN_MAX_SAMPLES": "120"}


@pytest.fixture(scope="module")
def place(tmp_path_factory, warm_cache) -> Path:
    """A working folder in which `simbench run` has been run once, small, with cka_penalty at the last layer."""
    folder = tmp_path_factory.mktemp("readme")
    done = typed("simbench run --models tiny10", folder, warm_cache)
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


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_block_of_python_runs_without_warnings(name, tmp_path, warm_cache):
    """In a folder with the published default run as `simbench-results`; what trains is made small."""
    (tmp_path / "simbench-results").symlink_to(ROOT / "results" / "tiny10-digits")
    done = program(PROGRAMS[name], tmp_path, warm_cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def program(code: str, folder: Path, cache: Path) -> subprocess.CompletedProcess:
    environment = os.environ | {"SIMBENCH_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, env=environment
    )


def the_program(text: str) -> str:
    """The first block of Python that contains a text."""
    return next(block for block in PROGRAMS.values() if text in block)


def test_the_example_of_moments_prints_equal_numbers(tmp_path, warm_cache):
    *_, residual, cka, shape = program(the_program("Moments.of"), tmp_path, warm_cache).stdout.splitlines()
    left, right = map(float, residual.split())
    assert left == pytest.approx(right, abs=1e-12)
    assert 0 < float(cka) <= 1 and shape == "torch.Size([2, 10])"


def test_the_example_of_similarities_prints_a_matrix_of_layers(tmp_path, warm_cache):
    svcca, *matrix = program(the_program("similarities("), tmp_path, warm_cache).stdout.splitlines()
    assert 0 < float(svcca) <= 1
    assert matrix[0].split() == ["layer_b", "0", "1", "2", "3"] and len(matrix) == 6


def test_the_question_about_one_layer_is_answered_from_the_published_run(tmp_path, warm_cache):
    (tmp_path / "simbench-results").symlink_to(ROOT / "results" / "tiny10-digits")
    done = program(the_program("pd.read_csv"), tmp_path, warm_cache)
    assert {line.split()[1] for line in done.stdout.splitlines()[1:]} == {"cca", "cka", "pwcca", "r2_lr", "svcca"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The package of the section "Your own index", made by following it, installed into a folder."""
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


def registry_with(code: str, folder: Path) -> simbench.Registry:
    """What is installed, and the plugin defined by the code."""
    (folder / "written.py").write_text(code)
    spec = importlib.util.spec_from_file_location("written", folder / "written.py")
    sys.modules["written"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return simbench.load([module])


def test_there_is_an_example_of_each_plugin_that_takes_little_code():
    hooks = {re.search(r"def (simbench_\w+)", block).group(1) for block in PLUGINS.values()}
    assert hooks == {"simbench_indices", "simbench_stitchers", "simbench_models"} and len(PLUGINS) == 3


@pytest.mark.parametrize("spec", ["cross_trace", "ridge[strength=0.1]"])
def test_the_example_of_a_method_passes_its_checks(spec, tmp_path):
    from simbench.check import checks

    (code,) = [block for block in PLUGINS.values() if f'name = "{spec.split("[")[0]}"' in block]
    kind = "indices" if "simbench_indices" in code else "stitchers"
    outcomes = {check.name: check.run() for check in checks(registry_with(code, tmp_path).get(kind, spec))}
    assert all(outcome.status != "failed" for outcome in outcomes.values()), outcomes


def test_the_example_of_a_model_can_be_cut_at_every_layer(tmp_path):
    import torch

    (code,) = [block for block in PLUGINS.values() if "simbench_models" in block]
    model = registry_with(code, tmp_path).get("models", "small[width=4]")
    net, images = model.build(channels=1, classes=3).eval(), torch.randn(2, 1, 8, 8)
    assert net(images).shape == (2, 3)
    for layer in model.layers:
        front, end = simbench.cut(net, layer)
        assert torch.equal(end(front(images)), net(images))


def test_links_between_documents_lead_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
            assert "://" in target or (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize(
    ("document", "heading", "commands"),
    [
        ("README.md", "Tests", "pip install '.[test]'\npytest\n"),
        ("CONTRIBUTING.md", "Lint and types", "pip install '.[lint]'\nruff check .\nruff format --check .\nmypy\n"),
    ],
)
def test_ci_runs_the_commands_of_the_documents(document, heading, commands):
    done = subprocess.run([ROOT / ".ci" / "commands", ROOT / document, heading], capture_output=True, text=True)
    assert done.stdout == commands, done.stderr
    for caller in (ROOT / ".ci" / "run", ROOT / ".github" / "workflows" / "tests.yml"):
        assert re.search(rf"\.ci/commands {re.escape(document)} [\"']?{heading}", caller.read_text()), caller


def test_ci_refuses_a_document_without_the_heading():
    done = subprocess.run([ROOT / ".ci" / "commands", ROOT / "README.md", "Nowhere"], capture_output=True, text=True)
    assert done.returncode == 1 and "names no command below '## Nowhere'" in done.stderr


def test_the_table_shown_is_that_of_the_published_run():
    from simbench.results import folder as publish
    from simbench.results import text as report
    from simbench.results.board import board
    from simbench.runs.declared import board_columns

    folder = Path(__file__).parents[1] / "results" / "tiny10-digits"
    registry = simbench.load()
    declared = board_columns(registry)
    leaders = publish.read(folder, "leaderboard.csv", declared)
    comparisons, methods = (publish.read(folder, f"{name}.csv") for name in ("comparisons", "methods"))
    wanted = board(leaders, comparisons, methods, declared)
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
    target = tables["leaderboard.csv"]["target"].iloc[0]
    found = correlate(tables["measurements.csv"], tables["methods.csv"])
    layers = ~tables["correlations.csv"]["scope"].isin(["within", "within_end", "within_accuracy"])
    columns = ["stitcher", "index", "target", "scope", "statistic", "value", "low", "high", "coverage"]
    mine, published = found.table[layers.to_numpy()][columns], tables["correlations.csv"][layers][columns]
    drawn = mine["statistic"] != "soft_pairwise_accuracy"  # which needs the outcomes of single inputs
    pd.testing.assert_frame_equal(mine[drawn], published[drawn], check_dtype=False, rtol=1e-9)
    if target == "relative_accuracy":  # measured before outcomes of single inputs were kept: every layer counts
        ranked = leaderboard(found, tables["methods.csv"], target=target).table
        columns = ["stitcher", "index", "within", "within_low", "within_high", "pooled", "best_rank", "worst_rank"]
        pd.testing.assert_frame_equal(ranked[columns], tables["leaderboard.csv"][columns], check_dtype=False, rtol=1e-9)
