"""What the built-in experiments declare, and that they are made without a registry."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
from small_networks import installed

from simbench import BoardColumn, Experiment

NAMES = sorted(installed().entries["experiments"])


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_made_in_python_is_the_registered_one(name):
    registered = installed().get("experiments", name)
    module = importlib.import_module(type(registered).__module__)
    (kind,) = [
        each
        for each in vars(module).values()
        if inspect.isclass(each) and issubclass(each, Experiment) and each.__module__ == module.__name__
    ]
    made = kind()
    assert made == registered and made.spec == name and made.identity == registered.identity


def test_a_nested_default_imports_no_torch():
    code = (
        "import sys; from simbench_plugins.experiments.cka_penalty import CKAPenalty; "
        "assert CKAPenalty().index.spec == 'cka' and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_experiments_of_a_run_without_a_choice_are_declared():
    assert [name for name in NAMES if installed().get("experiments", name).default] == ["cka_penalty", "matching"]


def test_board_columns_are_declared_with_their_meaning():
    boards = {name: installed().get("experiments", name).board for name in NAMES}
    declared = {
        "calibration": {"calibrated_similarity": "calibrated"},
        "cka_penalty": {"pushed_to": "pushed"},
        "sanity": dict.fromkeys(
            ["layer_identification", "component_sensitivity", "noise_sensitivity", "specificity"], None
        ),
    }
    assert {name: list(board) for name, board in boards.items() if board} == {
        name: list(columns) for name, columns in declared.items()
    }
    for name, columns in declared.items():
        for quantity, prefix in columns.items():
            column = boards[name][quantity]
            assert isinstance(column, BoardColumn) and "{where}" in column.legend
            assert prefix is None or column.prefix == prefix


@pytest.mark.parametrize("name", NAMES)
def test_every_experiment_has_a_default_and_a_paper_preset_that_name_models_and_data(name):
    presets = installed().get("experiments", name).presets
    assert {"default", "paper"} <= set(presets)
    for preset in presets.values():
        assert preset.models and preset.datasets
