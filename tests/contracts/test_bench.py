"""The bench keeps to its protocol, and experiments to what it offers."""

import ast
import inspect
from pathlib import Path

import pytest
import simbench_plugins.experiments

from simbench import Bench
from simbench.measuring.bench import Workbench
from simbench.measuring.window import OFFERED

METHODS = [name for name in OFFERED if callable(getattr(Bench, name, None))]
FILES = sorted(Path(simbench_plugins.experiments.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("name", METHODS)
def test_the_workbench_has_every_method_of_the_protocol_with_the_same_parameters(name):
    wanted, own = (inspect.signature(getattr(cls, name)).parameters for cls in (Bench, Workbench))
    assert list(wanted) == list(own)
    assert [each.default for each in wanted.values()] == [each.default for each in own.values()]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_experiments_ask_for_what_the_protocol_offers_alone(file):
    asked = {
        node.attr
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("bench", "context")
    }
    assert asked <= set(OFFERED)
