"""One epoch of task loss stitching through the end of a Tiny-10, and evaluating stitches; 512 images, batch 128."""

import pytest
import torch

import simbench
from simbench import Affine, Moments, cut, fold
from simbench.contracts.task import Task
from simbench.measuring.stitched import stitched_logits
from simbench.moments.views import rows

REGISTRY = simbench.load()


def halves(layer: str):
    """Activations (512, c, h, w), channels last, and the folded end."""
    torch.manual_seed(0)
    net = REGISTRY.get("models", "tiny10").build(1, 10).eval()
    front, end = cut(net, layer)
    with torch.no_grad():
        x = front(torch.randn(512, 1, 32, 32)).contiguous(memory_format=torch.channels_last)
    return x, fold(end)


@pytest.mark.parametrize("layer", ["bn3", "bn6", "bn8"])
def test_task_loss_epoch(benchmark, layer):
    x, end = halves(layer)
    r = rows(x, "spatial")
    task = Task(x, end, end(x).softmax(1), torch.zeros(512, dtype=torch.int64), Moments.of(r, r))
    stitcher = REGISTRY.get("stitchers", "task_loss[init=identity]")
    assert benchmark(stitcher.from_task, task).weight.shape[0] == x.shape[1]


@pytest.mark.parametrize("layer", ["bn3", "bn6", "bn8"])
def test_evaluating_a_stitch(benchmark, layer):
    x, end = halves(layer)
    identity = Affine.identity(x.shape[1])

    @torch.no_grad()
    def evaluate():
        return stitched_logits(identity, end, x.split(128))

    assert benchmark(evaluate).shape == (512, 10)
