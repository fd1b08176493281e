"""Cutting and folding Tiny-10 and ResNet-20, and the two halves of a pass of 128 images against the whole network."""

import pytest
import torch

import simbench
from simbench import cut, fold

REGISTRY = simbench.load()
PLACES = [("tiny10", "bn3"), ("tiny10", "bn6"), ("resnet20", "layer2.0")]


def network(model: str) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return REGISTRY.get("models", model).build(3, 10).eval()


def images() -> torch.Tensor:
    return torch.randn(128, 3, 32, 32).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("model", "layer"), PLACES)
def test_cut(benchmark, model, layer):
    net = network(model)
    assert len(benchmark(cut, net, layer)) == 2


@pytest.mark.parametrize("model", ["tiny10", "resnet20"])
def test_fold(benchmark, model):
    assert not benchmark(fold, network(model)).training


@pytest.mark.parametrize(("model", "layer"), PLACES)
@torch.no_grad()
def test_both_halves_folded(benchmark, model, layer):
    (front, end), x = cut(fold(network(model)), layer), images()
    assert benchmark(lambda: end(front(x))).shape == (128, 10)


@pytest.mark.parametrize("model", ["tiny10", "resnet20"])
@torch.no_grad()
def test_the_whole_network(benchmark, model):
    assert benchmark(network(model), images()).shape == (128, 10)
