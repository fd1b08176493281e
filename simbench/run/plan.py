"""From a resolved request to cases: data, networks, and what each experiment makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simbench import weights
from simbench.cases import Case, Network, Selection, Setting
from simbench.contracts import Dataset, Model
from simbench.errors import InputError
from simbench.run.request import Resolved

#: Stands for the content of weights that are not trained yet.
UNTRAINED = ""


@dataclass(frozen=True)
class Part:
    """The share of a request that falls on one data set."""

    selection: Selection
    cases: tuple[Case, ...]

    @property
    def untrained(self) -> tuple[Network, ...]:
        return tuple(network for network in self.selection.networks if network.weights == UNTRAINED)


def plan(resolved: Resolved) -> tuple[Part, ...]:
    """One part per data set. Networks that are not trained yet are stood in for, so that every wish that
    cannot be granted raises its InputError before anything runs."""
    for at, dataset in enumerate(resolved.datasets):
        for other in resolved.datasets[:at]:
            if dataset.label == other.label:
                raise InputError(f"data sets {other.spec!r} and {dataset.spec!r} are both named {dataset.label!r} in "
                                 "results; rename one, or run each with a --results folder of its own")
    return tuple(_part(resolved, dataset) for dataset in resolved.datasets)


def _part(resolved: Resolved, dataset: Dataset) -> Part:
    dataset.prepare()
    fingerprint = dataset.fingerprint()
    if resolved.files:
        networks = _given(resolved.models[0], resolved.files)
    else:
        networks = tuple(weights.cached(model, dataset, fingerprint, seed)
                         or Network(model, str(seed), UNTRAINED, Path())
                         for model in resolved.models for seed in resolved.seeds)
    selection = Selection(Setting(dataset, fingerprint, resolved.request.max_samples), networks, resolved.layers,
                          resolved.views, resolved.indices, resolved.stitchers)
    return cases_of(resolved, selection)


def cases_of(resolved: Resolved, selection: Selection) -> Part:
    """All cases of one selection, each once, those that share forward passes next to each other."""
    cases: dict[tuple, Case] = {}
    for experiment in resolved.experiments:
        for case in experiment.plan(selection):
            cases.setdefault((case.key, case.a.name, case.b.name), case)
    groups: dict[tuple, list[Case]] = {}
    for case in cases.values():
        groups.setdefault((*case.group, case.a.name, case.b.name), []).append(case)
    in_depth = sorted(groups.values(), key=lambda group: _depth(group[0]))
    return Part(selection, tuple(case for group in in_depth for case in group))


def _depth(case: Case) -> int:
    """Position of the case's layer in its network: deeper activations go on from shallower ones."""
    layers = case.a.model.layers
    return layers.index(case.layer_a) if case.layer_a in layers else -1


def _given(model: Model, files: tuple[Path, ...]) -> tuple[Network, ...]:
    """Networks of checkpoint files; names and contents must differ."""
    networks = tuple(weights.checkpoint(model, file) for file in files)
    for at, network in enumerate(networks):
        for other in networks[:at]:
            if network.seed == other.seed:
                raise InputError(f"two checkpoints are named {network.seed!r} ({other.file} and {network.file}); "
                                 "results are named by file: rename one")
            if network.weights == other.weights:
                raise InputError(f"checkpoints {other.file} and {network.file} hold the same weights; give each "
                                 "network once")
    return networks
