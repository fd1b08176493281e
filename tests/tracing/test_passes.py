"""Passes: operations are followed without torch's compiler, and under it where parts of a network are compiled."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from simbench import similarities

SURVEY = """
import sys
import simbench
model = simbench.load().get("models", "torchvision:squeezenet1_1")
net = model.build(3, 10).eval()
import pytest
import torch
from simbench.cutting import survey
assert any(layer.exact and layer.layout == "nchw" for layer in survey(net, torch.randn(2, 3, 32, 32)))
print("torch._dynamo" in sys.modules, "sympy" in sys.modules)
"""


@pytest.mark.long
def test_a_network_of_torchvision_is_surveyed_without_the_compiler():
    done = subprocess.run([sys.executable, "-c", SURVEY], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.long
def test_the_layers_of_compiled_parts_have_known_axes():
    class Compiled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)
            self.part = torch.compile(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()), backend="eager")
            self.last = nn.Conv2d(4, 4, 1)
            self.through = torch.compile(torch.relu, backend="eager")

        def forward(self, x):
            return self.last(self.through(self.part(self.first(x)))).mean((2, 3))

    x = torch.randn(8, 3, 8, 8)
    frame = similarities("cka", Compiled(), Compiled(), [x], view="pooled")
    assert set(frame["layer_a"]) == {"first", "part.0", "part.1", "last"}
    assert set(frame["status"]) == {"ok"}, frame["note"].tolist()
