"""simbench: do similarity indices of neural network representations predict stitching?

    simbench.similarity("cka", a, b)        one index on two sets of activations
    simbench.null("cka", a, b)              what it would be by chance: its value on permuted inputs
    simbench.similarities("cka", net_a, net_b, batches)     all layers of two networks
    simbench.compare(net_a, net_b, data=(x, y))     indices and stitches of all layers of two networks
    simbench.run(seeds=6)                   a whole benchmark run: networks, measurements, correlations, figures
    simbench.load()                         every installed plugin, as a Registry

Everything is imported when it is first asked for, so that `import simbench` costs nothing.
"""

from __future__ import annotations

import importlib

_WHERE = {
    "similarity": "simbench.comparison.arrays",
    "similarities": "simbench.comparison.layers",
    "null": "simbench.comparison.chance",
    "compare": "simbench.boards.compare",
    "run": "simbench.runs.whole",
    "Request": "simbench.runs.request",
    "Outcome": "simbench.runs.outcome",
    "load": "simbench.registry",
    "Registry": "simbench.registry",
    "Moments": "simbench.moments.pair",
    "Affine": "simbench.moments.affine",
    "cut": "simbench.cutting",
    "fold": "simbench.networks.fold",
    "hookimpl": "simbench.hookspecs",
    "Index": "simbench.contracts",
    "index": "simbench.authoring.functions",
    "Stitcher": "simbench.contracts",
    "Model": "simbench.contracts",
    "Dataset": "simbench.contracts",
    "Experiment": "simbench.contracts",
    "Executor": "simbench.contracts",
    "Workers": "simbench.contracts",
    "Need": "simbench.contracts",
    "Claims": "simbench.contracts",
    "State": "simbench.contracts",
    "KnownAnswer": "simbench.contracts",
    "Recipe": "simbench.contracts",
    "Preprocess": "simbench.contracts",
    "Source": "simbench.contracts",
    "Split": "simbench.contracts",
    "Row": "simbench.contracts",
    "Result": "simbench.contracts",
    "Preset": "simbench.contracts",
    "Design": "simbench.contracts",
    "BoardColumn": "simbench.contracts",
    "invariant": "simbench.contracts",
    "nested": "simbench.contracts",
    "number": "simbench.contracts",
    "numbers": "simbench.contracts",
    "Case": "simbench.contracts",
    "Network": "simbench.contracts",
    "Null": "simbench.contracts",
    "Pair": "simbench.contracts",
    "Panel": "simbench.contracts",
    "Selection": "simbench.contracts",
    "Setting": "simbench.contracts",
    "Task": "simbench.contracts",
    "Objective": "simbench.contracts",
    "Bench": "simbench.contracts",
    "InputError": "simbench.errors",
    "Inapplicable": "simbench.errors",
    "Undefined": "simbench.errors",
    "WorkerLost": "simbench.errors",
    "EngineGone": "simbench.errors",
    "DegenerateWarning": "simbench.errors",
}

__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version("simbench")
    if name not in _WHERE:
        raise AttributeError(f"module 'simbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
