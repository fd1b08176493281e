"""What the bench finds by chance is what simbench.null finds on the activations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_cases import SAME, Rows, activations, get
from small_networks import case

import simbench
from simbench.measuring import permuted
from simbench.measuring.bench import Workbench
from simbench.networks import sampling


@pytest.mark.parametrize(
    ("spec", "view"),
    [
        ("cka", "spatial"),
        ("r2_lr", "spatial"),
        ("pwcca", "pooled"),
        ("svcca", "pooled"),
        ("cka", "flat"),
        ("cka[estimator=debiased]", "pooled"),
        ("cka[kernel=rbf]", "flat"),
    ],
)
def test_values_by_chance_are_those_of_the_activations(small, context, spec, view):
    """net against net[width=4] at conv2, 3 x 3, of 60 images."""
    one = case(small, get(spec), b=2, layer="conv2", view=view)
    found = context.null(one.method, one, 8, 5)
    left, right = activations(small, 0, "conv2"), activations(small, 2, "conv2")
    wanted = simbench.null(spec, left, right, view, 8, 5)
    assert found.value == context.similarity(one.method, one).value
    assert found.draws == pytest.approx(wanted.draws, abs=SAME) and found.p_value == wanted.p_value


def test_the_moments_of_a_pair_are_permuted_once_for_all_indices(small, context, monkeypatch):
    drawn = []
    plain = permuted.moments
    monkeypatch.setattr(permuted, "moments", lambda *given: drawn.append(1) or plain(*given))
    for spec in ("cka", "r2_lr", "cca"):
        one = case(small, get(spec))
        context.null(one.method, one, 5)
    assert len(drawn) == 1
    other = case(small, get("cka"), 1, 0)
    assert context.null(other.method, other, 5) == Workbench(small).null(other.method, other, 5)
    assert len(drawn) == 3


def test_moments_too_large_to_hold_are_the_same(small, context, monkeypatch):
    one = case(small, get("r2_lr"))
    held = context.null(one.method, one, 9)
    monkeypatch.setattr(permuted, "HELD", 1)
    monkeypatch.setattr(permuted, "_ROWS", 100)
    fresh = Workbench(small)
    assert fresh.null(one.method, one, 9).draws == pytest.approx(held.draws, abs=1e-12)
    assert not fresh._permuted


def test_rows_that_are_drawn_belong_to_permuted_images(small, context):
    class Gap(Rows):
        def from_samples(self, a, b):
            return (a - b).abs().sum()

    one = case(small, Gap(50), b=0)
    x = activations(small, 0, "bn1")
    found = context.null(one.method, one, 3)
    rows = x.permute(0, 2, 3, 1).flatten(0, 2).double()
    chosen = sampling.draw(len(rows), 50, 0)
    for draw, order in zip(found.draws, permuted.orders(60, 3, 0), strict=True):
        moved = x[order].permute(0, 2, 3, 1).flatten(0, 2).double()
        assert draw == pytest.approx(float((rows - moved)[chosen].abs().sum()), rel=SAME)
    assert found.value == 0


def test_an_index_without_a_value_has_none_by_chance(small, context):
    one = case(small, get("pwcca"), layer="conv2", view="flat")
    with pytest.raises(simbench.Inapplicable, match="needs the moments of 72 neurons"):
        context.null(one.method, one)

    class Never(Rows):
        def from_samples(self, a, b):
            raise simbench.Undefined("nothing is known")

    with pytest.raises(simbench.Undefined, match="nothing is known"):
        context.null(Never(), case(small, Never()))


def test_an_answer_that_is_no_number_is_an_error(small, context):
    class Sometimes(Rows):
        def from_samples(self, a, b):
            return torch.tensor(1.0 if torch.equal(a, b) else float("nan"))

    with pytest.raises(ArithmeticError, match="returned nan"):
        context.null(Sometimes(), case(small, Sometimes(), b=0), 2)


def test_fewer_inputs_than_four_are_refused(small):
    few = replace(small, setting=replace(small.setting, limit=3))
    one = case(few, get("cka"))
    with pytest.raises(simbench.InputError, match="there are 3 inputs to permute"):
        Workbench(few).null(one.method, one)
