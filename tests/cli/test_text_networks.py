"""Networks of a user's file that read ids of tokens: their layers, and a run whose layouts the user says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

pytestmark = pytest.mark.usefixtures("unranked")
NETS = """
from torch import nn
class Text(nn.Module):
    def __init__(self, classes=3):
        super().__init__()
        self.table, self.layer, self.top = nn.Embedding(10, 5), nn.Linear(5, 5), nn.Linear(5, classes)
    def forward(self, ids):
        return self.top(self.layer(self.table(ids)).relu()[:, 0])
class Odd(Text):
    def forward(self, ids):
        raise ValueError("not today")
"""


@pytest.fixture
def options(call, cache) -> tuple[str, ...]:
    """Of a run of two such networks, whose files are in the folder of the test."""
    Path("nets.py").write_text(NETS)
    draw = np.random.default_rng(0)
    np.savez("ids.npz", x=draw.integers(0, 10, (200, 6)), y=draw.integers(0, 3, 200))
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        parts = {"table": nn.Embedding(10, 5), "layer": nn.Linear(5, 5), "top": nn.Linear(5, 3)}
        torch.save(nn.ModuleDict(parts).state_dict(), f"{name}.pt")
    words = (
        "--networks nets.py:Text@a.pt,nets.py:Text@b.pt --datasets arrays:ids.npz --experiments layers --indices cka"
    )
    return ("run", *words.split(), "--stitchers", "least_squares", "--layers", "layer", "--view", "cls")


def test_layers_of_a_network_that_reads_ids_are_shown(call, options):
    done = call("layers", "nets.py:Text")
    assert done.code == 0 and "nets.py:Text, inputs 16: 3 layers (exact 3)" in done.out
    odd = call("layers", "nets.py:Odd")
    assert odd.code == 2 and "takes none of the inputs that were tried, such as 3 x 32 x 32: not today" in odd.err


def test_a_run_reads_class_tokens_where_the_user_says_that_there_are_some(call, options):
    plain = call(*options, "--results", "plain")
    assert plain.code == 0 and "compare with layouts={'layer': 'tokens[prefix=1]'} (--layouts)" in plain.out
    said = call(*options, "--layouts", "layer=tokens[prefix=1]", "--results", "said")
    rows = pd.read_csv("said/measurements.csv").query("method == 'cka' and quantity == 'similarity'")
    assert said.code == 0 and list(rows["status"]) == ["ok", "ok"]


def test_a_layout_that_is_not_that_of_the_layer_fails_with_the_reason(call, options):
    done = call(*options, "--layouts", "layer=nchw", "--results", "wrong")
    assert done.code == 1 and "the output of layer of nets.py:Text-a is sequence, and not image as said" in done.out


def test_a_layout_of_a_layer_that_is_not_there_is_refused(call, options):
    done = call(*options, "--layouts", "lair=ntc", "--results", "none")
    assert done.code == 2 and "layer in layouts 'lair' is unknown; did you mean 'layer'?" in done.err
    assert not Path("none").exists()
