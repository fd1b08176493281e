"""A network's graph changes with everything it computes by, and with nothing else."""

from __future__ import annotations

import functools
import importlib.util
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

BLOCK = '''
import torch
from torch import nn
from torch.nn import functional as F

SLOPE = 0.1
TABLE = {"shift": 1.0}


def helper(x):
    """Says something."""
    return x * 2.0


class Block(nn.Module):
    """A block."""

    scale = 3.0

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU()
        self.power = 1.5
        self.act = lambda x: x + 0.5
        self.register_buffer("fixed", torch.tensor([1.0, 2.0]), persistent=False)
        self.options = ["a", {"b": (1, None)}]

    def inner(self, x):
        return x - 0.25

    def forward(self, x):
        # what it does
        PLACE
        y = F.leaky_relu(self.conv(x), SLOPE) + TABLE["shift"]
        y = helper(self.act(y)) * self.scale + self.fixed[0]
        return self.inner(self.relu(y)) + x * torch.tensor(0.75)
'''
#: A forward that cannot be traced: what it does depends on the values.
BRANCH = "if float(x.sum()) > 0: x = x + 1.0"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """made(source): the graph of a network with a Block of that source, in a module that has a file."""

    def made(source: str, hidden: bool = False) -> str:
        file = tmp_path / f"m{len(list(tmp_path.iterdir()))}" / "blocks.py"
        file.parent.mkdir()
        file.write_text(source)
        spec = importlib.util.spec_from_file_location("blocks", file)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "blocks", module)
        spec.loader.exec_module(module)
        if hidden:
            file.unlink()
        return graph(nn.Sequential(OrderedDict(block=module.Block(), pool=nn.AvgPool2d(2))), frozenset({"blocks"}))

    return made


EDITS = {
    "a function": ("F.leaky_relu", "F.elu"),
    "a global constant": ("SLOPE = 0.1", "SLOPE = 0.2"),
    "a global table": ('"shift": 1.0', '"shift": 1.5'),
    "a helper": ("x * 2.0", "x * 2.5"),
    "a constant of the class": ("scale = 3.0", "scale = 3.5"),
    "an attribute": ("power = 1.5", "power = 1.25"),
    "a lambda": ("x + 0.5", "x - 0.5"),
    "a buffer that is not saved": ("[1.0, 2.0]", "[1.0, 2.5]"),
    "a buffer's place": ("self.fixed[0]", "self.fixed[1]"),
    "a method": ("x - 0.25", "x - 0.75"),
    "a child's kind": ("nn.ReLU()", "nn.Tanh()"),
    "a child's configuration": ("3, padding=1", "3, padding='same'"),
    "a constant in forward": ("torch.tensor(0.75)", "torch.tensor(0.5)"),
    "an operator": (" + x * torch", " - x * torch"),
    "padding of another mode": ("padding=1)", "padding=1, padding_mode='reflect')"),
    "an option": ("(1, None)", "(2, None)"),
    "a type": ("power = 1.5", "power = '1.5'"),
    "the order of calls": ("self.inner(self.relu(y))", "self.relu(self.inner(y))"),
    "only in training": ("PLACE", "x = x * 2 if self.training else x"),
    "only in evaluation": ("PLACE", "x = x if self.training else x * 2"),
    "a hook": ("self.power = 1.5", "self.power = 1.5; self.conv.register_forward_hook(lambda m, i, o: o * 2)"),
    "a hook before": ("self.power = 1.5", "self.power = 1.5; self.relu.register_forward_pre_hook(lambda m, i: -i[0])"),
}
SAME = {
    "a comment": ("# what it does", "# whatever it does"),
    "docstrings": ('"""A block."""', '"""Another text."""'),
    "a helper's docstring": ('"""Says something."""', '"""Says more."""'),
    "blank lines": ("SLOPE = 0.1\n", "SLOPE = 0.1\n\n\n\n"),
    "spaces": ("self.power = 1.5", "self.power =  1.5  # a number"),
    "initial values": ("self.power = 1.5", "self.power = 1.5; nn.init.zeros_(self.conv.weight)"),
    "what is not used": ("def helper", "def other(x):\n    return -x\n\n\ndef helper"),
}


def edited(source: str, edit: tuple[str, str], branch: str) -> str:
    assert source.count(edit[0]) >= 1
    return source.replace(*edit).replace("PLACE", branch)


@pytest.mark.parametrize(
    "branch, hidden",
    [("pass", False), (BRANCH, False), (BRANCH, True)],
    ids=["traced", "not traced", "without its source"],
)
def test_the_graph_changes_with_every_edit_that_changes_what_is_computed(made, branch, hidden):
    plain = made(BLOCK.replace("PLACE", branch), hidden)
    found = {
        what: made(edited(BLOCK, edit, branch), hidden)
        for what, edit in EDITS.items()
        if edit[0] != "PLACE" or branch == "pass"
    }
    assert not [what for what, value in found.items() if value == plain]
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("branch", ["pass", BRANCH], ids=["traced", "not traced"])
def test_the_graph_stays_with_edits_that_change_nothing(made, branch):
    plain = made(BLOCK.replace("PLACE", branch))
    assert not [what for what, edit in SAME.items() if made(edited(BLOCK, edit, branch)) != plain]


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


def test_code_may_call_code_deeper_than_a_stack(made):
    """The last of 1,000 functions counts."""
    chain = "\n".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(1000))
    chain += "\ndef f1000(x):\n    return x * 2\n"
    source = BLOCK.replace("PLACE", BRANCH).replace("return x * 2.0", "return f0(x)") + chain
    assert made(source) == made(source) != made(source.replace("return x * 2\n", "return x * 3\n"))


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
