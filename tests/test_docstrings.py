"""Every example (>>>) in a docstring of simbench and its plugins gives what stands below it."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
#: Folder -> name of its package: see package-dir in pyproject.toml.
PACKAGES = {"simbench": "simbench", "plugins": "simbench_plugins"}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def modules() -> list[str]:
    """Names of the modules with an example in them: the others are not imported."""
    names = []
    for folder, package in PACKAGES.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            if "simbench-example" not in parts and ">>> " in file.read_text():
                names.append(".".join((package, *parts)).removesuffix(".__init__"))
    return names


def failures(module: ModuleType) -> list[str]:
    """What each example that fails was to give, and gave."""
    found: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        runner.run(test, out=found.append)
    assert runner.tries, f"{module.__name__} has no example that is run"
    return found


#: Modules whose examples measure for a second.
DEAR = {"simbench.boards.compare"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.long] * (name in DEAR)) for name in modules()])
def test_examples_hold(name):
    assert not (found := failures(importlib.import_module(name))), "".join(found)


@pytest.mark.parametrize(
    ("example", "said"), [(">>> 1 + 1\n3", "Expected:\n    3\nGot:\n    2"), (">>> 1 / 0\n0", "ZeroDivisionError")]
)
def test_an_example_that_is_wrong_fails(example, said):
    (found,) = failures(ModuleType("wrong", example))
    assert said in found


def test_spaces_and_dots_stand_for_what_varies():
    assert failures(ModuleType("right", ">>> print(1.25, 'a   b')\n1.2... a b")) == []
