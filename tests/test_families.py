"""An entry point that names a package stands for all modules of the package that implement a hook."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

import simbench
from simbench import hookspecs
from simbench.families import HOOKS, elsewhere, members

HOOK = "from simbench import hookimpl\n@hookimpl\ndef simbench_indices():\n    return []\n"


@pytest.fixture
def family(tmp_path, monkeypatch):
    def write(name: str, **modules: str) -> EntryPoint:
        (tmp_path / name).mkdir()
        for module, text in modules.items():
            (tmp_path / name / f"{module}.py").write_text(text)
        return EntryPoint("mine", name, "simbench")

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for name in [name for name in sys.modules if name.startswith("family_of_")]:
        del sys.modules[name]


def test_each_module_with_hooks_is_a_plugin_and_others_are_not_imported(family):
    point = family("family_of_two", __init__='"""Mine."""', one=HOOK, two=HOOK, helper="raise RuntimeError")
    assert [name for name, _ in members(point)] == ["one", "two"]
    assert [load().__name__ for _, load in members(point)] == ["family_of_two.one", "family_of_two.two"]
    assert "family_of_two.helper" not in sys.modules


def test_a_module_that_fails_leaves_the_others(family):
    point = family("family_of_broken", __init__="", bad="import no_such_library\n" + HOOK, good=HOOK, worse="def (")
    loads = dict(members(point))
    assert loads["good"]().__name__ == "family_of_broken.good"
    with pytest.raises(ModuleNotFoundError):
        loads["bad"]()
    with pytest.raises(SyntaxError):
        loads["worse"]()


@pytest.mark.parametrize("init", [HOOK, "from .one import simbench_indices", "from .one import *"])
def test_a_package_with_hooks_of_its_own_is_one_plugin(family, init):
    point = family(f"family_of_own{len(init)}", __init__=init, one=HOOK)
    assert [name for name, _ in members(point)] == ["mine"]


@pytest.mark.parametrize("init", ['"""Hooks such as simbench_indices."""', "from simbench_plugins.indices import cka"])
def test_a_package_that_only_mentions_hooks_has_none_of_its_own(family, init):
    point = family(f"family_of_mention{len(init)}", __init__=init, one=HOOK)
    assert [name for name, _ in members(point)] == ["one"]


def test_the_hooks_are_those_of_the_specification():
    assert set(HOOKS) == {name for name in vars(hookspecs) if name.startswith("simbench_")}


def test_what_is_missing_is_reported_when_it_is_loaded():
    ((name, load),) = members(EntryPoint("mine", "no_such_package.family", "simbench"))
    assert name == "mine"
    with pytest.raises(ModuleNotFoundError):
        load()


@pytest.mark.skipif("rtd" in simbench.load().entries["indices"], reason="simbench-topology is installed")
def test_a_plugin_of_another_package_is_unknown_with_its_package():
    with pytest.raises(simbench.InputError, match=r"'rtd' is unknown; .*: pip install simbench-topology"):
        simbench.load().get("indices", "rtd")
    assert elsewhere("rtf") == ""
