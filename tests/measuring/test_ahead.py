"""One forward pass reads all layers of a network that is no row of stages, as far as they fit in memory."""

from __future__ import annotations

import itertools

import pytest
import torch
from small_cases import get, stitcher
from small_networks import installed
from torch import nn

from simbench.boards.data import Given
from simbench.boards.live import Live
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection, Setting
from simbench.measuring.activations import Activations
from simbench.measuring.bench import Workbench

LAYERS = ("stem", "stem_act", "blocks.0", "blocks.1", "top")
COUNT = 150  # two batches of the bench, the second one short


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.act(x + self.conv(x))


class Residual(nn.Module):
    """`stem_act` overwrites the output of `stem`."""

    def __init__(self, width: int = 5) -> None:
        super().__init__()
        self.stem, self.stem_act = nn.Conv2d(3, width, 3, padding=1), nn.ReLU(inplace=True)
        self.blocks = nn.ModuleList([Block(width), Block(width)])
        self.top, self.head = nn.Conv2d(width, 6, 1), nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem_act(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(self.top(x).mean((2, 3)))


def networks(seeds=(0, 1)) -> Selection:
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(2 * COUNT, 3, 6, 6, generator=generator), torch.randint(0, 4, (2 * COUNT,), generator=generator)
    data = Given((x[:COUNT].numpy(), y[:COUNT].numpy()), (x[COUNT:].numpy(), y[COUNT:].numpy()), 4, "classification")
    made = []
    for seed in seeds:
        torch.manual_seed(seed)
        made.append(Live(f"net{seed}", Residual().eval(), x[:4]).network())
    layers = {network.model.spec: LAYERS for network in made}
    return Selection(Setting(data, data.fingerprint(), 1000), tuple(made), layers, ("spatial",), (), ())


def passes(bench: Workbench, selection: Selection) -> dict[str, list[int]]:
    """Sizes of the batches that each network runs on from now on, but those of one input that look at a shape."""
    seen: dict[str, list[int]] = {}
    for network in selection.networks:
        sizes = seen[network.name] = []
        stem = bench.activations.net(network).stem
        stem.register_forward_pre_hook(lambda _, x, sizes=sizes: sizes.append(len(x[0])) if len(x[0]) > 4 else None)
    return seen


@pytest.mark.parametrize("budget", [2**30, 3 * COUNT * 5 * 36 * 4 * 4, 1])
def test_activations_are_those_of_each_layer_alone_to_the_last_bit(budget):
    selection = networks()
    ahead = Activations(selection.setting, budget=budget, selection=selection)
    for network, layer, split in itertools.product(selection.networks, LAYERS, ("train", "test")):
        alone = Activations(selection.setting)
        expected = alone.tensor(network, layer, split)
        found = ahead.tensor(network, layer, split)
        assert torch.equal(found, expected) and found.stride() == expected.stride(), (layer, split)
        assert ahead.held.nbytes <= budget
    for network in selection.networks:
        expected = Activations(selection.setting).outputs(network, "test")
        assert torch.equal(
            Activations(selection.setting, budget=budget, selection=selection).outputs(network, "test"), expected
        )


def test_a_sweep_of_layers_runs_each_network_once_on_every_batch():
    selection = networks()
    bench = Workbench(selection)
    seen, (a, b) = passes(bench, selection), selection.networks
    layers = installed().get("experiments", "layers")
    for network in (a, b):
        bench.accuracy(network)
    for front, end in itertools.product(LAYERS, LAYERS):
        for kind, method in (("index", get("cka")), ("stitcher", stitcher("least_squares"))):
            case = Case(layers, selection.setting, kind, method, a, front, b, end, "spatial")
            bench.similarity(method, case) if kind == "index" else bench.fit(method, case)
    batches = -(-COUNT // bench.activations.batch)
    assert {name: len(sizes) for name, sizes in seen.items()} == dict.fromkeys(seen, 2 * batches)


def test_networks_read_ahead_no_more_than_all_of_them_can_keep():
    selection = networks((0, 1, 2))
    one = COUNT * 5 * 36 * 4
    ahead = Activations(selection.setting, budget=6 * 2 * one, selection=selection)
    for network in selection.networks:
        ahead.tensor(network, "blocks.0", "test")
    held = [(content, layer) for content, layer, _ in ahead.held]
    assert held == [(network.content, layer) for network in selection.networks for layer in ("blocks.0", "stem")]
    assert Activations(selection.setting).selection is None
