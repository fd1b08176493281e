"""The checks of a plugin, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from simbench.check.dataset import dataset_checks
from simbench.check.executor import executor_checks
from simbench.check.index import index_checks
from simbench.check.model import model_checks
from simbench.check.outcome import Check
from simbench.check.stitcher import stitcher_checks
from simbench.contracts import Dataset, Executor, Index, Model, Plugin, Stitcher
from simbench.errors import InputError

#: Contract -> its checks.
KITS: dict[type[Plugin], Callable[[Any], Iterator[Check]]] = {
    Index: index_checks,
    Stitcher: stitcher_checks,
    Model: model_checks,
    Dataset: dataset_checks,
    Executor: executor_checks,
}


def checks(plugin: Plugin) -> Iterator[Check]:
    """Every check of a configured index, stitcher, model, data set or executor, in order; nothing is computed before
    `Check.run`.

    Raises InputError for any other kind of plugin.
    """
    for contract, kit in KITS.items():
        if isinstance(plugin, contract):
            return kit(plugin)
    raise InputError(
        f"{plugin!r} has no conformance checks; give an Index, a Stitcher, a Model, a Dataset or an Executor"
    )
