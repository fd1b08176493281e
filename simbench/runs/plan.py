"""The plan of a resolved request: data sets, networks, and the cases that each experiment plans for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from simbench.contracts import Dataset, Design, Experiment, Model, splits
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting
from simbench.errors import InputError, Unplanned
from simbench.isolation.copies import handed
from simbench.runs.cases import Cases, ordered
from simbench.runs.placeholders import UNTRAINED, distinct, foreign, given, network_of, published
from simbench.runs.resolved import Resolved, Scope
from simbench.system.raised import told
from simbench.system.stopwatch import stage
from simbench.system.surroundings import abroad


@dataclass(frozen=True)
class Part:
    """The part of a request that is measured on one data set with one set of networks.

    selections: each experiment with its selection. cases: the cases of all of them.
    """

    selections: tuple[tuple[Experiment, Selection], ...]
    cases: Sequence[Case]

    @property
    def selection(self) -> Selection:
        """A selection with the data and networks of every case."""
        return self.selections[0][1]

    @property
    def untrained(self) -> tuple[Network, ...]:
        networks = (*self.selection.networks, *self.selection.controls)
        return tuple(network for network in networks if network.weights == UNTRAINED)


@stage("planning")
def plan(resolved: Resolved) -> tuple[Part, ...]:
    """Parts in the order of the experiments. Networks that are not trained yet are placeholders, so that a
    selection that cannot be measured raises InputError before anything runs."""
    fingerprints = _fingerprints({d.spec: d for scope in resolved.scopes for d in scope.datasets}.values())
    selections: dict[Selection, list[tuple[Experiment, Selection]]] = {}
    for scope in resolved.scopes:
        for dataset in scope.datasets:
            selection = _selection(scope, dataset, fingerprints, resolved)
            selections.setdefault(selection, []).append((scope.experiment, selection))
    return tuple(Part(tuple(same), cases_of(same)) for same in selections.values())


@stage("reading data")
def _fingerprints(datasets: Iterable[Dataset]) -> dict[str, str]:
    """Label -> fingerprint of each data set. Raises InputError if two data sets have the same label."""
    named: dict[str, Dataset] = {}
    for dataset in datasets:
        other = named.setdefault(dataset.label, dataset)
        if other is not dataset:
            raise InputError(
                f"data sets {other.spec!r} and {dataset.spec!r} are both named {dataset.label!r} in "
                "results; rename one, or run each with a --results folder of its own"
            )
    for dataset in named.values():
        dataset.prepare()
    return {label: dataset.fingerprint() for label, dataset in named.items()}


@stage("reading data")
def check_splits(resolved: Resolved, pending: int) -> None:
    """Raise InputError unless the splits of every data set keep its contract. Reads nothing if no case is pending."""
    for dataset in {d.spec: d for scope in resolved.scopes for d in scope.datasets}.values() if pending else ():
        splits.both(dataset)


def _selection(scope: Scope, dataset: Dataset, fingerprints: Mapping[str, str], resolved: Resolved) -> Selection:
    origins = scope.datasets if scope.experiment.across else (dataset,)
    if scope.networks:
        networks = tuple(each.network(dataset, fingerprints[dataset.label], resolved.panels) for each in scope.networks)
        distinct(networks)
    elif scope.files:
        networks = given(scope.models[0], scope.files, dataset)
    else:
        of_models = (_networks(scope, model, dataset, origins, fingerprints, resolved) for model in scope.models)
        networks = tuple(chain.from_iterable(of_models))
    networks = tuple(_declared(each, resolved) for each in networks)
    setting = Setting(dataset, fingerprints[dataset.label], scope.limit, cut=resolved.request.cut)
    selection = Selection(setting, networks, scope.layers, scope.views, scope.indices, scope.stitchers)
    controls = tuple(_declared(each, resolved) for each in _controls(scope, selection))
    return replace(selection, design=_design(scope, selection), controls=controls)


def _declared(network: Network, resolved: Resolved) -> Network:
    """A network with what the user says of its layers."""
    said = () if network.layouts else resolved.request.layouts
    return replace(network, layouts=said) if said else network


def _design(scope: Scope, selection: Selection) -> Design:
    """The design of a scope; that of a preset is cut to the networks at the layer that has the fewest."""
    if scope.strict or scope.design.fronts is None:
        return scope.design
    layers = {layer for chosen in scope.layers.values() for layer in chosen}
    fewest = min((len(selection.having(layer)) for layer in layers), default=0)
    return scope.design if scope.design.fronts < fewest else Design()


def _networks(
    scope: Scope,
    model: Model,
    dataset: Dataset,
    origins: tuple[Dataset, ...],
    fingerprints: Mapping[str, str],
    resolved: Resolved,
) -> Iterator[Network]:
    """The networks of a model: one per seed and data set, or the published one."""
    home = model.published()
    if home and not scope.experiment.across:
        raise InputError(
            f"{model.spec} was trained on {home.label} ({home.classes} outputs), and "
            f"{scope.experiment.name} measures networks on the data they were trained on, here "
            f"{dataset.label}; use an experiment across data sets, or train {model.name}"
        )
    if home:
        yield published(model, home)
        return
    for origin in origins:
        for seed in scope.seeds:
            made = fingerprints[origin.label]
            misfit = resolved.request.panel is not None and resolved.panels[0].misfit(model, origin, made, seed)
            if misfit:
                raise InputError(f"panel {resolved.panels[0].label} cannot be used: {misfit}")
            network = network_of(model, origin, made, seed, resolved.panels)
            yield foreign(network, origin, made) if origin.label != dataset.label else network


def _controls(scope: Scope, selection: Selection) -> Iterator[Network]:
    """The networks that the experiment wants to compare with, of every model that is trained."""
    dataset, seeds = selection.setting.dataset, scope.seeds or tuple(range(len(scope.files)))
    with _planning(scope.experiment):
        wanted = [(origin, tuple(seeds)) for origin, seeds in scope.experiment.controls(dataset, seeds)]
    for origin, seeds in wanted:
        with stage("reading data"):
            fingerprint = origin.fingerprint()
        for model in scope.models:
            for seed in () if model.published() else seeds:
                yield foreign(network_of(model, origin, fingerprint, seed), origin, fingerprint)


@stage("planning")
def cases_of(selections: Iterable[tuple[Experiment, Selection]]) -> Cases:
    """All cases, each once, in order of depth; cases that share forward passes are neighbours."""
    return ordered(Cases.of(_planned(selections)))


def _planned(selections: Iterable[tuple[Experiment, Selection]]) -> Iterator[Case]:
    """The cases of each experiment, with their keys."""
    for experiment, selection in selections:
        copied, back = handed(selection)
        with _planning(experiment):
            for case in map(back, experiment.plan(copied)):
                hash(case.key)  # made of what plugins say, whose errors are those of the plan
                yield case


@contextmanager
def _planning(experiment: Experiment) -> Iterator[None]:
    """For code of an experiment: what it raises, but for a selection that it refuses, is Unplanned."""
    try:
        with abroad():
            yield
    except InputError:
        raise
    except Exception as error:
        raise Unplanned(experiment.spec, told(error)) from error
