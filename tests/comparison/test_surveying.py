"""A survey of a network: shapes, runs and layouts of all modules, and which of them are cuts."""

import pytest
import torch
from torch import nn

from simbench.comparison.surveying import Layer, survey
from simbench.errors import InputError


class Twice(nn.Module):
    """A block whose ReLU runs twice, with a module that does not run and one that gives a tuple."""

    def __init__(self):
        super().__init__()
        self.relu, self.spare, self.lstm = nn.ReLU(), nn.Linear(2, 2), nn.LSTM(6, 3, batch_first=True)

    def forward(self, x):
        x = self.relu(self.relu(x) - 1)
        return self.lstm(x)[0]


ROW = nn.Sequential()
ROW.add_module("conv", nn.Conv2d(3, 4, 3))
ROW.add_module("norm", nn.BatchNorm2d(4))
ROW.add_module("body", nn.Sequential(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
ROW.add_module("fc", nn.Linear(4, 2))
X = torch.randn(2, 3, 8, 8)


def test_every_stage_of_a_sequential_is_an_exact_cut_with_its_shape_and_axes():
    found = {layer.name: layer for layer in survey(ROW, X)}
    assert found["conv"] == Layer("conv", "Conv2d", 1, (4, 6, 6), "nchw", "exact", "")
    assert found["fc"].shape == (2,) and found["fc"].layout == "nc"
    assert list(found) == [name for name, _ in ROW.named_modules() if name]
    assert {layer.cut for layer in found.values()} == {"exact"}


def test_what_cannot_be_read_is_named_with_the_reason():
    net = nn.Sequential(nn.Linear(5, 6), Twice())
    found = {layer.name: (layer.cut, layer.reason) for layer in survey(net, torch.randn(2, 4, 5))}
    assert found["1.relu"] == ("none", "runs 2 times")
    assert found["1.spare"] == ("none", "does not run")
    assert found["1.lstm"] == ("none", "gives a tuple")
    assert found["1"] == ("exact", "")


def test_other_networks_can_be_read_where_they_cannot_be_cut():
    net = nn.ModuleDict({"a": nn.Linear(3, 3)})
    net.forward = lambda x: net["a"](x) + x
    (layer,) = survey(net, torch.randn(2, 3))
    assert (layer.cut, layer.reason) == ("hook", "ModuleDict is not a row of stages")


def test_the_network_is_as_it_was():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    survey(net.train(), torch.randn(4, 3))
    assert net.training and all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_inputs_that_it_does_not_take_are_one_line():
    with pytest.raises(InputError, match=r"cannot run on inputs \(2, 5\) of float32"):
        survey(nn.Sequential(nn.Linear(3, 3)), torch.randn(2, 5))
