"""ReLUs of a fold: which of them write over what they read, and what is never written over."""

from collections import OrderedDict

import pytest
import torch
from small_blocks import Residual, agree, images, settled
from torch import nn

from simbench import cut, fold


class Rectified(nn.Module):
    """A convolution whose output one ReLU reads, and whatever else `also` reads of it."""

    def __init__(self, also=lambda y, x: 0, relu=None, first=None):
        super().__init__()
        self.conv1, self.relu, self.also = first or nn.Conv2d(4, 4, 1), relu or nn.ReLU(), also

    def forward(self, x):
        y = self.conv1(x)
        return self.relu(y) + self.also(y, x)


class ReluTwice(Rectified):
    """The second time of what is not its own."""

    def forward(self, x):
        return self.relu(self.conv1(x)) + self.relu(x)


def addresses(net, x):
    """Of what every ReLU reads and gives."""
    found, hooks = [], []
    for module in net.modules():
        if "relu" in type(module).__name__.lower() or type(module).__name__ == "Overwriting":
            hooks.append(
                module.register_forward_hook(
                    lambda module, given, output: found.append((given[0].data_ptr(), output.data_ptr()))
                )
            )
    result = net(x)
    for hook in hooks:
        hook.remove()
    return found, result


@pytest.mark.parametrize(
    "net, over",
    [
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.ReLU()), [True]),
        (nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.ReLU()), [True, False]),
        (nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)), [False, True]),
        (nn.Sequential(nn.Sequential(nn.Conv2d(4, 4, 1)), nn.ReLU()), [False]),
        (nn.Sequential(nn.Identity(), nn.ReLU(), nn.Dropout(), nn.ReLU()), [False, False]),
        (nn.Sequential(Residual()), [True]),
        (nn.Sequential(Rectified()), [True]),
        (nn.Sequential(Rectified(lambda y, x: y)), [False]),
        (nn.Sequential(Rectified(lambda y, x: y.mean())), [False]),
        (nn.Sequential(Rectified(first=nn.Identity())), [False]),
        (nn.Sequential(Rectified(first=nn.Sequential(nn.Conv2d(4, 4, 1)))), [True]),
    ],
)
@torch.no_grad()
def test_a_relu_writes_over_what_it_alone_reads_and_over_nothing_else(net, over):
    net, x = settled(net), images()
    expected, before = net(x.clone()), x.clone()
    found, result = addresses(fold(net), x)
    assert [left == right for left, right in found] == over
    assert agree(result, expected) and torch.equal(x, before)


@torch.no_grad()
def test_one_relu_of_two_blocks_or_of_two_calls_writes_over_what_is_new_each_time():
    shared = nn.ReLU()
    for net, over in (
        (nn.Sequential(Rectified(relu=shared), Rectified(relu=shared)), False),
        (nn.Sequential(ReluTwice()), False),
    ):
        x = images()
        found, result = addresses(fold(settled(net)), x)
        assert all((left == right) is over for left, right in found) and agree(result, net(x))


@torch.no_grad()
def test_a_hook_on_a_relu_or_before_it_is_shown_what_it_was_shown_before():
    for net, name in (
        (nn.Sequential(Rectified()), "0.conv1"),
        (nn.Sequential(Rectified()), "0.relu"),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), "0"),
        (nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), "1"),
    ):
        net, shown = settled(net), []
        net.get_submodule(name).register_forward_hook(lambda module, given, output: shown.append(output))
        folded = fold(net)
        folded(images())
        kept = shown[-1].clone()
        net(images())
        assert agree(shown[-2], kept) and agree(kept, shown[-1])


@pytest.mark.parametrize("layer", ["conv", "bn", "inner", "inner.conv", "inner.bn"])
@torch.no_grad()
def test_a_cut_of_a_fold_before_a_relu_leaves_what_it_is_given(layer):
    inner = nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 4, 1), bn=nn.BatchNorm2d(4), act=nn.ReLU()))
    net = settled(
        nn.Sequential(
            OrderedDict(conv=nn.Conv2d(4, 4, 1), bn=nn.Identity(), act=nn.ReLU(), inner=inner, last=nn.Conv2d(4, 2, 1))
        )
    )
    if layer == "inner.conv":  # folded away
        layer = "inner.act"
    front, end = cut(fold(net), layer)
    x = images()
    held = front(x)
    before = held.clone()
    assert agree(end(held), net(x)) and torch.equal(held, before)
    assert torch.equal(end(held), fold(net)(x))
