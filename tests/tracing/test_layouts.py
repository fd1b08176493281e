"""The layout of memory: nothing on the way back through a folded end mixes two of them, which is slow, not wrong."""

import pytest
import torch
from small_networks import installed
from torch import nn

from simbench import cut, fold


def gradients(output):
    """(operation, gradient) of all maps (n, c, h, w) that arrive at an operation when an output is differentiated."""
    found, waiting, seen = [], [output.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        node.register_prehook(lambda given, name=node.name(): found.extend((name, x) for x in given if x is not None))
        waiting += [before for before, _ in node.next_functions]
    output.sum().backward()
    return [(name, x) for name, x in found if x.ndim == 4 and min(x.shape) > 1]


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        ("tiny10", "bn3"),
        ("tiny10[padding=valid]", "bn6"),
        ("resnet20[width=0.25]", "layer2.0"),
        ("resnet20[width=0.25]", "layer1.2"),
    ],
)
def test_gradients_lie_in_memory_as_activations_do(model, layer):
    torch.manual_seed(0)
    net = installed().get("models", model).build(3, 10).eval().to(memory_format=torch.channels_last)
    front, end = cut(fold(net), layer)
    x = front(torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)).requires_grad_()
    found = gradients(end(x))
    assert {"ReluBackward0", "ConvolutionBackward0"} <= {name for name, _ in found}
    other = [
        (name, tuple(x.shape))
        for name, x in found
        if not x.is_contiguous(memory_format=torch.channels_last)
        and name != "SliceBackward0"
        and not name.startswith("Permute")
    ]
    assert not other


@pytest.mark.parametrize("size", [1, (1, 1)])
def test_a_mean_over_all_pixels_and_its_gradient_stay_the_same(size):
    torch.manual_seed(0)
    net = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(size), nn.Flatten())
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(5, 7, 6, 4).contiguous(memory_format=layout)
        y, z = (x.clone().requires_grad_() for _ in range(2))
        wanted, found = net(y), fold(net)(z)
        assert torch.allclose(found, wanted, rtol=1e-6)
        for out in (wanted, found):
            out.square().sum().backward()
        assert torch.allclose(y.grad, z.grad, rtol=1e-6)


def test_a_mean_over_parts_of_the_pixels_is_left_alone():
    net = nn.Sequential(nn.AdaptiveAvgPool2d(2))
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(fold(net)(x), net(x))
