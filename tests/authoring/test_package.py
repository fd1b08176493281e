"""Packages to start from: what `simbench new` writes works as it stands, and what it refuses."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import simbench
from simbench.authoring.package import KINDS, Package
from simbench.errors import InputError

needs_pip = pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip, which installs it, is missing here")

#: Run where packages are installed, with their folder as argument; prints what is registered, and how their tests end.
PROBE = """
import json, sys
import pytest
import simbench
outcomes = {}
class Reports:
    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            name, _, test = report.nodeid.rpartition("/")[2].partition("::")
            outcomes.setdefault(name, {})[test] = report.outcome
code = pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]], plugins=[Reports()])
registry = simbench.load()
registered = {kind: [name for name, entry in entries.items() if entry.package.startswith("my-")]
              for kind, entries in registry.entries.items()}
print(json.dumps({"exit": code, "registered": registered, "broken": [str(b) for b in registry.broken],
                  "outcomes": outcomes}))
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory, warm_cache) -> dict:
    """All packages, installed by pip into a folder: what is registered, and the outcomes of their own tests."""
    place = tmp_path_factory.mktemp("new")
    folders = [str(Package(kind, f"my_{kind}").write(place / "packages")) for kind in KINDS]
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    site = place / "site"
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(site), *folders], check=True)
    environment = os.environ | {"PYTHONPATH": str(site), "SIMBENCH_CACHE": str(warm_cache)}
    words = [sys.executable, "-c", PROBE, str(place / "packages")]
    done = subprocess.run(words, env=environment, cwd=place, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.long
@needs_pip
@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_registered_by_its_entry_point(kind, probe):
    assert probe["registered"][KINDS[kind].kind] == [f"my_{kind}"] and not probe["broken"]


@pytest.mark.long
@needs_pip
@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_package_pass(kind, probe):
    assert probe["exit"] == 0
    outcomes = probe["outcomes"][f"test_my_{kind}.py"]
    assert set(outcomes.values()) <= {"passed", "skipped"}
    own = [name for name in outcomes if "test_conforms" not in name]
    assert own and all(outcomes[name] == "passed" for name in own)
    assert kind == "experiment" or len(outcomes) > 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_of_a_package_has_one_plugin(kind, tmp_path, monkeypatch):
    """What its entry point loads, without an installation."""
    name = f"mine_{kind}"
    monkeypatch.syspath_prepend(Package(kind, name).write(tmp_path))
    module = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    registry = simbench.load([getattr(module, name) if kind == "index" else module])
    assert registry.get(KINDS[kind].kind, name).name == name and not registry.broken


def test_the_index_takes_fifteen_lines():
    text = Package("index", "my_index").contents["my_index.py"]
    lines = text[text.index("@simbench.index") :].strip().splitlines()
    assert len(lines) <= 15


@pytest.mark.parametrize("name", ["", "My_index", "my-index", "1st", "class", "x" * 61, "../up"])
def test_a_name_that_is_no_module_is_refused(name):
    with pytest.raises(InputError, match=r"name is .*; small letters, digits and underscores are allowed"):
        Package("index", name)


def test_nothing_is_written_over(tmp_path):
    folder = Package("model", "my_model").write(tmp_path)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match="exists already; give another name, or another place with --to"):
        Package("index", "my_model").write(tmp_path)
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/my-index cannot be written: Not a directory; give another place"):
        Package("index", "my_index").write(tmp_path / "file")


def test_the_placeholders_are_all_filled():
    for kind in KINDS:
        for path, text in Package(kind, "my_plugin").contents.items():
            assert "$" not in text, (kind, path)
            if path.endswith(".py"):
                compile(text, path, "exec")
                assert Path(path).name in ("my_plugin.py", "test_my_plugin.py")
