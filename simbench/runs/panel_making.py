"""Makes panel files: networks are trained, or read from the cache, and packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simbench.contracts import Design
from simbench.contracts.selection import Setting
from simbench.errors import InputError
from simbench.grammar import seeds as read_seeds
from simbench.networks import weights
from simbench.networks.packing import packed
from simbench.networks.panels import PanelFile, read_panel
from simbench.registry import Registry
from simbench.runs.job import check_device
from simbench.runs.request import Request
from simbench.runs.resolved import resolve
from simbench.system import atomic
from simbench.system.writable import unwritable


def made(
    name: str,
    version: int,
    out: Path,
    registry: Registry,
    command: str,
    say: Callable[[str], Any],
    *,
    models: str,
    datasets: str,
    seeds: str,
    layers: str | None,
    pairs: str,
    max_samples: int,
    device: str,
) -> PanelFile:
    """Train what is not cached, write the panel file, and read it back.

    Panels that are installed are not looked into. Raises InputError, before anything is trained, for what cannot be
    used."""
    if not name or set(name) & set("[],=*?/ #") or name == "all":
        raise InputError(f"panel has the name {name!r}; a word without []=,*?/# is wanted")
    design, numbers = Design.of(pairs), read_seeds(seeds)
    request = Request(
        models=models, datasets=datasets, seeds=seeds, layers=layers or (), max_samples=max_samples, train=True
    )
    scope = resolve(request, registry).scopes[0]
    if len(scope.models) != 1 or len(scope.datasets) != 1:
        raise InputError(
            f"a panel holds networks of one model on one data set; given {len(scope.models)} models and "
            f"{len(scope.datasets)} data sets"
        )
    (model,), (dataset,) = scope.models, scope.datasets
    if model.published():
        raise InputError(f"{model.spec} has published weights; a panel holds networks trained from seeds")
    list(design.pairs(numbers, list(map(str, numbers)), 0))  # raises where there are too few networks
    check_device(device)
    reason = unwritable(out.absolute().parent)
    if reason:
        raise InputError(f"--out is {str(out)!r}, which cannot be written ({reason})")
    dataset.prepare()
    setting = Setting(dataset, dataset.fingerprint(), scope.limit)
    networks = []
    for seed in numbers:
        network = weights.cached(model, dataset, setting.fingerprint, seed)
        if network is None:
            network = weights.trained(model, dataset, setting.fingerprint, seed, device)
            say(f"trained {network.name} on {dataset.label}")
        networks.append(network)
    content = packed(name, version, model, setting, networks, scope.layers[model.spec], design, command)
    atomic.write(out, content)
    return read_panel(out)
