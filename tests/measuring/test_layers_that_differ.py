"""Two layers of different names or sizes are compared where their rows pair up."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import pytest
import torch
from small_cases import SAME, activations, get, stitcher
from small_networks import case
from small_plugins import Net
from torch import nn

import simbench
from simbench import Inapplicable
from simbench.contracts.selection import Network
from simbench.measuring.bench import Workbench
from simbench.networks import weights


def test_layers_of_two_names_and_equal_size_are_measured(small, context):
    one = case(small, get("r2_lr"), layer="bn1", layer_b="relu1")
    value = simbench.similarity("r2_lr", activations(small, 0, "bn1"), activations(small, 1, "relu1"))
    assert context.similarity(one.method, one).value == pytest.approx(value, abs=SAME)


def test_layers_of_unequal_size_are_inapplicable_in_spatial_and_measured_in_pooled(small, context):
    spatial = case(small, get("cka"), layer="bn1", layer_b="conv2")
    reason = "bn1 of net-0 is 8 x 8 and conv2 of net-1 is 3 x 3: their rows do not pair in view spatial"
    for act in (
        lambda: context.similarity(spatial.method, spatial),
        lambda: context.fit(stitcher("task_loss"), spatial),
        lambda: context.fit(stitcher("least_squares"), spatial),
    ):
        with pytest.raises(Inapplicable, match=reason):
            act()
    pooled = replace(spatial, view="pooled")
    value = simbench.similarity("cka", activations(small, 0, "bn1"), activations(small, 1, "conv2"), "pooled")
    assert context.similarity(pooled.method, pooled).value == pytest.approx(value, abs=SAME)


@dataclass(frozen=True)
class Coarse(Net):
    """`net` whose first convolution halves the height and the width."""

    name = "coarse"

    def build(self, channels, classes):
        stages = OrderedDict(super().build(channels, classes).named_children())
        stages["conv1"] = nn.Conv2d(channels, self.width, 3, stride=2, padding=1)
        return nn.Sequential(stages)


def test_a_layer_of_one_name_and_two_sizes_is_inapplicable_in_spatial_and_measured_in_pooled(small, tmp_path):
    torch.manual_seed(0)
    state = Coarse().build(1, 3).state_dict()
    torch.save(state, tmp_path / "x.pt")
    coarse = Network(Coarse(), "x", weights.content_hash(state), tmp_path / "x.pt")
    layers = small.layers | {coarse.model.spec: ("bn1",)}
    both = replace(small, networks=(*small.networks, coarse), layers=layers)
    context = Workbench(both)
    for a, b in ((0, 3), (3, 0)):
        with pytest.raises(Inapplicable, match="4 x 4.*rows do not pair|8 x 8.*rows do not pair"):
            context.similarity(get("cka"), case(both, get("cka"), a, b))
        pooled = case(both, get("cka"), a, b, view="pooled")
        value = simbench.similarity("cka", activations(both, a, "bn1"), activations(both, b, "bn1"), "pooled")
        assert context.similarity(pooled.method, pooled).value == pytest.approx(value, abs=SAME)
