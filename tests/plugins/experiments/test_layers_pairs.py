"""Layers against layers: which are paired, and what is measured of a pair."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from small_networks import installed
from torch import nn

from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure

LAYERS = installed().get("experiments", "layers")
INDICES = tuple(installed().select("indices", ["cka"]))
STITCHERS = tuple(installed().select("stitchers", ["least_squares"]))


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    """Two networks of one model and a narrower one."""
    return Workbench(replace(small, indices=INDICES, stitchers=STITCHERS))


@pytest.fixture(scope="module")
def measured(context):
    found = [measure(case, context) for case in LAYERS.plan(context.selection) if case.a.seed != case.b.seed]
    assert [one.error for one in found] == [""] * len(found)
    return found


def test_every_layer_of_every_pair_is_compared_and_stitched_with_and_without_training(context):
    kinds = Counter(case.kind for case in LAYERS.plan(context.selection))
    cells = 3 * 2 * 2 * 2
    assert kinds == {"network": 3, "index": cells, "stitcher": cells, "untrained": cells}


def test_forth_takes_the_first_network_as_the_front_alone(context):
    plan = replace(LAYERS, order="forth").plan(context.selection)
    pairs = {(case.a.name, case.b.name) for case in plan if case.kind == "index"}
    assert pairs == {("net-0", "net-1"), ("net-0", "net[width=4]-0"), ("net-1", "net[width=4]-0")}


def test_depth_pairs_each_layer_with_one(context):
    plan = replace(LAYERS, pairing="depth").plan(context.selection)
    assert {(case.layer_a, case.layer_b) for case in plan if case.kind == "index"} == {
        ("bn1", "bn1"),
        ("conv2", "conv2"),
    }


def test_an_untrained_front_is_not_the_trained_one(measured):
    found: dict[str, dict[tuple, float]] = {"stitcher": {}, "untrained": {}}
    for one in measured:
        if one.case.kind in found:
            values = {row.quantity: row.value for row in one.rows if row.status == "ok"}
            found[one.case.kind][one.case.a.name, one.case.b.name, one.case.place] = values.get("residual")
    trained, control = found["stitcher"], found["untrained"]
    assert trained.keys() == control.keys() and any(trained.values())
    assert all(control[key] != value for key, value in trained.items() if value is not None)


def test_multiply_adds_are_counted_as_by_hand(context):
    """Of convolutions and linear maps: outputs times inputs of each."""
    network, counted = context.selection.networks[0], []
    end = context.activations.end(network, "bn1")

    def count(module, given, output):
        size = module.weight[0].numel() * (output[0].numel() if isinstance(module, nn.Conv2d) else len(module.weight))
        counted.append(size)

    handles = [m.register_forward_hook(count) for m in end.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        end(torch.zeros(1, *context.shape(network, "bn1")))
    for handle in handles:
        handle.remove()
    assert context.multiply_adds(network, "bn1") == sum(counted) > 0
