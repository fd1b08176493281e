"""Networks of Python files of the user travel with their files."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from elsewhere import away, done, plain
from small_networks import case

from simbench.contracts.selection import Network, Selection
from simbench.networks import weights
from simbench.networks.architectures import architecture
from simbench.runs.parcels import Depot, deliver, opened, results
from simbench.runs.unit import Unit
from simbench.runs.units import measure_unit

NETS = """
import torch.nn as nn
import small_blocks_of_mine
from package_of_mine.heads import head

def make(channels, classes):
    block = small_blocks_of_mine.block(channels)
    return nn.Sequential(block, nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(4), head(classes))
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    (folder / "package_of_mine").mkdir(parents=True)
    (folder / "nets.py").write_text(NETS)
    (folder / "small_blocks_of_mine.py").write_text(
        "import torch.nn as nn\n\ndef block(n): return nn.Conv2d(n, 4, 3)\n"
    )
    (folder / "package_of_mine" / "__init__.py").write_text("")
    heads = "from torch import nn\n\ndef head(n): return nn.Sequential(nn.Flatten(), nn.Linear(96, n))\n"
    (folder / "package_of_mine" / "heads.py").write_text(heads)
    (folder / "other.py").write_text("it is not imported\n")
    yield folder
    for name in [name for name in sys.modules if "of_mine" in name]:
        del sys.modules[name]


def test_a_model_of_a_file_is_the_same_where_its_files_are_copies(registry, small, folder, cache):
    model, depot = registry.get("models", f"file:{folder / 'nets.py'}:make"), Depot()
    parcel = depot.pack_training(Network(model, "0", "", Path()), small.setting, "cpu")
    torch.manual_seed(0)
    state = model.build(1, 3).state_dict()
    for message in depot.supply(opened(parcel)):
        deliver(message)
    with away(folder):
        there = opened(parcel)[0].model
        assert there == model and all(path.is_relative_to(cache) for path in there.files)
        torch.manual_seed(0)
        again = there.build(1, 3).state_dict()
    assert weights.content_hash(again) == weights.content_hash(state)


@pytest.mark.long
def test_a_network_of_a_file_is_measured_elsewhere_without_the_file(registry, small, methods, folder, elsewhere, cache):
    model, dataset = registry.get("models", f"file:{folder / 'nets.py'}:make"), small.setting.dataset
    assert {path.name for path in model.files} == {"nets.py", "small_blocks_of_mine.py", "__init__.py", "heads.py"}
    networks = []
    for seed in range(2):
        torch.manual_seed(seed)
        state = model.build(1, 3).state_dict()
        torch.save(state, folder / f"{seed}.pt")
        graph = architecture(model, dataset)
        networks.append(Network(model, str(seed), weights.content_hash(state), folder / f"{seed}.pt", graph=graph))
    selection = Selection(small.setting, tuple(networks), {model.spec: ("2",)}, ("spatial",), (), ())
    cases = tuple(case(selection, method, layer="2") for method in methods)
    unit, depot = Unit(selection, "cpu", 2**28, cases), Depot()
    reply, asked = done(elsewhere, depot, depot.pack(unit), folder)
    assert plain(results(unit, reply)) == plain(measure_unit(unit))
    assert [row.note for result in reply.results for row in result.rows if row.status != "ok"] == []
    assert len(asked) == 4  # the selection, two files of weights, and the files of the network
    (folder / "package_of_mine" / "heads.py").write_text(heads_of("bias=False"))
    other = Depot().pack(replace(unit))
    assert {ref.name for ref in other.wants} - set(asked)  # an edit is another content


def heads_of(more: str) -> str:
    return f"from torch import nn\n\ndef head(n): return nn.Sequential(nn.Flatten(), nn.Linear(96, n, {more}))\n"
