"""Layers of a front that are resized to more pixels: computed before they are, equal to what they would be after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_cases import SAME, activations, get, stitcher
from small_networks import case
from torch.nn import functional

import simbench
from simbench.measuring.bench import Workbench
from simbench.moments import views
from simbench.networks import weights


def test_a_layer_that_is_enlarged_is_measured_before_it_is(small):
    """Indices, stitches, their halves and their scores are those of the enlarged maps, which are never held."""
    context = Workbench(small)

    def of(method):
        return replace(case(small, method, layer="conv2", layer_b="bn1"), resize="bilinear")

    maps = {}
    for split in ("train", "test"):
        a, b = (activations(small, at, layer, split) for at, layer in ((0, "conv2"), (1, "bn1")))
        maps[split] = functional.interpolate(a.double(), (8, 8), mode="bilinear", antialias=True), b.double()
    for name in ("cka", "svcca", "r2_lr"):
        value = context.similarity(get(name), of(get(name))).value
        assert value == pytest.approx(simbench.similarity(name, *maps["test"]), abs=SAME), name
    least = stitcher("least_squares")
    x, y = (each.movedim(1, -1).flatten(0, 2).numpy() for each in maps["train"])
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    affine = context.fit(least, of(least))
    assert np.allclose(affine.weight, solution[:-1], atol=1e-4) and np.allclose(affine.bias, solution[-1], atol=1e-4)
    halves = [context.fit(least, of(least), half=half) for half in (0, 1)]
    assert torch.allclose(sum(each.weight for each in halves) / 2, affine.weight, atol=0.1)
    assert not torch.allclose(halves[0].weight, halves[1].weight, atol=1e-4)
    end = simbench.cut(weights.load(small.networks[1], small.setting.dataset), "bn1")[1]
    several = simbench.Affine(torch.stack([affine.weight, 2 * affine.weight]), torch.stack([affine.bias] * 2))
    with torch.no_grad():
        moved = maps["test"][0].float()
        assert torch.allclose(context.logits(affine, of(least)), end(affine.float()(moved)), atol=1e-4)
        both = context.logits(several, of(least))
        assert all(torch.allclose(both[i], end(several[i].float()(moved)), atol=1e-4) for i in (0, 1))
    assert context.residual(affine, of(least)).value == pytest.approx(
        float(simbench.Moments.of(*(views.rows(each, "spatial") for each in maps["test"])).residual(affine)), abs=SAME
    )
    assert {layer for _, layer, _ in context.activations.held} <= {"conv2", "bn1"}
