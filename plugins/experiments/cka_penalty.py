"""Low index at high accuracy: the paper's experiment 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from simbench_plugins.experiments import cka_penalty_report
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.indices.cka import CKA
from simbench_plugins.stitchers.least_squares import LeastSquares
from simbench_plugins.stitchers.penalty import unpushable
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import (
    Affine,
    Case,
    Experiment,
    Inapplicable,
    Index,
    InputError,
    Pair,
    Row,
    Stitcher,
    hookimpl,
    nested,
    number,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Network, Selection
    from simbench.contracts import Kept


@dataclass(frozen=True)
class CKAPenalty(Experiment):
    """A network stitched with itself whose stitch is trained to lower an index while the network keeps its accuracy.

    From near the identity, Adam minimises cross-entropy + weight * index(stitched, own activations), by task_loss.
    The identity itself is a stationary point of both terms, so training starts from a seeded Gaussian perturbation
    of standard deviation `noise`. Every `every` steps the index and the scores are logged on the test images. A row
    `pushed_to` is the least similar value of the index among the logged steps at which relative accuracy is at least
    1 - tolerance: how far the index can be lowered before accuracy falls. A longer training may lower it further.

    index, view: the index that training lowers for every network, and its view ("flat", images by all neurons, in the
        authors' code). The penalty is the index of a batch, biased by its few rows; that of the test images is logged.
    weight, batch, epochs, learning_rate, schedule, augment, labels: of the training, as in task_loss.
    layer: "middle" is the middle one of the selected layers; a model without the layer is left out.
    networks: number of networks of each model, the first by seed or name, that are also trained to lower each selected
        index that a stitch can change (differentiable and not invariant to the stitch), in the selected views. An index
        that needs samples is left out if a batch has more rows than its `max_rows`, as in view spatial.
    pairs, baseline: for comparison, the index between stitched A and B, for this number of ordered pairs of networks
        at every selected layer, stitched by `baseline`.

    The paper penalises CKA at layer 2.0 of a ResNet of width 3 with "the usual cross-entropy term", read here as that
    of its section 4.1, to the outputs of Model 2 (the authors' code takes hard labels unless told otherwise); its
    baseline is of 10 pairs and all layers, for ResNet and Tiny-10, "transformed" by what it does not say (here, in its
    preset, by task loss). Batches of 128 and 30 epochs of Adam from 1e-3, in steps, augmented, are the authors' code's.
    """

    index: Index = nested(CKA, kind="indices")
    view: Literal["spatial", "flat", "pooled"] = "flat"
    weight: float = 1.0
    batch: int = 128
    epochs: int = 8
    learning_rate: float = 0.01
    schedule: Literal["constant", "step"] = "constant"
    augment: bool = False
    labels: Literal["soft", "hard"] = "soft"
    noise: float = number(1e-3, above=0)
    every: int = number(8, least=1)
    layer: str = "middle"
    networks: int = number(3, least=0)
    tolerance: float = number(0.01, least=0, most=1)
    baseline: Stitcher = nested(LeastSquares, kind="stitchers")
    pairs: int = number(3, least=0)

    name = "cka_penalty"
    source = "Csiszarik et al. 2021, section 6.3, figure 5"
    version = 3
    default = True
    board: ClassVar = {"pushed_to": cka_penalty_report.COLUMN}
    presets: ClassVar = {
        "default": SMALL,
        "paper": replace(
            PAPER,
            params=f"layer=layer2.0,learning_rate=0.001,{AUTHORS},every=90,pairs=10,baseline=task_loss[{AUTHORS}]",
            models=f"resnet20[width=3],{PAPER.models}",
            seeds="5",
            indices="cka",
            view="flat",
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pusher(self.index, self.view)

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, pushed = selection.setting, {}
        for network, layer in self._places(selection):
            yield Case.compare(self, setting, self.index, Pair(layer, network, network), self.view, "penalty")
            pushed.setdefault(network.model.spec, []).append((network, layer))
        asked = [(self.index.spec, self.view)]
        for index in selection.indices:
            for view in selection.views:
                if not unpushable(index) and (index.spec, view) not in asked:
                    for network, layer in (each for some in pushed.values() for each in some[: self.networks]):
                        yield Case.compare(self, setting, index, Pair(layer, network, network), view, "penalty")
        for pair in selection.pairs(self.pairs):
            yield Case.compare(self, setting, self.index, pair, self.view, "baseline")

    def _places(self, selection: Selection) -> Iterator[tuple[Network, str]]:
        """Networks, each with the layer at which it is stitched."""
        models = {network.model.spec: network.model for network in selection.networks}
        if self.layer != "middle" and not any(self.layer in model.layers for model in models.values()):
            allowed = dict.fromkeys(layer for model in models.values() for layer in model.layers)
            raise InputError(
                f"{self.spec}: {' or '.join(models)} has no layer {self.layer!r}; allowed: middle, {', '.join(allowed)}"
            )
        for network in selection.ordered:
            chosen = selection.layers[network.model.spec]  # none where the layers asked for are other models'
            if self.layer in network.model.layers or (self.layer == "middle" and chosen):
                yield network, chosen[len(chosen) // 2] if self.layer == "middle" else self.layer

    def _pusher(self, index: Index, view: str) -> TaskLoss:
        return TaskLoss(
            labels=self.labels,
            init="identity",
            noise=self.noise,
            index=index,
            weight=self.weight,
            view=view,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch=self.batch,
            schedule=self.schedule,
            augment=self.augment,
        )

    def run(self, case: Case, bench: Bench) -> list[Row]:
        if case.kind == "baseline":
            affine = bench.fit(self.baseline, case)
            return [Row("similarity", bench.stitched_similarity(case.method, affine, case))]
        rows: list[Row] = []
        last = -1

        def look(step: int, affine: Affine) -> None:
            nonlocal last
            if not bool(affine.weight.isfinite().all()):
                raise ArithmeticError(f"the gradient of index {case.method.spec} was NaN or infinite by step {step}")
            last = step
            if step % self.every == 0:
                rows.extend(_looks(step, affine, case, bench))

        try:
            affine = bench.fit(self._pusher(case.method, case.view), case, on_step=look)
        except InputError as error:  # raised by an index that accepts fewer rows
            raise Inapplicable(str(error)) from None
        if last % self.every:
            rows.extend(_looks(last, affine, case, bench))
        return [*rows, self._pushed_to(rows, case.method.claims.direction)]

    def _pushed_to(self, rows: list[Row], direction: int) -> Row:
        """The lowest similarity among the logged steps at which relative accuracy is 1 - tolerance or more."""
        works = {
            row.step
            for row in rows
            if row.quantity == "relative_accuracy" and row.status == "ok" and row.value >= 1 - self.tolerance
        }
        values = [(row.value * direction, row) for row in rows if row.quantity == "similarity" and row.step in works]
        if not values:
            note = f"relative accuracy is below {1 - self.tolerance:g} at every logged step"
            return Row("pushed_to", None, status="skipped", note=note)
        least = min(values, key=lambda pair: pair[0])[1]
        return replace(least, quantity="pushed_to")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return cka_penalty_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return cka_penalty_report.figure(rows)


def _looks(step: int, affine: Affine, case: Case, bench: Bench) -> Iterator[Row]:
    """The index, scores and residual of the stitch after a step."""
    yield Row("similarity", bench.stitched_similarity(case.method, affine, case), step)
    yield from (replace(row, step=step) for row in bench.stitched(affine, case))


@hookimpl
def simbench_experiments():
    return [CKAPenalty()]
