"""An index from a plain function: what it is used as, what it refuses, and how it is registered."""

from __future__ import annotations

import pickle

import pytest
import torch

import simbench
from simbench.check import checks
from simbench.contracts import KnownAnswer

SQUARE = [[1, 1], [1, -1], [-1, 1], [-1, -1]]


@simbench.index(
    source="an example",
    symmetric=True,
    invariances=("orthogonal", "scaling", "translation"),
    differentiable=True,
    known_answers=[KnownAnswer(SQUARE, [[x, 3 * y] for x, y in SQUARE], 10 / 164**0.5, "CKA of a stretched square")],
)
def plain_cka(a, b, *, power: float = 1.0, k: int = simbench.number(2, least=1)):
    """Linear CKA, to a power."""
    a, b = a - a.mean(0), b - b.mean(0)
    return ((a.T @ b).square().sum() / ((a.T @ a).norm() * (b.T @ b).norm())) ** power


def test_it_is_an_index_with_the_name_and_text_of_the_function():
    assert isinstance(plain_cka, simbench.Index)
    assert (plain_cka.name, plain_cka.spec, plain_cka.needs) == ("plain_cka", "plain_cka", "samples")
    assert type(plain_cka).__doc__ == "Linear CKA, to a power."


def test_it_passes_the_conformance_kit():
    outcomes = {check.name: check.run() for check in checks(plain_cka)}
    assert not [f"{name}: {outcome.reason}" for name, outcome in outcomes.items() if outcome.status == "failed"]
    assert outcomes["known_answers"].status == "passed"


def test_keyword_only_arguments_are_its_parameters():
    registry = simbench.load([plain_cka])
    squared = registry.get("indices", "plain_cka[power=2]")
    a, b = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert squared.spec == "plain_cka[power=2.0]"
    assert simbench.similarity(squared, a, b) == pytest.approx(simbench.similarity("cka", a, b) ** 2, rel=1e-12)
    with pytest.raises(simbench.InputError, match="k is 0; a whole number from 1 is allowed"):
        registry.get("indices", "plain_cka[k=0]")


def test_the_function_can_still_be_called():
    a = torch.tensor(SQUARE, dtype=torch.float64)
    assert float(plain_cka(a, 2 * a)) == pytest.approx(1.0)


def test_it_travels_to_another_process():
    squared = simbench.load([plain_cka]).get("indices", "plain_cka[power=2]")
    assert pickle.loads(pickle.dumps(squared)) == squared != plain_cka
    assert pickle.loads(pickle.dumps(plain_cka)) == plain_cka


def test_a_number_is_an_answer():
    @simbench.index(source="an example", direction=-1, range=(0.0, float("inf")))
    def gap(a, b):
        return float(abs(a.mean() - b.mean()))

    assert simbench.similarity(gap, [[0.0], [1], [2], [3]], [[2.0], [3], [4], [5]]) == 2.0


def test_sides_may_differ_in_their_invariances():
    @simbench.index(source="an example", invariances=("scaling",), invariances_b=("linear",))
    def lopsided(a, b):
        return 0.5

    assert lopsided.claims.invariances_a == {"scaling"}
    assert "orthogonal" in lopsided.claims.invariances_b


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: 1.0, "does not begin with two positional arguments"),
        (lambda a, b, k: 1.0, "parameter 'k' of <lambda> is no keyword-only argument"),
        (lambda a, b, *, k: 1.0, "parameter 'k' of <lambda> is no keyword-only argument"),
        (lambda a, b, *, k=(): 1.0, "parameter 'k' of <lambda> is no keyword-only argument"),
    ],
)
def test_a_signature_of_another_form_is_refused_in_one_line(function, message):
    with pytest.raises(simbench.InputError, match=message) as caught:
        simbench.index(source="an example")(function)
    assert "\n" not in str(caught.value)


def test_an_unknown_invariance_is_refused():
    with pytest.raises(simbench.InputError, match="invariance 'rotation' is unknown"):
        simbench.index(source="an example", invariances=("rotation",))
