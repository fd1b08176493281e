"""What the user asked for, and its resolution against what is installed."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path

from simbench.contracts import Dataset, Experiment, Index, Model, Stitcher
from simbench.errors import InputError, unknown
from simbench.registry import Registry
from simbench.selection import seeds, split_list
from simbench.views import VIEWS

#: Networks trained when neither --seeds nor --weights is given: correlations get intervals from six.
SEEDS = "6"


@dataclass(frozen=True)
class Request:
    """The options of `simbench run`, as typed. max_samples: images drawn of each split at most."""

    indices: tuple[str, ...] = ("all",)
    stitchers: tuple[str, ...] = ("all",)
    models: tuple[str, ...] = ("tiny10",)
    datasets: tuple[str, ...] = ("digits",)
    experiments: tuple[str, ...] = ("all",)
    seeds: str | None = None
    layers: tuple[str, ...] = ()
    views: tuple[str, ...] = ("spatial",)
    weights: tuple[str, ...] = ()
    max_samples: int = 10_000
    device: str = "cpu"
    results: Path = Path("simbench-results")
    force: bool = False


@dataclass(frozen=True)
class Resolved:
    """A request with every name turned into an object."""

    request: Request
    indices: tuple[Index, ...]
    stitchers: tuple[Stitcher, ...]
    models: tuple[Model, ...]
    datasets: tuple[Dataset, ...]
    experiments: tuple[Experiment, ...]
    seeds: tuple[int, ...]
    layers: dict[str, tuple[str, ...]]
    views: tuple[str, ...]
    files: tuple[Path, ...]


def resolve(request: Request, registry: Registry) -> Resolved:
    """Look every name up. Raises InputError for the first that cannot be used; computes nothing."""
    files = _files(request.weights)
    models = registry.select("models", _parts("--models", request.models))
    if files and len(models) != 1:
        raise InputError(f"--weights is given with {len(models)} models; name the one model of the files with --models")
    if files and request.seeds is not None:
        raise InputError("--weights and --seeds are both given; --weights uses trained networks, --seeds trains them")
    if request.max_samples < 16:
        raise InputError(f"--max-samples is {request.max_samples}; at least 16 images are needed")
    views = tuple(dict.fromkeys(_parts("--view", request.views)))
    for view in views:
        if view not in VIEWS:
            raise unknown("view", view, VIEWS)
    return Resolved(
        request,
        registry.select("indices", _parts("--indices", request.indices)),
        registry.select("stitchers", _parts("--stitchers", request.stitchers)),
        models,
        registry.select("datasets", _parts("--datasets", request.datasets)),
        registry.select("experiments", _parts("--experiments", request.experiments)),
        () if files else seeds(SEEDS if request.seeds is None else request.seeds),
        _layers(models, request.layers),
        views,
        files,
    )


def _parts(option: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    """What stands between the commas of an option's texts; InputError that names the option."""
    try:
        return tuple(part for text in texts for part in split_list(text))
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def _files(texts: tuple[str, ...]) -> tuple[Path, ...]:
    """Paths between commas."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    if not all(parts):
        raise InputError(f"--weights is {','.join(texts)!r}, which has an empty part; give files separated by commas")
    return tuple(Path(part).expanduser() for part in parts)


def _layers(models: tuple[Model, ...], asked: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Model spec -> stitchable layers that match, in order of depth; the model's default without a wish."""
    if not asked:
        return {model.spec: model.default_layers for model in models}
    patterns = ["*" if part == "all" else part for part in _parts("--layers", asked)]
    everywhere = {layer for model in models for layer in model.layers}
    for pattern in patterns:
        if not fnmatch.filter(everywhere, pattern):
            raise unknown(f"layer of {', '.join(model.spec for model in models)}", pattern, everywhere,
                          "only layers between stages can be stitched")
    chosen = {model.spec: tuple(layer for layer in model.layers
                                if any(fnmatch.fnmatchcase(layer, pattern) for pattern in patterns))
              for model in models}
    for model in models:
        if not chosen[model.spec]:
            raise InputError(f"--layers names no layer of {model.spec}; allowed: {', '.join(model.layers)}")
    return chosen
