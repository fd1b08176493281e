"""Several stitches at once: an epoch of 256 images from each of k starts, and evaluating k maps on 512 images."""

import pytest
import torch
from subjects import REGISTRY, Noise, Pair

from simbench import Affine

MAPS = [1, 10, 100]
LAYER = "bn6"


def subject() -> Pair:
    return Pair("tiny10", Noise(256, 512), (LAYER,))


def maps(k: int, p: int) -> Affine:
    generator = torch.Generator().manual_seed(0)
    return Affine(torch.randn(k, p, p, generator=generator) / p**0.5, torch.zeros(k, p))


@pytest.mark.parametrize("batch", [16, 128])
@pytest.mark.parametrize("k", MAPS)
def test_starts_trained_together(benchmark, k, batch):
    pair = subject()
    stitcher = REGISTRY.get("stitchers", f"task_loss[batch={batch}]")
    task = pair.context().task(pair.case(stitcher, LAYER))
    starts = maps(k, task.moments.a.width)
    result = benchmark.pedantic(stitcher.from_task, (task,), {"starts": starts}, rounds=3, warmup_rounds=1)
    assert result.weight.shape == starts.weight.shape


@pytest.mark.parametrize("k", MAPS)
def test_maps_evaluated_together(benchmark, k):
    pair = subject()
    context, case = pair.context(), pair.case(REGISTRY.get("stitchers", "identity"), LAYER)
    affine = maps(k, context.activations.shape(case.a, LAYER)[0])
    result = benchmark.pedantic(context.logits, (affine, case), rounds=3, warmup_rounds=1)
    assert result.shape == (k, 512, 10)
