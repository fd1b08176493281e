"""The fold inside blocks with a `forward` of their own: what is folded, what must not be, and what is written to."""

from collections import OrderedDict

import pytest
import torch
from small_blocks import Block, Residual, agree, images, settled
from torch import nn

from simbench import cut, fold


class Branches(nn.Module):
    """Nested rows and a block in a block, joined."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(4, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU(inplace=True))
        self.right = nn.ModuleList([nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.Conv2d(4, 2, 1)), nn.BatchNorm2d(2)])
        self.block = Residual()

    def forward(self, x):
        return self.block(torch.cat([self.left(x), self.right[1](self.right[0](x))], 1))


class Chain(nn.Sequential):
    """Stages with a `forward` of its own."""

    def forward(self, x):
        return x + super().forward(x)


class Described(Block):
    """Takes a list of tensors or a tensor, as the layers of DenseNets do, and keeps what came in."""

    seen = ()

    def forward(self, x):
        self.seen = (*self.seen, x)
        parts = [x] if isinstance(x, torch.Tensor) else x
        return self.bn1(self.conv1(torch.cat(parts, 1)))


class TwoReaders(Block):
    def forward(self, x):
        y = self.conv1(x)
        return self.bn1(y) + y


class ConvolutionTwice(Block):
    def forward(self, x):
        return self.bn2(self.conv1(self.bn1(self.conv1(x))))


class NormTwice(Block):
    def forward(self, x):
        return self.bn1(self.conv2(self.bn1(self.conv1(x))))


class Between(Block):
    def forward(self, x):
        return self.bn1(self.conv1(x).relu()) + self.bn2(x)


class Undecided(Block):
    """Looks at values, so that no trace can be taken."""

    def forward(self, x):
        return self.bn1(self.conv1(x)) if x.sum() > -1e9 else self.bn2(self.conv1(x))


class TwoNames(Block):
    """One convolution under two names, each with its own batch norm."""

    def __init__(self):
        super().__init__()
        self.conv2 = self.conv1

    def forward(self, x):
        return self.bn2(self.conv2(x)) - self.bn1(self.conv1(x))


class WithoutStatistics(Block):
    def __init__(self):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x):
        return self.bn1(self.conv1(x))


class Constrained(Block):
    """A hook computes the weight of the convolution anew at every call."""

    def __init__(self):
        super().__init__()
        nn.utils.spectral_norm(self.conv1)

    def forward(self, x):
        return self.bn1(self.conv1(x))


def norms(net):
    return sorted(name for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d))


def row(block):
    torch.manual_seed(0)
    return settled(nn.Sequential(OrderedDict(first=nn.Conv2d(4, 4, 3), block=block(), last=nn.Conv2d(4, 3, 1))))


@pytest.mark.parametrize(
    "block",
    [
        Residual,
        Branches,
        lambda: Chain(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)),
        lambda: nn.Sequential(Residual(), nn.Sequential(Branches())),
    ],
)
@torch.no_grad()
def test_batch_norms_inside_blocks_are_folded(block):
    net = row(block)
    front, end = cut(net, "first")
    activations, count = front(images()), len(norms(end))
    before, state = activations.clone(), {key: value.clone() for key, value in end.state_dict().items()}
    expected, folded = end(activations), fold(end)
    assert count and not norms(folded)
    assert agree(folded(activations), expected) and torch.equal(expected, net(images()))
    assert torch.equal(activations, before), "the folded end wrote to the activations"
    assert all(torch.equal(value, state[key]) for key, value in end.state_dict().items()) and len(norms(end)) == count
    assert not any(p.requires_grad for p in folded.parameters()) and not folded.training


@pytest.mark.parametrize(
    "block, left",
    [
        (TwoReaders, ["bn1", "bn2"]),
        (ConvolutionTwice, ["bn1", "bn2"]),
        (NormTwice, ["bn1", "bn2"]),
        (Between, ["bn1", "bn2"]),
        (Undecided, ["bn1", "bn2"]),
        (TwoNames, ["bn1", "bn2"]),
        (WithoutStatistics, ["bn1", "bn2"]),
        (Constrained, ["bn1", "bn2"]),
        (Described, ["bn2"]),
    ],
)
@torch.no_grad()
def test_a_batch_norm_that_is_not_alone_with_its_convolution_stays(block, left):
    net = row(block)
    net(images())  # a hook of spectral_norm has run once
    front, end = cut(net, "first")
    activations, folded = front(images()), fold(end)
    assert norms(folded.block) == left
    assert agree(folded(activations), end(activations))


@torch.no_grad()
def test_a_convolution_shared_by_two_blocks_keeps_both_batch_norms():
    net = settled(nn.Sequential(Residual(), Residual(), Residual()))
    net[1].conv1 = net[0].conv1
    folded, x = fold(net), images()
    assert norms(folded) == ["0.bn1", "1.bn1"] and agree(folded(x), net(x))


@torch.no_grad()
def test_a_block_that_stands_in_two_places_computes_the_same_in_both():
    block = Residual()
    net, x = settled(nn.Sequential(block, nn.Conv2d(4, 4, 1), block)), images()
    assert agree(fold(net)(x), net(x))


@torch.no_grad()
def test_what_a_forward_keeps_is_no_trace():
    net, x = row(Described), images()
    folded = fold(net)
    folded(x)
    assert len(folded.block.seen) == 1 and isinstance(folded.block.seen[0], torch.Tensor) and net.block.seen == ()


@pytest.mark.parametrize(
    "net",
    [
        nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 3, 1)),
        nn.Sequential(Residual(), nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))),
    ],
)
@torch.no_grad()
def test_neither_a_fold_nor_a_front_writes_to_its_input(net):
    net, x = settled(net), images()
    before, expected = x.clone(), net(x.clone())
    front, _ = cut(net, "1")
    for part in (fold(net), front, front[1:]):
        found = part(x)
        assert torch.equal(x, before)
        assert len(part) < len(net) or agree(found, expected)


@torch.no_grad()
def test_a_front_continued_from_held_activations_leaves_them():
    net, x = (
        settled(nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 4, 1), bn=nn.BatchNorm2d(4), act=nn.ReLU(inplace=True)))),
        images(),
    )
    held = cut(net, "bn")[0](x)
    before = held.clone()
    assert torch.equal(cut(net, "act")[0][2:](held), net(x)) and torch.equal(held, before)
    assert net.act.inplace, "the net itself is left as it was"


def test_gradients_flow_through_a_folded_block_as_through_the_block():
    net = row(Residual)
    front, end = cut(net, "first")
    gradients = []
    for part in (end, fold(end)):
        activations = front(images()).detach().requires_grad_()
        part(activations).square().sum().backward()
        gradients.append(activations.grad)
    assert agree(gradients[1], gradients[0]) and float(gradients[0].norm()) > 0
