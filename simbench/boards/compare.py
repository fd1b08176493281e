"""Compare two networks: all their layers, by indices and by stitches, and the run behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simbench.boards.board import Board
from simbench.contracts import Experiment
from simbench.errors import InputError
from simbench.registry import Registry, load
from simbench.runs.declaring import must_match, of_both
from simbench.runs.named import named
from simbench.runs.request import Request
from simbench.runs.whole import run
from simbench.system.names import unfit

if TYPE_CHECKING:
    from torch import Tensor, nn

    from simbench.boards.live import Live
    from simbench.runs.job import Job

#: What is compared, where nothing is said.
INDICES, STITCHERS, VIEW = "cka,r2_lr", "least_squares", "spatial"


def compare(
    net_a: nn.Module,
    net_b: nn.Module,
    *,
    data: Any,
    test: Any = None,
    indices: str | Iterable = INDICES,
    stitchers: str | Iterable = STITCHERS,
    layers: str | Iterable[str] = "auto",
    preprocess_a: Callable[[Tensor], Tensor] | None = None,
    preprocess_b: Callable[[Tensor], Tensor] | None = None,
    names: tuple[str, str] | None = None,
    task: str = "auto",
    view: str | Iterable[str] = VIEW,
    layouts: str | Mapping[str, str] | tuple | None = None,
    pairing: str = "all",
    untrained: bool = True,
    max_samples: int = 10_000,
    results: Path | str = "simbench-results",
    registry: Registry | None = None,
    **options,
) -> Board:
    """Compare layers of two networks, of any classes: values of indices, and how well net_a up to a layer works as a
    front of net_b above a layer, through the stitches of each stitcher. Nothing is trained but the stitches.

    data: what both networks take, as (x, y), x, a dict of these, or a DataLoader or data set of them; stitches are
        fitted on it. It is read once. y: classes (n,), (n, outputs) of 0 and 1, or numbers to predict; without labels,
        stitched networks are scored by agreement with net_b, or by the residual alone where it gives features in place
        of outputs (n, outputs). test: data of the same kind, which indices and scores are computed on; by default, half
        of `data` is set aside.
    layers: "auto" (those of `simbench.cutting.default_layers`: stages, and the blocks in them), "all", or names and
        patterns. pairing: "all", or "depth" for layers of similar relative depth alone. untrained: also stitch a front
        of net_a with initial weights (parameters of modules without `reset_parameters` are put in a random order).
    layouts: the meaning of the axes of outputs, as for `simbench.similarities`, where a pass does not show it or view
        "cls" needs it: "ntc", {"encoder.layer.*": "tokens[prefix=1]"}, or a pair of these, for net_a and net_b.
    preprocess_a, preprocess_b: what a network is called with for a batch of inputs (n, ...), where that is not the
        batch: its normalisation, another size.
    task: "classification", "regression" (scored by R2 and the mean squared error), or "auto": floats that can be no
        classes are numbers to predict.
    names: in results; by default the names of the classes. max_samples: inputs of each split at most.
    results, options: as for `simbench.run`; the records have hashes of weights, code and data, and no pickles.

    Raises InputError before anything is computed for what cannot be compared. A layer that cannot be read is in
    `board.skipped`, with the reason; a pair of layers that cannot be stitched has a row `skipped`.

    >>> import tempfile, torch
    >>> nets = [torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)) for _ in "ab"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     board = compare(*nets, data=torch.randn(64, 6), results=folder)
    >>> board.matrix("cka").shape, board.matrix("agreement").shape
    ((2, 2), (2, 2))
    """
    import torch

    from simbench.boards.data import Given, collected, halves
    from simbench.boards.live import Live

    said = of_both(layouts)
    train = collected(data, "data")
    parts = halves(*train) if test is None else [train, collected(test, "test")]
    called = names or _names(net_a, net_b)
    for name in filter(unfit, called):
        raise InputError(f"the name of a network {unfit(name)}; give two names with names=")
    sample = torch.from_numpy(parts[1][0][:4])
    models = [
        Live(name, net, sample, prepare, mine)
        for name, net, prepare, mine in zip(called, (net_a, net_b), (preprocess_a, preprocess_b), said, strict=True)
    ]
    must_match(said, (models[0].modules, models[1].modules))
    _check_outputs(models, parts[0][1])
    dataset = Given(parts[0], parts[1], models[1].outputs or models[0].outputs or 1, task)
    networks = tuple(model.network() for model in models)
    registry = registry or load()
    experiment = _experiment(registry, pairing=pairing, untrained=untrained)
    outcome = run(
        Request.of(
            experiments=experiment,
            networks=networks,
            datasets=dataset,
            indices=indices,
            stitchers=stitchers,
            layers=() if layers == "auto" else layers,
            view=view,
            max_samples=max_samples,
            results=results,
            **options,
        ),
        registry=registry,
    )
    skipped = {side: dict(model.skipped) for side, model in zip("ab", models, strict=True)}
    return Board(outcome, experiment, networks[0], networks[1], dataset.label, skipped)


def compare_named(
    request: Request, registry: Registry, *, pairing: str, untrained: bool, layouts: Any = None, **given
) -> Board:
    """The same for two networks of `request.networks`, as typed. Raises InputError for another number of them, and
    where one is not trained yet. given: for `simbench.run`."""
    from dataclasses import replace

    from simbench.runs.job import prepare

    networks = named(request.networks, registry)
    if len(networks) != 2:
        raise InputError(f"{len(networks)} networks are given; two are compared, such as tiny10@0 tiny10@1")
    said = of_both(layouts)
    must_match(said, (networks[0].model.layers, networks[1].model.layers))
    networks = tuple(replace(each, layouts=mine) for each, mine in zip(networks, said, strict=True))
    experiment = _experiment(registry, pairing=pairing, untrained=untrained)
    request = replace(request, experiments=(experiment,), networks=networks)
    home = networks[1].model.published()
    if home and len(request.datasets) == 1:
        given_as = request.datasets[0]
        data = registry.get("datasets", given_as) if isinstance(given_as, str) else given_as
        other = data.unlabelled(home.classes) if data.classes != home.classes else None
        request = request if other is None else replace(request, datasets=(other,))
    lacking = [
        each for part in prepare(request, registry).parts for each in part.untrained if not each.model.published()
    ]
    if lacking and not request.train:
        raise InputError(
            f"{len(lacking)} of the networks are not trained yet, and compare trains nothing unless asked; "
            "give --train, or weights as MODEL@FILE"
        )
    outcome = run(request, registry=registry, **given)
    job = prepare(request, registry)
    selection = job.parts[0].selection
    a, b = selection.networks
    return Board(outcome, experiment, a, b, selection.setting.dataset.label, {}, _known(job))


def _known(job: Job) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Names on record -> names that are given, of networks (model, seed) and of a data set, where they differ: a result
    depends on weights and data, and a file may have been renamed."""
    known = {}
    for case in job.parts[0].cases:
        record = job.contents.records.get(case.key)
        for names in (("model_a", "seed_a"), ("model_b", "seed_b"), ("dataset",)) if record else ():
            old, new = (tuple(str(labels[name]) for name in names) for labels in (record.labels, case.labels))
            known |= {old: new} if old != new else {}
    return known


def _experiment(registry: Registry, **params) -> Experiment:
    """The experiment that pairs layers of any names, with the first network in front of the second."""
    from dataclasses import replace

    for entry in registry.entries["experiments"].values():
        if isinstance(entry.plugin, Experiment) and entry.plugin.unlike:
            return replace(entry.plugin, order="forth", **params)  # type: ignore[type-var, call-arg]
    raise InputError("no installed experiment compares layers of any names; install simbench's own plugins")


def _check_outputs(models: list[Live], labels: Any) -> None:
    """Raise InputError for labels that no network has outputs for."""
    if labels is not None and models[1].features:
        raise InputError(
            f"{models[1].name} gives no outputs (n, outputs) that labels could belong to; give data without labels, or "
            "a network with a head"
        )


def _names(net_a: nn.Module, net_b: nn.Module) -> tuple[str, str]:
    """The names of the classes, told apart where they are the same."""
    a, b = type(net_a).__name__, type(net_b).__name__
    return (a, b) if a != b else (f"{a}_a", f"{b}_b")
