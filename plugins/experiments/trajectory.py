"""Indices along the training of a stitch: the paper's experiment 3."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import trained, trajectory_report
from simbench_plugins.experiments.pairs import first_pairs
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.indices.reversed import Reversed
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, Index, Result, Row, Stitcher, hookimpl, nested, number
from simbench.isolation.answers import ask, problem_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept


@dataclass(frozen=True)
class Trajectory(Experiment):
    """Every index between the stitched activations A M and B, and the accuracy of the stitched network, while the
    stitch M is trained from the least squares map.

    stitcher: trains M. pairs: number of ordered pairs of networks at each layer. every: number of training steps
    between two rows of the tables. Arrays beside the records hold the index at every step if it needs only moments and
    the view is spatial or pooled, because the moments of A M then follow from those of A; otherwise they hold it at the
    steps of the rows.

    `similarity` is s(A M -> B); `reverse_similarity`, for indices that are not symmetric, is s(B -> A M). Rows of kind
    "training" hold scores and the residual ||A M - B||^2 / ||B||^2. Everything is measured on test images.

    r2_lr(A M -> B) and cca are invariant to an invertible M, so they stay constant. The R2_LR that falls while the
    network improves (in the paper, "the distances naturally must increase") is 1 - residual: the same ratio for M
    instead of the optimal map. Least squares maximises it on train images, so training lowers it: on digits in all 20
    pairs, by 0.01 to 0.05. r2_lr(B -> A M), the direction of `lr` in the authors' code, changes by at most 0.004, up
    as often as down.

    Preset paper: Tiny-10, layer 3 and 10 runs, as in the paper; 30 epochs of Adam, whose learning rate falls in steps
    from 1e-3, on augmented images, as in the authors' code.
    Preset default: training on digits improves the least squares stitch little at bn3, so bn5 is added.
    """

    stitcher: Stitcher = nested(lambda: TaskLoss(epochs=4), kind="stitchers")
    pairs: int = number(10, least=1)
    every: int = number(4, least=1)

    #: Maximal size in bytes of the stitched activations that go through the end of Model 2 at once.
    held: ClassVar[int] = 2**26

    name = "trajectory"
    source = "Csiszarik et al. 2021, section 6.2, figure 4"
    version = 2
    presets: ClassVar = {
        "default": replace(SMALL, layers="bn3,bn5,layer2.0"),
        "paper": replace(
            PAPER,
            params=f"every=90,stitcher=task_loss[{AUTHORS}]",
            seeds="5",
            layers="bn3",
            indices="cka,r2_lr,cca,svcca",
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        trained.check(self.stitcher)

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            yield Case.stitch(self, selection.setting, self.stitcher, pair, "training")
            for view in selection.views:
                for index in selection.indices:
                    if index.needs != "case":  # such an index does not see the stitch
                        yield Case.compare(self, selection.setting, index, pair, view, "trajectory")

    def run(self, case: Case, bench: Bench) -> Result:
        import numpy as np

        maps = bench.once(case, (self.name, self.stitcher.spec), lambda: _maps(self.stitcher, case, bench))
        logged = sorted({*range(0, len(maps), self.every), len(maps) - 1})
        if case.kind == "training":
            rows, steps = list(_scores(maps, logged, case, bench, self.held)), logged
            arrays = {
                name: [row.value for row in rows if row.quantity == name]
                for name in ("cross_entropy", "accuracy", "residual")
            }
            arrays["1 - residual"] = [1 - value for value in arrays.pop("residual")]
        else:
            steps = list(range(len(maps))) if _exact(case.method, case) else logged
            sides = {"similarity": case.method}
            if not case.method.claims.symmetric:
                sides["reverse_similarity"] = Reversed(case.method)
            by_side = {
                side: [_row(side, index, maps[step], step, case, bench) for step in steps]
                for side, index in sides.items()
            }
            rows = [row for of in by_side.values() for row in of if row.step in set(logged)]
            arrays = {side: [row.value for row in of] for side, of in by_side.items()}
        return Result(rows, {name: np.array(values) for name, values in (arrays | {"step": steps}).items()})

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return trajectory_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return trajectory_report.figure(kept)


def _maps(stitcher: Stitcher, case: Case, bench: Bench) -> list[Affine]:
    """The map before the first step and after every step."""
    maps: list[Affine] = []
    bench.fit(
        stitcher,
        case,
        on_step=lambda step, affine: maps.append(
            Affine(affine.weight.detach().clone(), None if affine.bias is None else affine.bias.detach().clone())
        ),
    )
    if not maps:
        raise ArithmeticError(f"stitcher {stitcher.spec} reported no step")
    return maps


def _scores(maps: list[Affine], logged: list[int], case: Case, bench: Bench, held: int) -> Iterator[Row]:
    """Scores and residuals of the maps at these steps. As many maps as `held` bytes of activations allow are scored at
    once."""
    import torch

    from simbench.networks.inputs import BATCH

    m = bench.moments(case, "test", "spatial")
    image = math.prod(bench.shape(case.b, case.layer_b)) * 4
    most = max(1, held // (image * BATCH))
    for at in range(0, len(logged), most):
        chosen = [maps[step] for step in logged[at : at + most]]
        together = Affine(
            torch.stack([each.weight for each in chosen]),
            None if chosen[0].bias is None else torch.stack([each.bias for each in chosen]),
        )
        for step, affine, logits in zip(logged[at : at + most], chosen, bench.logits(together, case), strict=True):
            yield from (replace(row, step=step) for row in bench.scored(logits, case))
            yield Row("residual", float(m.residual(affine.to(torch.float64))), step)


def _row(quantity: str, index: Index, affine: Affine, step: int, case: Case, bench: Bench) -> Row:
    """The index between the stitched activations A M and B at one step."""
    import torch

    if not _exact(index, case):
        return Row(quantity, bench.stitched_similarity(index, affine, case), step)
    m = bench.moments(case, "test", case.view).through(affine.to(torch.float64))
    value, note, claims = ask(index, m)
    problem = problem_of(index, value, claims)
    if problem:
        raise ArithmeticError(f"{problem.replace(' returned ', ' is ', 1)} at step {step}")
    return Row(quantity, float(value), step, "degenerate" if note else "ok", note)


def _exact(index: Index, case: Case) -> bool:
    """Whether the index of A M and B follows from the moments of A and B."""
    return case.view != "flat" and index.needs == "moments"


@hookimpl
def simbench_experiments():
    return [Trajectory()]
