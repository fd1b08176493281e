"""A network's graph changes with every edit of its source that changes what is computed, and with no other."""

from __future__ import annotations

import importlib.util
import sys
from collections import OrderedDict

import pytest
from torch import nn

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


@pytest.mark.long
def test_code_may_call_code_deeper_than_a_stack(made):
    """The last of 1,000 functions counts."""
    chain = "\n".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(1000))
    chain += "\ndef f1000(x):\n    return x * 2\n"
    source = BLOCK.replace("PLACE", BRANCH).replace("return x * 2.0", "return f0(x)") + chain
    assert made(source) == made(source) != made(source.replace("return x * 2\n", "return x * 3\n"))
