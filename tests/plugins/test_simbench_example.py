"""The example package: what a third party copies works as it stands, also when pip has installed it."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import here

import simbench
from simbench.check import checks

EXAMPLE = Path(__file__).parents[2] / "plugins" / "simbench-example"
NAME = "procrustes_similarity"

needs_pip = pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip, which installs it, is missing here")

#: Run where the package is installed, with its tests as argument; its last line of output is read by the tests below.
PROBE = f"""
import json, sys
import pytest
import simbench
class Reports(dict):
    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            self[report.nodeid.split("::", 1)[1]] = report.outcome
own = Reports()
code = pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]], plugins=[own])
registry = simbench.load()
entry = registry.entries["indices"][{NAME!r}]
square = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
print(json.dumps({{
    "package": entry.package, "version": entry.package_version, "broken": [str(b) for b in registry.broken],
    "same": simbench.similarity({NAME!r}, square, square),
    "stretched": simbench.similarity({NAME!r}, square, [[x, 3 * y] for x, y in square]),
    "file": sys.modules[type(entry.plugin).__module__].__file__,
    "exit": code, "own tests": own,
}}))
"""


def python(*words: str, **environment: str) -> str:
    """What a Python of its own prints to stdout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the package in it, built by pip from a copy, so that the tree stays as it is."""
    folder = tmp_path_factory.mktemp("example")
    source, target = folder / "source", folder / "site"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    python(
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--target",
        str(target),
        str(source),
    )
    return target


@pytest.fixture(scope="module")
def probe(site) -> dict:
    printed = python("-c", PROBE, str(site.parent / "source" / "tests"), PYTHONPATH=str(site))
    return json.loads(printed.splitlines()[-1])


@pytest.fixture
def beside(tmp_path, monkeypatch) -> simbench.Registry:
    """What is installed, with the package as its pyproject.toml describes it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    (module,) = set(project["entry-points"]["simbench"].values())
    shutil.copy(EXAMPLE / f"{module}.py", tmp_path)
    metadata = tmp_path / f"{module}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    points = [f"{name} = {value}" for name, value in project["entry-points"]["simbench"].items()]
    (metadata / "entry_points.txt").write_text("\n".join(["[simbench]", *points]))
    monkeypatch.syspath_prepend(tmp_path)
    yield simbench.load()
    del sys.modules[module]


def test_the_index_of_the_package_passes_every_check(beside):
    entry = beside.entries["indices"][NAME]
    assert (entry.package, entry.package_version, beside.broken) == ("simbench-example", "0.1.0", ())
    outcomes = {check.name: check.run() for check in checks(entry.plugin)}
    assert {name for name, outcome in outcomes.items() if outcome.status != "passed"} == {"routes"}
    assert outcomes["routes"].status == "skipped"


@needs_pip
@pytest.mark.long
def test_registry_lists_the_index_with_its_package_and_version(probe, site):
    assert (probe["package"], probe["version"]) == ("simbench-example", "0.1.0")
    assert probe["broken"] == []
    assert Path(probe["file"]) == site / "simbench_example.py"


@needs_pip
@pytest.mark.long
def test_similarity_by_name(probe):
    assert probe["same"] == pytest.approx(1, abs=1e-12)
    assert probe["stretched"] == pytest.approx(4 / 20**0.5, abs=1e-12)


@needs_pip
@pytest.mark.long
def test_own_tests_pass(probe):
    """Every check is one of them, and all but one apply."""
    assert probe["exit"] == pytest.ExitCode.OK
    conforms = {name: outcome for name, outcome in probe["own tests"].items() if name.startswith("test_conforms")}
    wanted = {check.name: "passed" for check in checks(simbench.load().get("indices", "r2_lr"))} | {"routes": "skipped"}
    assert conforms == {f"test_conforms[{NAME}-{name}]": outcome for name, outcome in wanted.items()}
    assert len(probe["own tests"]) > len(conforms)


@needs_pip
@pytest.mark.long
def test_run_with_all_indices_measures_it(site, warm, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(site)
    done = here(
        "run",
        "--indices",
        "all",
        "--experiments",
        "matching",
        "--stitchers",
        "identity",
        "--layers",
        "bn8",
        "--seeds",
        "2",
        "--max-samples",
        "120",
        "--results",
        str(tmp_path),
    )
    sys.modules.pop("simbench_example", None)
    assert done.code == 0, done.err
    with open(tmp_path / "measurements.csv", newline="") as file:
        assert NAME in {row["method"] for row in csv.DictReader(file)}
