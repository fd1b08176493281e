"""The whole extension surface: eight hooks, each returning a list of objects in their default configuration.

from simbench import Index, hookimpl

class MyIndex(Index): ...

@hookimpl
def simbench_indices():
    return [MyIndex()]

An entry point may also name one configured object, `my_index = "my_module:my_index"`, which needs no hook.
"""

from __future__ import annotations

import pluggy

from simbench.contracts import Dataset, Executor, Experiment, Index, Model, Panel, Source, Stitcher

hookspec = pluggy.HookspecMarker("simbench")
hookimpl = pluggy.HookimplMarker("simbench")


@hookspec
def simbench_indices() -> list[Index]:
    """Similarity indices."""


@hookspec
def simbench_stitchers() -> list[Stitcher]:
    """Ways to find an affine stitch."""


@hookspec
def simbench_models() -> list[Model]:
    """Network architectures."""


@hookspec
def simbench_datasets() -> list[Dataset]:
    """Data sets."""


@hookspec
def simbench_experiments() -> list[Experiment]:
    """Experiments."""


@hookspec
def simbench_panels() -> list[Panel]:
    """Panels: frozen sets of trained networks."""


@hookspec
def simbench_sources() -> list[Source]:
    """Sources of models and data sets, named with a colon: `torchvision:resnet18`."""


@hookspec
def simbench_executors() -> list[Executor]:
    """Executors: where the work of a run is done."""
