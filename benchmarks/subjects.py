"""What is timed: networks with random weights on random images in memory, through the interfaces of simbench."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch

import simbench
from simbench.contracts import Dataset, Plugin
from simbench.contracts.case import Case
from simbench.contracts.dataset import Split
from simbench.contracts.selection import Network, Selection, Setting
from simbench.measuring.bench import Workbench
from simbench.networks import weights
from simbench.networks.inputs import normalised

REGISTRY = simbench.load()
#: The indices that the figures are about: those of the paper.
FIVE = ["cca", "cka", "pwcca", "r2_lr", "svcca"]


@dataclass(frozen=True)
class Noise(Dataset):
    """Images of CIFAR's shape, every pixel drawn at random; they take as long as real ones."""

    train: int = 1000
    test: int = 1000
    size: int = 32

    name = "noise"
    source = "none"
    channels, classes = 3, 10
    mean, std = (0.5,) * 3, (0.25,) * 3

    def split(self, name: str) -> Split:
        return _drawn(getattr(self, name), self.size, name)

    def fingerprint(self) -> str:
        return f"{self.train} {self.test} {self.size}"


@cache
def _drawn(n: int, size: int, name: str) -> Split:
    generator = np.random.default_rng(len(name))
    return Split(generator.integers(0, 256, (n, 3, size, size), np.uint8), generator.integers(0, 10, n))


@dataclass(frozen=True)
class Pair:
    """Two (or `count`) networks of one architecture with random weights, and batch norms that have seen the images."""

    model: str
    dataset: Noise
    layers: tuple[str, ...]
    count: int = 2

    @cached_property
    def networks(self) -> tuple[Network, ...]:
        return tuple(_network(self.model, self.dataset, seed) for seed in range(self.count))

    @property
    def nets(self) -> list[torch.nn.Sequential]:
        """The networks as users load them: frozen, in eval mode, contiguous."""
        loaded = [weights.load(network, self.dataset) for network in self.networks]
        return [net.to(memory_format=torch.contiguous_format) for net in loaded]

    @cached_property
    def setting(self) -> Setting:
        return Setting(self.dataset, self.dataset.fingerprint(), 10**9)

    def context(self, **options) -> Workbench:
        """A new context with loaded networks and nothing else."""
        chosen = {network.model.spec: self.layers for network in self.networks}
        context = Workbench(Selection(self.setting, self.networks, chosen, ("spatial",), (), ()), **options)
        for network in self.networks:
            context.activations.net(network)
        return context

    def case(self, method: Plugin, layer: str, view: str = "spatial") -> Case:
        """A case of the experiment `matching`, from the first network to the second."""
        a, b = self.networks[:2]
        return Case(
            REGISTRY.get("experiments", "matching"),
            self.setting,
            "index" if method.kind == "indices" else "stitcher",
            method,
            a,
            layer,
            b,
            layer,
            view,
        )

    def images(self, split: str) -> torch.Tensor:
        """The inputs of the networks, (n, 3, h, w) float32, contiguous."""
        return normalised(torch.tensor(self.dataset.split(split).inputs), self.dataset).contiguous()

    def labels(self, split: str) -> torch.Tensor:
        return torch.tensor(self.dataset.split(split).labels)


@cache
def _network(spec: str, dataset: Noise, seed: int) -> Network:
    model = REGISTRY.get("models", spec)
    torch.manual_seed(seed)
    net = model.build(dataset.channels, dataset.classes)
    images = normalised(torch.tensor(dataset.split("train").inputs[:256]), dataset)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics come from a single pass
    with torch.no_grad():
        net(images)
    state = net.state_dict()
    file = _folder() / f"{len(list(_folder().iterdir()))}.pt"
    torch.save(state, file)
    return Network(model, str(seed), weights.content_hash(state), file)


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="simbench-benchmarks-")
    _KEPT.append(folder)  # removed when the process ends
    return Path(folder.name)


_KEPT: list = []
