"""Every failure is a row with its reason, and values are Python numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_cases import Rows, get
from small_networks import case

from simbench import Affine, Inapplicable, Result, Row, Stitcher, Undefined
from simbench.contracts import Experiment
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure


@dataclass(frozen=True)
class Probe(Experiment):
    """Does what it is told."""

    act: object = None

    name, source = "probe", "made by the tests"

    def run(self, case, context):
        return self.act(case, context)


def probing(selection: Selection, act) -> Case:
    return replace(case(selection, get("cka")), experiment=Probe(act))


def test_an_exception_becomes_a_failed_row_with_its_traceback(small, context):
    def act(case, context):
        raise KeyError("no\nsuch thing")

    found = measure(probing(small, act), context)
    assert found.rows == (Row("similarity", None, status="failed", note=r"KeyError: 'no\nsuch thing'"),)
    assert 'raise KeyError("no\\nsuch thing")' in found.error and found.samples == 60


def test_an_exception_without_a_message_says_so(small, context):
    def act(case, context):
        raise ValueError

    assert measure(probing(small, act), context).rows[0].note == "ValueError: no message"


def test_inapplicable_becomes_a_skipped_row_with_its_reason(small, context):
    def act(case, context):
        raise Inapplicable("too wide")

    found = measure(replace(probing(small, act), kind="stitcher", method=None), context)
    assert found.rows == (Row("accuracy", None, status="skipped", note="too wide"),) and found.error == ""


def test_undefined_becomes_a_degenerate_row_without_a_value(small, context):
    def act(case, context):
        raise Undefined("nothing over nothing")

    found = measure(probing(small, act), context)
    assert found.rows == (Row("similarity", None, status="degenerate", note="nothing over nothing"),)
    assert found.error == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), torch.tensor(float("nan"))])
def test_a_value_that_is_not_finite_becomes_a_failed_row(small, context, value):
    found = measure(probing(small, lambda case, context: [Row("accuracy", 1.0), Row("agreement", value)]), context)
    assert [row.status for row in found.rows] == ["failed"]
    assert found.rows[0].note.startswith("ArithmeticError: agreement is ")


def test_values_become_python_numbers(small, context):
    found = measure(probing(small, lambda case, context: [Row("x", torch.tensor(0.5)), Row("y", None)]), context)
    assert [(type(row.value), row.value) for row in found.rows] == [(float, 0.5), (type(None), None)]


@pytest.mark.parametrize(
    ("array", "holds"),
    [
        (np.zeros(2, complex), "complex128"),
        (np.zeros(2, "datetime64[s]"), r"datetime64\[s\]"),
        (np.zeros(2, [("a", float)]), r"\[\('a', '<f8'\)\]"),
        (np.array([{}, None]), "objects"),
    ],
)
def test_arrays_of_other_things_than_numbers_and_text_fail(small, context, array, holds):
    """A results folder that held them would be read without their records."""
    found = measure(probing(small, lambda case, context: Result([Row("x", 1.0)], {"kept": array})), context)
    assert [row.status for row in found.rows] == ["failed"] and not found.arrays
    assert re.search(f"array 'kept' holds {holds}; real numbers or text are wanted", found.rows[0].note)


def test_an_index_that_returns_nan_fails(small, context):
    class Undefined(Rows):
        def from_samples(self, a, b):
            return a.sum() * float("nan")

    found = measure(case(small, Undefined()), context)
    assert found.rows[0].note == "ArithmeticError: index rows returned nan"


def test_an_interruption_gets_through(small, context):
    def act(case, context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(probing(small, act), context)


def test_a_missing_weights_file_costs_its_own_rows(small):
    gone = replace(small.networks[1], file=Path("/nowhere/x.pt"))
    selection = replace(small, networks=(small.networks[0], gone, small.networks[2]))
    context = Workbench(selection)
    assert measure(case(selection, get("cka")), context).rows[0].status == "failed"
    assert measure(case(selection, get("cka"), b=2, layer="conv2", layer_b="relu2"), context).rows[0].status == "ok"


def test_a_data_set_that_cannot_be_read_is_a_failed_row(small):
    class Gone(type(small.setting.dataset)):
        def split(self, name):
            raise OSError("disk is gone")

    selection = replace(small, setting=replace(small.setting, dataset=Gone()))
    found = measure(case(selection, get("cka")), Workbench(selection))
    assert found.rows[0].note.endswith("data set blobs: OSError: disk is gone, when its train split was read")
    assert found.samples == 0


def test_a_stitch_with_nan_weights_fails(small, context):
    class Broken(Stitcher):
        name, source = "broken", "made by the tests"

        def from_moments(self, m):
            return Affine(m.ab * float("nan"))

    found = measure(case(small, Broken()), context)
    assert found.rows[0].note == "ArithmeticError: stitcher broken returned a map with NaN or infinite weights"
