"""Trained networks on `blobs`, and cases made of them by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

import simbench
from simbench.contracts import Recipe
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting
from simbench.networks import weights

LAYERS = ("bn1", "conv2")


def selection(registry: simbench.Registry, folder: Path, epochs: int = 3) -> Selection:
    """Two `net` of different seeds and a narrower one, trained until they are right on most images."""
    dataset = registry.get("datasets", "blobs")
    networks = [
        _network(registry.get("models", spec), dataset, seed, epochs, folder)
        for spec, seed in (("net", 0), ("net", 1), ("net[width=4]", 0))
    ]
    layers = {network.model.spec: LAYERS for network in networks}
    return Selection(Setting(dataset, dataset.fingerprint(), 10_000), tuple(networks), layers, ("spatial",), (), ())


def _network(model, dataset, seed: int, epochs: int, folder: Path) -> Network:
    state = weights.train(model, dataset, Recipe(epochs=epochs, batch=32), seed).state_dict()
    file = folder / f"{model.spec}-{seed}.pt"
    torch.save(state, file)
    return Network(model, str(seed), weights.content_hash(state), file)


installed = cache(simbench.load)


def case(
    selection: Selection,
    method,
    a: int = 0,
    b: int = 1,
    layer: str = "bn1",
    view: str = "spatial",
    layer_b: str = "",
    experiment: str = "matching",
) -> Case:
    """The case of a method on two of the selection's networks, by their places."""
    made = installed().get("experiments", experiment)
    kind = "index" if isinstance(method, simbench.Index) else "stitcher"
    return Case(
        made,
        selection.setting,
        kind,
        method,
        selection.networks[a],
        layer,
        selection.networks[b],
        layer_b or layer,
        view,
    )
