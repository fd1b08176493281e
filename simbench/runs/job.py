"""A job: a request with its plan and the existing records, prepared before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from simbench.contracts.selection import Network
from simbench.errors import InputError, Unplanned
from simbench.networks import weights
from simbench.registry import Registry
from simbench.results.record import weights_of
from simbench.results.store import Contents, Store
from simbench.runs.cases import Cases
from simbench.runs.cuts import try_cuts
from simbench.runs.placeholders import UNTRAINED, trained_as
from simbench.runs.plan import Part, check_splits, plan
from simbench.runs.request import Request
from simbench.runs.resolved import Resolved, resolve
from simbench.system.cache import cache_folder
from simbench.system.surroundings import of_plugin
from simbench.system.writable import unwritable

#: Cases whose records are looked up together.
BLOCK = 65_536


@dataclass(frozen=True)
class Job:
    """A request with its plan and the existing records, prepared before anything is computed.

    parts: the cases of each data set and set of networks. contents: existing content of the results folder.
    notes: on experiments that are run by default and were left out, because their own code fails.
    lost: on networks that were left out, because their training kills its process.
    untrained: number of networks to train. cases: number of selected cases. pending: number of cases to measure, among
    them every case with an untrained network.
    """

    resolved: Resolved
    parts: tuple[Part, ...]
    contents: Contents
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def untrained(self) -> int:
        return len({trained_as(network, part.selection.setting) for part in self.parts for network in part.untrained})

    @property
    def cases(self) -> int:
        return sum(len(part.cases) for part in self.parts)

    @property
    def pending(self) -> int:
        return sum(map(len, self._open))

    def open(self, part: Part) -> Cases:
        """Cases of a part without a finished record."""
        return self._open[next(place for place, each in enumerate(self.parts) if each is part)]

    @cached_property
    def _open(self) -> list[Cases]:
        """For each part."""
        cases = [Cases.of(part.cases) for part in self.parts]
        return cases if self.resolved.request.force else list(map(self._unfinished, cases))

    def _unfinished(self, cases: Cases) -> Cases:
        sides = [cases.each(side, _untrained).astype(bool) for side in ("a", "b", "control")]
        untrained, keys, left = np.logical_or.reduce(sides), cases.hashes(), []
        for start in range(0, len(cases), BLOCK):
            done = self.contents.finished(list(islice(keys, BLOCK)))
            left.append(start + np.flatnonzero(~done | untrained[start : start + BLOCK]))
        return cases.take(np.concatenate(left)) if left else cases


def _untrained(network: Network | None) -> bool:
    return network is not None and network.weights == UNTRAINED


@of_plugin
def prepare(request: Request, registry: Registry, elsewhere: bool = False) -> Job:
    """Resolve and plan a request, and check everything that its run needs. Raises InputError; writes no results.

    elsewhere: it will be measured on other machines, whose devices are not looked at."""
    resolved = resolve(request, registry)
    store = Store(request.results)
    store.check_writable()
    if not elsewhere:
        check_device(request.device)
    resolved, parts, notes = _planned(resolved)
    job = Job(resolved, parts, store.read(), notes)
    reason = job.untrained and unwritable(cache_folder("weights"))
    if reason:
        raise InputError(f"the cache folder {cache_folder()} is not writable ({reason}); set SIMBENCH_CACHE to another")
    _check_names(job)
    check_splits(resolved, job.pending)
    for part in job.parts:
        if part.untrained:
            try_cuts(part)
        if (request.weights or request.networks) and job.open(part):
            for network in part.selection.networks:
                if network.weights == UNTRAINED:
                    continue
                weights.load(network, part.selection.setting.dataset)
    return job


def _planned(resolved: Resolved) -> tuple[Resolved, tuple[Part, ...], tuple[str, ...]]:
    """The plan, without experiments that nobody named and that cannot be planned, and a note on each of these."""
    notes: list[str] = []
    while True:
        try:
            return resolved, plan(resolved), tuple(notes)
        except Unplanned as error:
            rest = tuple(scope for scope in resolved.scopes if scope.experiment.spec != error.experiment)
            if resolved.request.experiments or len(rest) in (0, len(resolved.scopes)):
                raise
            notes.append(f"experiment {error.experiment} is left out, as it cannot be planned: {error.reason}")
            resolved = replace(resolved, scopes=rest)


def _check_names(job: Job) -> None:
    """Raise InputError where the results folder knows another network by the name of a given file: tables would show
    one network with layers of both."""
    cache = cache_folder("weights")
    given = [
        (part.selection.setting.dataset.label, network)
        for part in job.parts
        for network in part.selection.networks
        if network.weights != UNTRAINED and not network.part and network.file not in (Path(), cache / network.file.name)
    ]
    recorded: dict[tuple, str] = {}
    for record in job.contents.records.values() if given else ():
        for side in ("a", "b"):
            if weights := weights_of(record.identity, side):
                recorded[tuple(record.labels[name] for name in ("dataset", f"model_{side}", f"seed_{side}"))] = weights
    for dataset, network in given:
        if recorded.get((dataset, network.model.spec, network.seed), network.weights) != network.weights:
            raise InputError(
                f"checkpoint {str(network.file)!r} is not the {network.seed!r} of {network.model.spec} that "
                f"{str(job.resolved.request.results)!r} holds, which has other weights; rename the file, or give "
                "another folder with --results"
            )


def check_device(name: str) -> None:
    """Raise InputError unless the device is available. Imports torch for CUDA only."""
    if name == "cpu":
        return
    import torch

    here = [
        "cpu",
        *(["cuda"] if torch.cuda.is_available() else []),
        *(f"cuda:{number}" for number in range(torch.cuda.device_count())),
    ]
    if name not in here:
        raise InputError(
            f"--device is {name!r}; allowed here: {', '.join(here)}"
            + ("" if len(here) > 1 else " (torch finds no CUDA device)")
        )
