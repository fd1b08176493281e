"""A request resolved against the installed plugins: every name is replaced by an object."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path

from simbench.contracts import Dataset, Design, Experiment, Index, Model, Preset, Stitcher
from simbench.contracts.selection import CUTS
from simbench.errors import InputError, unknown
from simbench.grammar import memory, seeds, split_list
from simbench.moments.views import ALL_VIEWS
from simbench.networks.panels import PanelFile
from simbench.registry import Registry
from simbench.runs.chosen import parts, select
from simbench.runs.declared import default_experiments
from simbench.runs.declaring import must_name
from simbench.runs.named import Named, each_with_its_own, named
from simbench.runs.panels import check, panels, preset_of
from simbench.runs.request import Request

#: Words of `--layers` for the default layers of each model, among them the outputs of its blocks.
USUAL = frozenset({"auto", "blocks"})


@dataclass(frozen=True)
class Scope:
    """The selection for one experiment, with every name replaced by an object.

    layers: model spec -> names. limit: largest number of inputs of each split. files: checkpoints in place of seeds.
    design: the pairs of networks. strict: whether the user asked for it, so that it needs the networks for it.
    networks: named one by one, in place of seeds and files.
    """

    experiment: Experiment
    indices: tuple[Index, ...]
    stitchers: tuple[Stitcher, ...]
    models: tuple[Model, ...]
    datasets: tuple[Dataset, ...]
    seeds: tuple[int, ...]
    layers: dict[str, tuple[str, ...]]
    views: tuple[str, ...]
    limit: int
    files: tuple[Path, ...]
    design: Design
    strict: bool
    networks: tuple[Named, ...] = ()


@dataclass(frozen=True)
class Resolved:
    """A request with every name replaced by an object: one scope per experiment. memory: in bytes.

    panels: where networks are looked for before they are trained."""

    request: Request
    scopes: tuple[Scope, ...]
    memory: int
    panels: tuple[PanelFile, ...] = ()

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return tuple(scope.experiment for scope in self.scopes)


def resolve(request: Request, registry: Registry) -> Resolved:
    """Look up every name. Raises InputError for the first that cannot be used; computes nothing."""
    files, room = _files(request.weights), memory(request.memory)
    if request.timeout is not None and not 0 < request.timeout < float("inf"):
        raise InputError(f"--timeout is {request.timeout}; a number of seconds above 0 is allowed")
    if request.cut not in CUTS:
        raise unknown("cut", request.cut, CUTS)
    if files and request.seeds is not None:
        raise InputError("--weights and --seeds are both given; --weights uses trained networks, --seeds trains them")
    for option in ("models", "weights", "seeds", "panel") if request.networks else ():
        if getattr(request, option):
            raise InputError(f"--networks and --{option} are both given; leave one out")
    experiments = select(
        registry,
        "experiments",
        request.experiments or default_experiments(registry),
        lambda experiment: _preset(experiment, request.preset).params,
    )
    if not experiments:
        raise InputError("no installed experiment is run by default; name one with --experiments")
    found = panels(request, registry)
    chosen = found[0] if request.panel is not None else None
    scopes = tuple(_scope(experiment, request, files, registry, chosen) for experiment in experiments)
    return Resolved(request, scopes, room, found)


def _preset(experiment: Experiment, name: str) -> Preset:
    if name not in experiment.presets:
        raise unknown(f"preset of {experiment.name}", name, experiment.presets)
    return experiment.presets[name]


def _scope(
    experiment: Experiment, request: Request, files: tuple[Path, ...], registry: Registry, panel: PanelFile | None
) -> Scope:
    """The scope of an experiment: options of the request, and those of its preset where the request has none."""
    preset = _preset(experiment, request.preset)
    preset = preset_of(panel, preset) if panel else preset
    networks = named(request.networks, registry)
    models = tuple({each.model.spec: each.model for each in networks}.values()) or select(
        registry, "models", _named("--models", request.models, preset.models, experiment)
    )
    if request.layouts:
        must_name(request.layouts, {layer for model in models for layer in model.layers})
    if files and len(models) != 1:
        networks, files = each_with_its_own(models, files), ()
    if (files or networks) and experiment.across:
        option = "--networks" if request.networks else "--weights"
        raise InputError(
            f"{option} is given for {experiment.name}, which trains networks on every data set; leave {option} out"
        )
    limit = preset.max_samples if request.max_samples is None else request.max_samples
    if limit < 16:
        raise InputError(f"--max-samples is {limit}; at least 16 images are needed")
    views = tuple(dict.fromkeys(parts("--view", request.view or (preset.view,))))
    for view in views:
        if view not in ALL_VIEWS:
            raise unknown("view", view, ALL_VIEWS)
    scope = Scope(
        experiment,
        select(registry, "indices", request.indices or (preset.indices,)),
        select(registry, "stitchers", request.stitchers or (preset.stitchers,)),
        models,
        select(registry, "datasets", _named("--datasets", request.datasets, preset.datasets, experiment)),
        () if files or networks else seeds(preset.seeds if request.seeds is None else request.seeds),
        _layers(models, request.layers) if request.layers else _usual(models, preset.layers),
        views,
        limit,
        files,
        Design.of(preset.pairs if request.pairs is None else request.pairs),
        request.pairs is not None,
        networks,
    )
    if panel:
        check(panel, scope.models, scope.datasets, scope.seeds, scope.layers)
    return scope


def _named(option: str, given: tuple, preset: str, experiment: Experiment) -> tuple:
    """An option of the request, or of the preset where there is none. Raises InputError where both are empty."""
    if not given and not preset:
        raise InputError(f"experiment {experiment.name} has no preset for {option}; give {option}")
    return given or (preset,)


def _files(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """Paths between commas."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    if not all(parts):
        raise InputError(f"--weights is {','.join(texts)!r}, which has an empty part; give files separated by commas")
    return tuple(Path(part).expanduser() for part in parts)


def _usual(models: tuple[Model, ...], preset: str) -> dict[str, tuple[str, ...]]:
    """Model spec -> the layers that a preset names, or the default layers of a model that has none of them."""
    patterns = split_list(preset) if preset else []
    return {model.spec: _matching(model, patterns) or model.default_layers for model in models}


def _matching(model: Model, patterns: list[str]) -> tuple[str, ...]:
    """Stitchable layers that match a pattern or are default layers where these are asked for, in order of depth."""
    usual = model.default_layers if USUAL.intersection(patterns) else ()
    return tuple(
        layer
        for layer in model.layers
        if layer in usual or any(fnmatch.fnmatchcase(layer, pattern) for pattern in patterns)
    )


def _layers(models: tuple[Model, ...], given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Model spec -> stitchable layers that match, in order of depth; `auto` and `blocks` are the default layers."""
    patterns = ["*" if part == "all" else part for part in parts("--layers", given)]
    everywhere = {layer for model in models for layer in model.layers}
    for pattern in patterns:
        if pattern not in USUAL and not fnmatch.filter(everywhere, pattern):
            raise unknown(
                f"layer of {', '.join(model.spec for model in models)}",
                pattern,
                everywhere,
                "only layers between stages can be stitched",
            )
    chosen = {model.spec: _matching(model, patterns) for model in models}
    for model in models:
        if not chosen[model.spec]:
            raise InputError(f"--layers names no layer of {model.spec}; allowed: {', '.join(model.layers)}")
    return chosen
