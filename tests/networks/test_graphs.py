"""A network's graph changes with everything it computes by, and with nothing else."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from simbench.networks.graphs import graph


def of(*stages: nn.Module, names=None) -> str:
    names = names or [f"s{i}" for i in range(len(stages))]
    return graph(nn.Sequential(OrderedDict(zip(names, stages, strict=True))), frozenset({"test_graphs"}))


class Parent(nn.Module):
    """One method that calls another."""

    def forward(self, x):
        return self.step(x)

    def step(self, x):
        return x + 1


class Child(Parent):
    def step(self, x):
        return x + 2


class Conv(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return -super()._conv_forward(x, weight, bias)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * x

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Squared(nn.Module):
    def forward(self, x):
        return Square.apply(x)


class Holds(nn.Module):
    """Attributes of many kinds."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def forward(self, x):
        return x


def scaled(by: float):
    def scale(x):
        return x * by

    return scale


shared = nn.Linear(3, 3)
PAIRS = {
    "negative slope": (lambda: [nn.LeakyReLU(0.1)], lambda: [nn.LeakyReLU(0.2)]),
    "eps": (lambda: [nn.BatchNorm2d(3)], lambda: [nn.BatchNorm2d(3, eps=1e-4)]),
    "momentum": (lambda: [nn.BatchNorm2d(3)], lambda: [nn.BatchNorm2d(3, momentum=0.2)]),
    "no affine": (lambda: [nn.BatchNorm2d(3)], lambda: [nn.BatchNorm2d(3, affine=False)]),
    "stride": (lambda: [nn.Conv2d(1, 1, 3)], lambda: [nn.Conv2d(1, 1, 3, 2)]),
    "dilation": (lambda: [nn.Conv2d(1, 1, 3)], lambda: [nn.Conv2d(1, 1, 3, dilation=2)]),
    "padding": (lambda: [nn.Conv2d(1, 1, 3)], lambda: [nn.Conv2d(1, 1, 3, padding=1)]),
    "padding mode": (
        lambda: [nn.Conv2d(1, 1, 3, padding=1)],
        lambda: [nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")],
    ),
    "dropout": (lambda: [nn.Dropout(0.1)], lambda: [nn.Dropout(0.2)]),
    "heads": (lambda: [nn.MultiheadAttention(4, 1)], lambda: [nn.MultiheadAttention(4, 2)]),
    "activation of an encoder": (
        lambda: [nn.TransformerEncoderLayer(4, 1, 4, activation=functional.relu)],
        lambda: [nn.TransformerEncoderLayer(4, 1, 4, activation=functional.gelu)],
    ),
    "norm first": (
        lambda: [nn.TransformerEncoderLayer(4, 1, 4)],
        lambda: [nn.TransformerEncoderLayer(4, 1, 4, norm_first=True)],
    ),
    "approximation": (lambda: [nn.GELU()], lambda: [nn.GELU("tanh")]),
    "width": (lambda: [nn.Linear(2, 3)], lambda: [nn.Linear(2, 4)]),
    "no bias": (lambda: [nn.Linear(2, 3)], lambda: [nn.Linear(2, 3, bias=False)]),
    "precision": (lambda: [nn.Linear(2, 3)], lambda: [nn.Linear(2, 3).double()]),
    "order": (lambda: [nn.ReLU(), nn.Tanh()], lambda: [nn.Tanh(), nn.ReLU()]),
    "sharing": (lambda: [shared, shared], lambda: [nn.Linear(3, 3), nn.Linear(3, 3)]),
    "an inherited method": (lambda: [Parent()], lambda: [Child()]),
    "a private method of torch": (lambda: [nn.Conv2d(1, 1, 1)], lambda: [Conv(1, 1, 1)]),
    "a closure": (lambda: [Holds(scaled(2.0))], lambda: [Holds(scaled(2.5))]),
    "two lambdas on a line": (
        lambda: [Holds((lambda x: x + 1, lambda x: x + 2)[0])],
        lambda: [Holds((lambda x: x + 1, lambda x: x + 2)[1])],
    ),
    "a partial": (
        lambda: [Holds(functools.partial(functional.leaky_relu, negative_slope=0.1))],
        lambda: [Holds(functools.partial(functional.leaky_relu, negative_slope=0.3))],
    ),
    "a function of torch": (lambda: [Holds(torch.relu)], lambda: [Holds(torch.tanh)]),
    "a tensor": (lambda: [Holds(torch.tensor([0.1]))], lambda: [Holds(torch.tensor([0.2]))]),
    "a bfloat16 tensor": (lambda: [Holds(torch.tensor([0.5]).bfloat16())], lambda: [Holds(torch.tensor([0.5]))]),
    "true and one": (lambda: [Holds(True)], lambda: [Holds(1)]),
    "a set": (lambda: [Holds({"a", "b", "c"})], lambda: [Holds({"a", "b", "d"})]),
    "a dtype": (lambda: [Holds(torch.float16)], lambda: [Holds(torch.float32)]),
    "a slice": (lambda: [Holds(slice(0, 2))], lambda: [Holds(slice(0, 3))]),
    "modules in a list": (lambda: [Holds([nn.ReLU()])], lambda: [Holds([nn.Tanh()])]),
    "configuration in a list": (lambda: [Holds([nn.LeakyReLU(0.1)])], lambda: [Holds([nn.LeakyReLU(0.2)])]),
    "weight norm": (lambda: [nn.Linear(2, 2)], lambda: [nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))]),
}


@pytest.mark.parametrize("what", PAIRS)
def test_two_networks_that_differ_have_two_graphs(what):
    one, other = PAIRS[what]
    assert of(*one()) == of(*one()) != of(*other()) == of(*other())


def test_names_of_stages_are_part_of_it_and_modes_and_weights_are_not():
    assert of(nn.ReLU(), names=["a"]) != of(nn.ReLU(), names=["b"])
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), Parent())
    first = graph(net, frozenset())
    net.eval().requires_grad_(False)
    net[0].weight.data.fill_(7.0)
    assert graph(net, frozenset()) == first and not any(module.training for module in net.modules())


def test_custom_functions_count_by_their_code(monkeypatch):
    before = of(Squared())
    monkeypatch.setattr(Square, "forward", staticmethod(lambda ctx, x: x * x * x))
    assert of(Squared()) != before


def test_an_edited_forward_of_this_process_is_seen(monkeypatch):
    before = of(Parent())
    monkeypatch.setattr(Parent, "step", lambda self, x: x + 3)
    assert of(Parent()) != before


def test_objects_that_point_to_each_other_come_to_an_end():
    one, two = {"a": 1}, [2]
    one["two"], two[1:] = two, [one]
    holder = Holds(one)
    holder.selves = [holder]
    assert of(holder) == of(holder)


@pytest.mark.long
def test_the_graph_is_the_same_in_every_process():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; from test_graphs import PAIRS, of; "
        "print(*[of(*make()) for pair in PAIRS.values() for make in pair], sep='\\n')"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] and len(told[0].split()) == 2 * len(PAIRS)
