"""The task of the kit: a planted map reaches the minimum, with and without augmentation."""

from __future__ import annotations

import pytest
import torch

from simbench import Affine
from simbench.check.stitcher.families import planted
from simbench.check.stitcher.task import EQUAL, NARROW_WIDE, WIDE_NARROW, network, planted_task
from simbench.contracts.objective import Objective
from simbench.measuring.stitched import forward


@pytest.mark.parametrize(("p", "q"), [EQUAL, NARROW_WIDE, WIDE_NARROW])
def test_planted_map_reaches_the_minimum_and_least_squares_does_not(p, q):
    """At the minimum the cross-entropy is the entropy of the soft labels, and its gradient is zero."""
    truth = planted("affine", p, q, 0, True, torch.Generator().manual_seed(1))
    task = planted_task(p, q, truth)
    weight = truth.weight.float().requires_grad_()

    def loss(weight, bias):
        return Objective().cross_entropy(forward(Affine(weight, bias), task.end, task.activations), task.soft)

    least = -(task.soft * task.soft.log()).sum(-1).mean().item()
    reached = loss(weight, truth.bias.float())
    assert reached.item() == pytest.approx(least, abs=1e-6)
    assert torch.autograd.grad(reached, weight)[0].abs().max() < 1e-5
    m = task.moments
    solution = torch.linalg.solve(m.aa, m.ab)
    with torch.no_grad():
        assert loss(solution.float(), (m.mean_b - m.mean_a @ solution).float()).item() > least + 0.01
    assert m.residual(truth) > 0.01


@pytest.mark.parametrize(("p", "q"), [EQUAL, NARROW_WIDE, WIDE_NARROW])
def test_planted_map_gives_the_outputs_of_model_2_on_augmented_images_too(p, q):
    truth = planted("affine", p, q, 0, True, torch.Generator().manual_seed(1))
    task = planted_task(p, q, truth)
    (batch,) = task.batches(len(task.labels), 1, {"logits_a", "own"}, augment=True)
    with torch.no_grad():
        torch.testing.assert_close(forward(truth.to(torch.float32), task.end, batch.x), batch.logits_b)
        torch.testing.assert_close(task.end(batch.own), batch.logits_b)
    (plain,) = task.batches(len(task.labels), 1)
    assert torch.equal(plain.labels, batch.labels)  # the same images in the same order
    mirrored = (plain.x != batch.x).flatten(1).any(1).double().mean()
    assert 0.4 < mirrored < 0.6


def test_the_check_network_does_not_move_the_global_generator():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    network(6)
    assert torch.equal(state, torch.get_rng_state())
