"""Stitches are fitted on train images and scored on test images, by numbers that torch alone gives."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from small_cases import SAME, activations, get, stitcher
from small_networks import case

import simbench
from simbench import Affine
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.networks import weights
from simbench.networks.inputs import draw


def test_on_the_rows_a_stitch_was_fitted_to_its_residual_is_one_minus_r2_lr(small, context):
    one = case(small, stitcher("least_squares"), b=2)
    m = context.moments(one, "train", "spatial")
    affine = context.fit(one.method, one)
    assert m.residual(affine).item() == pytest.approx(1 - get("r2_lr").from_moments(m).item(), abs=1e-9)
    best = 1 - get("r2_lr").from_moments(context.moments(one, "test", "spatial")).item()
    test = {row.quantity: row.value for row in context.stitched(affine, one)}["residual"]
    assert test > best + 1e-6  # a fit on other rows


def test_stitches_are_fitted_on_train_and_scored_on_test_images(small, context):
    """The same numbers from torch alone, p != q."""
    one = case(small, stitcher("least_squares"), b=2)
    fit_a, fit_b = (activations(small, at, "bn1", "train").double().permute(0, 2, 3, 1).flatten(0, 2) for at in (0, 2))
    ones = fit_a.new_ones(len(fit_a), 1)
    solution = torch.linalg.lstsq(torch.cat([fit_a, ones], 1), fit_b).solution
    affine = context.fit(one.method, one)
    assert affine.weight.shape == (6, 4) and affine.weight.dtype == torch.float64
    torch.testing.assert_close(affine.weight, solution[:-1], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(affine.bias, solution[-1], atol=1e-6, rtol=1e-5)
    net, dataset = weights.load(small.networks[2], small.setting.dataset), small.setting.dataset
    _, labels = draw(dataset.split("test"), 10_000, 0)
    a, b = activations(small, 0, "bn1"), activations(small, 2, "bn1")
    with torch.no_grad():
        logits, own = cut(net, "bn1")[1](affine.to(a)(a)), cut(net, "bn1")[1](b)
    values = {row.quantity: row.value for row in context.stitched(affine, one)}
    right, reference = (x.argmax(1).eq(labels).double().mean().item() for x in (logits, own))
    moved = a.double().permute(0, 2, 3, 1).flatten(0, 2) @ solution[:-1] + solution[-1]
    target = b.double().permute(0, 2, 3, 1).flatten(0, 2)
    assert values == {
        "accuracy": pytest.approx(right),
        "relative_accuracy": pytest.approx(right / reference),
        "cross_entropy": pytest.approx(-(own.softmax(1) * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-4),
        "kl_divergence": pytest.approx(
            (own.softmax(1) * (own.log_softmax(1) - logits.log_softmax(1))).sum(1).mean().item(), rel=1e-4
        ),
        "agreement": pytest.approx(logits.argmax(1).eq(own.argmax(1)).double().mean().item()),
        "residual": pytest.approx(((moved - target).square().sum() / (target - target.mean(0)).square().sum()).item()),
    }
    assert right < 1 and reference != right


def test_an_exact_identity_self_stitch_is_perfect(small, context):
    one = case(small, stitcher("identity"), b=0)
    values = {row.quantity: row.value for row in context.stitched(context.fit(one.method, one), one)}
    assert (values["relative_accuracy"], values["agreement"]) == (1, 1)
    assert values["residual"] == pytest.approx(0, abs=1e-12)
    assert values["accuracy"] == context.accuracy(small.networks[0])
    own = activations(small, 0, "fc")
    entropy = -(own.softmax(1) * own.log_softmax(1)).sum(1).mean().item()
    assert values["cross_entropy"] == pytest.approx(entropy, rel=1e-5)


def test_several_maps_in_one_affine_are_stitched_together(small, context):
    one = case(small, stitcher("least_squares"))
    affine = context.fit(one.method, one)
    both = Affine(torch.stack([affine.weight, 2 * affine.weight]), torch.stack([affine.bias, affine.bias]))
    logits = context.logits(both, one)
    assert logits.shape == (2, 60, 3)
    torch.testing.assert_close(logits[0], context.logits(affine, one))


@pytest.mark.parametrize(
    ("spec", "view"),
    [
        *product(["cka", "cka[kernel=rbf]"], ["spatial", "pooled", "flat"]),
        *product(["r2_lr[centred=false]"], ["spatial", "pooled"]),
    ],
)
def test_similarity_of_a_stitched_network_is_that_of_its_moved_activations(small, context, spec, view):
    """cka goes through the moments in views spatial and pooled, and from the rows elsewhere."""
    one = case(small, get(spec), b=2, layer="conv2", view=view)
    p, q = 8, 6
    affine = Affine(torch.randn(p, q, dtype=torch.float64), torch.randn(q, dtype=torch.float64))
    a, b = activations(small, 0, "conv2"), activations(small, 2, "conv2")
    value = simbench.similarity(spec, affine.to(a)(a), b, view)
    assert context.stitched_similarity(one.method, affine, one) == pytest.approx(value, abs=SAME)


def test_the_task_holds_train_images_the_end_s_soft_outputs_and_the_labels(small, context):
    one = case(small, stitcher("task_loss"), b=2)
    task = context.task(one)
    torch.testing.assert_close(task.activations, activations(small, 0, "bn1", "train"))
    torch.testing.assert_close(task.soft, activations(small, 2, "fc", "train").softmax(1))
    assert torch.equal(task.labels, draw(small.setting.dataset.split("train"), 10_000, 0)[1])
    b = activations(small, 2, "bn1", "train")
    torch.testing.assert_close(task.end(b).softmax(1), task.soft, atol=1e-5, rtol=1e-5)
    assert task.moments.ab.shape == (6, 4) and task.moments.n == 150 * 64
    torch.testing.assert_close(task.moments.mean_b, b.double().mean((0, 2, 3)), atol=1e-6, rtol=1e-6)


def test_the_seed_of_the_setting_is_that_of_the_task(small):
    other = replace(small, setting=replace(small.setting, seed=7))
    assert Workbench(other).task(case(other, stitcher("task_loss"))).seed == 7
