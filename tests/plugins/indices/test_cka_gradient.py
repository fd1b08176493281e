"""CKA of a training batch: value and gradient, within 1e-6 of their size, of the formula in float64."""

from __future__ import annotations

import pytest
import torch
from simbench_plugins.stitchers.penalty import penalty
from small_networks import installed

from simbench import Undefined, similarity

WITHIN = 1e-6
CKA = installed().get("indices", "cka")


def plain(a: torch.Tensor, b: torch.Tensor) -> tuple[float, torch.Tensor]:
    """||B^T A||^2 / (||A A^T|| ||B B^T||) of centred rows in float64, and its gradient with respect to a."""
    a = a.detach().double().requires_grad_()
    x, y = a - a.mean(0), b.double() - b.double().mean(0)
    gram_x, gram_y = x @ x.mT, y @ y.mT
    value = (gram_x * gram_y).sum() / (gram_x.square().sum() * gram_y.square().sum()).sqrt()
    value.backward()
    return float(value.detach()), a.grad


def given(seed: int, n: int = 40, p: int = 700) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of rectified features that share a few causes, and independent noise, (n, p) float32."""
    draw = torch.Generator().manual_seed(seed)
    causes, loadings = torch.randn(n, 6, generator=draw), torch.randn(6, p, generator=draw)
    return torch.relu(causes @ loadings + 0.5), torch.randn(n, p, generator=draw)


def within(a: torch.Tensor, b: torch.Tensor) -> None:
    leaf = a.clone().requires_grad_()
    value = CKA.of_training_batch(leaf, b)
    value.backward()
    expected, slope = plain(a, b)
    assert float(value.detach()) == pytest.approx(expected, rel=WITHIN)
    assert float((leaf.grad.double() - slope).norm()) <= WITHIN * float(slope.norm())


@pytest.mark.parametrize("step", [1.0, 1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("times", [1.0, -0.37])
def test_near_the_other_side(step, times):
    """Where the gradients of numerator and denominator cancel: a float32 Gram matrix of each side alone would leave
    1e-7 / step of the gradient."""
    own, noise = given(0)
    within(times * own + step * noise, own)


def test_independent_sides():
    own, noise = given(1)
    within(noise, own)


def test_sides_without_a_common_direction():
    own, noise = given(2)
    centred = [(x - x.mean(0)).double() for x in (own, noise)]
    share = (centred[0] * centred[1]).sum() / centred[0].square().sum()
    within((centred[1] - share * centred[0]).float(), own)


def test_features_of_all_scales_far_from_zero():
    own, noise = given(3)
    scales = 10 ** torch.linspace(-3, 3, own.shape[1])
    for a in (own + 1e-3 * noise, noise):
        within((a + 1000) * scales, (own - 1000) * scales.flip(0))


@pytest.mark.parametrize("exponent", [-60, -20, 20, 60])
def test_numbers_whose_fourth_powers_are_no_float32_numbers(exponent):
    own, noise = given(4)
    within((own + 0.1 * noise) * 2.0**exponent, own * 2.0**-exponent)


@pytest.mark.parametrize("p", [40, 255, 256, 257, 512])
def test_any_number_of_features(p):
    own, noise = given(5, p=p)
    within(own + 0.01 * noise, own)


def test_constant_sides_are_undefined():
    own, noise = given(6)
    for still in (torch.zeros_like(own), noise[:1].expand_as(own).clone()):
        with pytest.raises(Undefined, match="a has no rows that differ"):
            CKA.of_training_batch(still, own)
        with pytest.raises(Undefined, match="b has no rows that differ"):
            CKA.of_training_batch(own, still)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_penalty_of_several_maps_takes_it_in_any_memory_layout(layout, monkeypatch):
    """The penalty has the value and gradient of the formula for each map, and does not ask the index for float64."""
    own, noise = (x.reshape(40, 7, 10, 10) for x in given(7))
    moved = torch.stack([(own + step * noise).contiguous(memory_format=layout) for step in (0.01, 1.0)])
    monkeypatch.setattr(type(CKA), "from_samples", lambda *_: pytest.fail("in float64"))
    leaf = moved.clone().requires_grad_()
    values = penalty(CKA, "flat", leaf, own.contiguous(memory_format=layout))
    values.sum().backward()
    for one, value, slope in zip(moved, values, leaf.grad, strict=True):
        expected, by_hand = plain(one.flatten(1), own.flatten(1))
        assert float(value.detach()) == pytest.approx(expected, rel=WITHIN)
        assert float((slope.flatten(1).double() - by_hand).norm()) <= WITHIN * float(by_hand.norm())


def test_other_forms_of_cka_take_the_usual_road():
    """Rows far from zero, where centring decides."""
    a, b = (x + 3 for x in given(7))
    for spec in ("cka[centred=false]", "cka[estimator=debiased]"):
        index = installed().get("indices", spec)
        shaped = (x.reshape(len(x), -1, 1, 1) for x in (a, b))
        assert float(penalty(index, "flat", *shaped)) == pytest.approx(similarity(index, a, b), abs=1e-9)
