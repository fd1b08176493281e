"""The fold of networks that are no row of stages, and of the ends that are cut from them as graphs."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn

from simbench import InputError, fold
from simbench.cutting.cutter import Cutter

IMAGES = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(5))
NORM = torch.ops.aten._native_batch_norm_legit_no_training.default


class Block(nn.Module):
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, 1, 1, bias=bias), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, groups=2), nn.BatchNorm2d(width, affine=False, eps=0.1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + x)


class Net(nn.Module):
    """The two convolutions `shared` and `again` are one; the output of `open` is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
        self.block1, self.block2 = Block(4, False), Block(4, True)
        self.open, self.apart, self.head = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.block2(self.block1(self.norm(self.stem(x))))
        x = self.open(x)
        return self.head((self.apart(x) * x).mean((2, 3)))


@pytest.fixture
def net():
    torch.manual_seed(0)
    made = Net()
    for part in made.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.normal_(part.weight)
                nn.init.normal_(part.bias)
    return made.eval()


def norms(module: nn.Module) -> int:
    """Batch norms that run."""
    graphs = [part for part in module.modules() if isinstance(part, fx.GraphModule)]
    modules = sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())
    return modules + sum(node.target is NORM for graph in graphs for node in graph.graph.nodes)


@pytest.mark.parametrize(
    ("layer", "left", "engine"),
    [
        ("norm", 1, "fx"),
        ("block1", 1, "fx"),
        ("stem", 2, "fx"),
        ("stem", 2, "export"),
        pytest.param("norm", 1, "export", marks=pytest.mark.long),
        pytest.param("block1", 1, "export", marks=pytest.mark.long),
    ],
)
def test_ends_of_graphs_are_folded_but_for_norms_of_other_readers(net, engine, layer, left):
    """What is left: `apart`, whose convolution has another reader, and the one whose convolution is in the front."""
    front, end = _halves(net, layer, engine)
    x = front(IMAGES)
    kept, expected = x.clone(), end(x)
    folded = fold(end)
    torch.testing.assert_close(folded(x), expected, rtol=1e-4, atol=1e-5)
    assert norms(folded) == left < norms(end)
    assert torch.equal(x, kept) and torch.equal(end(x), expected)
    assert not any(weight.requires_grad for weight in folded.parameters())


def _halves(net, layer, engine):
    found = Cutter(net, IMAGES).cut(layer, engine)
    return found.front, found.end


def test_a_whole_network_is_folded_that_is_no_row_of_stages(net):
    folded = fold(net)
    torch.testing.assert_close(folded(IMAGES), net(IMAGES), rtol=1e-4, atol=1e-5)
    assert norms(folded) == 1 and norms(net) == 6


def test_a_hooked_end_is_folded_where_it_can_be_traced(net):
    _, end = _halves(net, "block1", "hook")
    folded = fold(end)
    x = torch.randn(4, 4, 10, 10)
    torch.testing.assert_close(folded(x, IMAGES), end(x, IMAGES), rtol=1e-4, atol=1e-5)


def test_what_is_no_network_is_refused():
    with pytest.raises(InputError, match="list cannot be folded; give a torch.nn.Module"):
        fold([nn.ReLU()])
