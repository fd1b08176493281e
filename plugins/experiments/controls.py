"""Stitches of fronts that share nothing with Model 2: a baseline for stitched accuracy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.datasets.shuffled import Shuffled
from simbench_plugins.experiments import controls_report, curves
from simbench_plugins.experiments.noise import clustered_noise
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL

from simbench import Case, Experiment, InputError, Network, Result, Row, hookimpl, number

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Dataset, Selection
    from simbench.contracts import Kept


@dataclass(frozen=True)
class Controls(Experiment):
    """Stitched accuracy with trained fronts, compared with fronts that share nothing with Model 2.

    Four fronts are stitched to the same end, at the same layer, by the same stitcher:

    - "trained": the front of the pair, as in `matching`;
    - "untrained": a front of its architecture with initial weights (`Network.untrained`);
    - "shuffled": a front that was trained by the same recipe on permuted labels (data set `shuffled`);
    - "noise": no network, but clustered noise of the size of the front's activations, which knows the class of every
      input and nothing else (`simbench_plugins.experiments.noise`).

    Rows of each kind hold the scores of the stitched network, and those of a control `accuracy_above_control`: the
    relative accuracy with the trained front less that with the control. If a stitch
    is as accurate without a trained front, its accuracy says nothing about the front.

    shuffled: number of networks of each model that are trained on permuted labels, with the first of the selected
    seeds; fronts of other seeds use them in turn. noise: standard deviation within a cluster of the clustered
    noise; Smith et al. do not fix it.
    Preset paper: CIFAR-10, and Tiny-10 and the stitches trained as by the authors of Csiszarik et al.
    """

    shuffled: int = number(2, least=0)
    noise: float = number(0.3, least=0.0)

    name = "controls"
    source = "Smith et al. 2025, algorithms 1 and 2 (noise); Zhang et al. 2017, section 2.1 (labels)"
    presets: ClassVar = {
        "default": replace(SMALL, seeds="3", pairs="balanced:1", stitchers="least_squares,procrustes,reduced_rank"),
        "paper": replace(
            PAPER, params="shuffled=4", seeds="4", stitchers=f"least_squares,procrustes,task_loss[{AUTHORS}]"
        ),
    }

    def controls(self, dataset: Dataset, seeds: Sequence[int]) -> Sequence[tuple[Dataset, Sequence[int]]]:
        return [(Shuffled(dataset), seeds[: self.shuffled])]

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, pairs = selection.setting, list(selection.pairs())
        if not pairs:
            raise InputError(
                f"{self.spec} stitches pairs of networks at a layer of both; given {len(selection.networks)} "
                "network(s), no two with a layer in common; ask for more with --seeds"
            )
        for network in selection.networks:
            yield Case.alone(self, setting, network)
        for pair in pairs:
            controls = {"untrained": pair.a.untrained, "shuffled": _partner(pair.a, selection)}
            for stitcher in selection.stitchers:
                for kind in ("trained", "noise"):
                    yield Case.stitch(self, setting, stitcher, pair, kind)
                for kind, control in controls.items():
                    if control is not None:
                        yield replace(Case.stitch(self, setting, stitcher, pair, kind), control=control)

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        if case.kind == "network":
            return curves.alone(case, bench)
        trained = bench.once(case, ("trained", case.method.spec), lambda: _scored(case, bench))
        if case.kind == "trained":
            return trained
        rows = self._of_noise(case, bench) if case.kind == "noise" else _scored(replace(case, a=case.control), bench)
        return [*rows, *_above(trained, rows)]

    def _of_noise(self, case: Case, bench: Bench) -> list[Row]:
        """Scores with clustered noise in place of the front."""
        train, test = (
            bench.once(case, ("noise", split), partial(clustered_noise, case, bench, split, self.noise))
            for split in ("train", "test")
        )
        return bench.scored(bench.logits(bench.fit(case.method, case, front=train), case, test), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return controls_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return controls_report.figure(rows, kept)


def _partner(network: Network, selection: Selection) -> Network | None:
    """The control of the model of a network: of the same seed if there is one, otherwise the one at its position; None
    if there is none."""
    own = [other for other in selection.controls if other.model == network.model]
    same = [other for other in own if other.seed.partition("@")[0] == network.seed]
    place = [other for other in selection.ordered if other.model == network.model].index(network)
    return (same or [own[place % len(own)]])[0] if own else None


def _scored(case: Case, bench: Bench) -> list[Row]:
    return bench.scored(bench.logits(bench.fit(case.method, case), case), case)


def _above(trained: Sequence[Row], rows: Sequence[Row]) -> Iterator[Row]:
    """The row `accuracy_above_control`, where both accuracies are defined."""
    values = [{row.quantity: row.value for row in some}["relative_accuracy"] for some in (trained, rows)]
    if None not in values:
        yield Row("accuracy_above_control", values[0] - values[1])


@hookimpl
def simbench_experiments():
    return [Controls()]
