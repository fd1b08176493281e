"""Every command and every block of code in the README files works as written."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from command_line import Done, apart, here
from documents import COMMANDS, DOCUMENTS, PLUGINS, PROGRAMS, README, ROOT, blocks

import simbench

#: What makes `simbench run` small: two networks, one layer, few images.
SMALL = {"SIMBENCH_RUN_SEEDS": "2", "SIMBENCH_RUN_LAYERS": "bn8", "SIMBENCH_RUN_MAX_SAMPLES": "120"}
FIRST = "simbench run --models tiny10"


@pytest.fixture(scope="module")
def first(tmp_path_factory, warm_cache) -> Done:
    """FIRST in a working folder, small, with cka_penalty at the last layer, in a process of its own."""
    folder = tmp_path_factory.mktemp("readme")
    return apart(folder, *shlex.split(FIRST)[1:], **SMALL, SIMBENCH_CACHE=str(warm_cache))


@pytest.fixture(scope="module")
def place(first) -> Path:
    """The working folder in which `simbench run` has been run once."""
    assert first.code == 0, first.err
    assert (first.folder / "simbench-results" / "leaderboard.csv").is_file()
    assert "relative accuracy" in first.out and "tables in simbench-results" in first.out
    return first.folder


@pytest.fixture
def typed(monkeypatch, warm_cache):
    """typed(line, folder, VARIABLE=value): a command line of the README in this process; options not typed there are
    made small by the environment."""

    def typed(line: str, folder: Path, **more: str) -> Done:
        words = shlex.split(line)[1:]
        for key, value in (SMALL | {"SIMBENCH_CACHE": str(warm_cache)} | more).items():
            if "--" + key.split("_RUN_")[-1].lower() not in words:
                monkeypatch.setenv(key, value)
        monkeypatch.chdir(folder)
        return here(*words)

    return typed


VERBS = [line for line in COMMANDS if line.startswith("simbench ") and "cross_trace" not in line]


def test_the_readme_shows_every_verb():
    from simbench.cli import VERBS as known

    assert {line.split()[1] for line in COMMANDS if line.startswith("simbench ")} == set(known)
    assert len(VERBS) == len(COMMANDS) - sum(
        "cross_trace" in line or line.startswith(("pip ", "pytest")) for line in COMMANDS
    )


@pytest.mark.long
@pytest.mark.parametrize("line", VERBS)
def test_command_works_as_typed(line, first, place, typed, monkeypatch):
    line_here, more = line.replace("bn5", "bn8"), {}  # the small run has one layer
    if "--seeds 0,1,2" in line:  # two networks are warm
        line_here = line_here.replace("--seeds 0,1,2", "--seeds 0,1").replace("'bn*'", "'bn8*'")
    if "--experiments all" in line or "trajectory" in line:  # each is run small in tests of its own
        line_here, more = f"{line} --dry-run", {"SIMBENCH_RUN_LAYERS": ""}
    if line.startswith("simbench publish"):  # tests of publications check methods
        monkeypatch.setattr("simbench.publishing.validity.checks", lambda plugin: [])
    done = first if line == FIRST else typed(line_here, place, **more)
    assert done.code == 0, done.err
    assert done.out if "--dry-run" not in line_here else "cases" in done.err


@pytest.fixture(scope="module")
def printed(tmp_path_factory, warm_cache) -> dict[str, tuple[int, str, str]]:
    """Name of a program -> its exit code and what it wrote to stdout and stderr, warnings being errors.

    Each has run in a folder with the published default run as `simbench-results`, in a fork of one process.
    """
    folders = {name: tmp_path_factory.mktemp("program") for name in PROGRAMS}
    for folder in folders.values():
        (folder / "simbench-results").symlink_to(ROOT / "results" / "tiny10-digits")
    done = subprocess.run(
        [sys.executable, "-W", "error", Path(__file__).parent / "support" / "small_programs.py"],
        input=json.dumps({name: [code, str(folders[name])] for name, code in PROGRAMS.items()}),
        capture_output=True,
        text=True,
        env=os.environ | {"SIMBENCH_CACHE": str(warm_cache)},
    )
    assert done.returncode == 0, done.stderr
    return {
        name: (code, (folders[name] / "out").read_text(), (folders[name] / "err").read_text())
        for name, code in json.loads(done.stdout).items()
    }


@pytest.mark.long
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_block_of_python_runs_without_warnings(name, printed):
    code, out, err = printed[name]
    assert code == 0, err
    assert out


def lines_of(printed: dict, text: str) -> list[str]:
    """What the first block of Python that contains a text printed."""
    return printed[next(name for name, block in PROGRAMS.items() if text in block)][1].splitlines()


@pytest.mark.long
def test_the_example_of_moments_prints_equal_numbers(printed):
    *_, residual, cka, shape = lines_of(printed, "Moments.of")
    left, right = map(float, residual.split())
    assert left == pytest.approx(right, abs=1e-12)
    assert 0 < float(cka) <= 1 and shape == "torch.Size([2, 10])"


@pytest.mark.long
def test_the_example_of_similarity_prints_two_numbers(printed):
    *_, svcca, chance = lines_of(printed, "simbench.null(")
    assert 0 < float(svcca) <= 1 and float(chance) == pytest.approx(1 / 51)


@pytest.mark.long
def test_the_example_of_two_networks_prints_matrices(printed):
    text = "\n".join(lines_of(printed, "simbench.compare("))
    assert "cka" in text and "least_squares" in text and "failed" not in text


@pytest.mark.long
def test_the_question_about_one_layer_is_answered_from_the_published_run(printed):
    lines = lines_of(printed, "pd.read_csv")
    assert {line.split()[1] for line in lines[1:]} >= {"cca", "cka", "pwcca", "r2_lr", "svcca"}


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


@pytest.fixture
def with_its_index(site, monkeypatch):
    """The package is installed."""
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("my_index", None)


@pytest.mark.long
def test_an_index_of_ones_own_passes_its_check(with_its_index, tmp_path, typed):
    done = typed("simbench check cross_trace", tmp_path)
    assert done.code == 0, done.out + done.err
    assert "0 failed" in done.out and "known_answers" not in done.out


@pytest.mark.long
def test_an_index_of_ones_own_is_run_beside_another(with_its_index, place, typed):
    done = typed("simbench run --indices cka,cross_trace", place)
    assert done.code == 0, done.err
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
    kinds = ("indices", "stitchers", "models", "executors")
    assert hooks == {f"simbench_{kind}" for kind in kinds} and len(PLUGINS) == 4


@pytest.mark.parametrize("spec", ["cross_trace", "ridge[strength=0.1]"])
def test_the_example_of_a_method_passes_its_checks(spec, tmp_path):
    from simbench.check import checks

    (code,) = [block for block in PLUGINS.values() if f'name = "{spec.split("[")[0]}"' in block]
    kind = "indices" if "simbench_indices" in code else "stitchers"
    outcomes = {check.name: check.run() for check in checks(registry_with(code, tmp_path).get(kind, spec))}
    assert all(outcome.status != "failed" for outcome in outcomes.values()), outcomes


@pytest.mark.long
def test_the_example_of_an_executor_passes_its_checks(tmp_path):
    from simbench.check import checks

    (code,) = [block for block in PLUGINS.values() if "simbench_executors" in block]
    executor = registry_with(code, tmp_path).get("executors", "loky")
    outcomes = {check.name: check.run() for check in checks(executor)}
    assert {outcome.status for outcome in outcomes.values()} == {"passed"}, outcomes


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
