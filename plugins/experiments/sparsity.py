"""How sparse a stitch can be: the paper's experiment 7."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import sparsity_report, trained
from simbench_plugins.experiments.pairs import first_pairs
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.stitchers.lasso import Lasso
from simbench_plugins.stitchers.least_squares import LeastSquares
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, Result, Row, Stitcher, hookimpl, nested, number, numbers

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

#: A row gets a note if a larger share of the weights lies between the threshold and ten times the threshold.
CLOUD = 0.05


@dataclass(frozen=True)
class Sparsity(Experiment):
    """Accuracy of stitches with few connections. An L1 penalty of growing strength is added to direct matching (eq. 3,
    the lasso) and to task loss matching: cross-entropy + l1 ||M||_1, where ||M||_1 = sum_ij |m_ij|.

    Weights of absolute value below `threshold` are set to zero, and the resulting map is scored on test images.
    Sparsity is the share of zeros in M; the bias is not penalised. Both kinds also have a map without a penalty: least
    squares, and the same training with l1 = 0 (its sparsity is above 0 if neurons are dead). Stitches are fitted on
    train images, for the first `pairs` ordered pairs of networks at every layer.

    alphas: strengths of the lasso, between 0 and 1 (`lasso` explains the scale). l1: strengths for task loss matching,
        in nats per unit of weight. stitcher: a trained stitcher with the parameter l1, whose value is ignored. Either
        all maps have a bias or none.
    Each step of Adam changes a weight by about the learning rate. A penalised weight therefore oscillates around zero,
    and it stays below the threshold of 1e-4 only if the last learning rates are well below 1e-4. The learning rate is
    reduced in steps, as in the authors' code: to 1e-5 there, to 3e-5 by default. With a constant rate of 1e-3 most
    zeros would be missed. A row `sparsity` of a trained map has a note if more than 5 % of the weights lie between the
    threshold and ten times the threshold.
    The paper gives the threshold, but neither the layer (here bn7 of Tiny-10, where 80 % of the weights can be zero)
    nor the strengths. The authors' code penalises the mean of |m_ij| instead of the sum.
    """

    alphas: tuple[float, ...] = numbers((0.003, 0.03, 0.1, 0.2, 0.3, 0.5), above=0)
    l1: tuple[float, ...] = numbers((1e-4, 1e-3, 0.01, 0.1, 0.3), above=0)
    stitcher: Stitcher = nested(lambda: TaskLoss(epochs=30, learning_rate=0.003, schedule="step"), kind="stitchers")
    threshold: float = number(1e-4, least=0)
    pairs: int = number(2, least=1)

    name = "sparsity"
    source = "Csiszarik et al. 2021, section 8, experiment 7, figure 8"
    version = 2
    presets: ClassVar = {
        "default": replace(SMALL, layers="bn7"),
        "paper": replace(
            PAPER, params=f"pairs=10,stitcher=task_loss[{AUTHORS}]", layers="bn7", max_samples=SMALL.max_samples
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        trained.check(self.stitcher, "l1")
        self._stitchers()

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            for kind, stitchers in self._stitchers().items():
                for stitcher in stitchers:
                    yield Case.stitch(self, selection.setting, stitcher, pair, kind)

    def _stitchers(self) -> dict[str, list[Stitcher]]:
        """Kind of case -> the stitcher without a penalty, and one for each strength."""
        bias = trained.with_bias(self.stitcher)
        return {
            "direct": [LeastSquares(bias), *(Lasso(alpha, bias) for alpha in self.alphas)],
            "task": [trained.varied(self.stitcher, l1=l1) for l1 in (0.0, *self.l1)],
        }

    def run(self, case: Case, bench: Bench) -> Result:
        affine = bench.fit(case.method, case)
        size = affine.weight.abs()
        weight = affine.weight.where(size >= self.threshold, 0)
        near = float(((size >= self.threshold) & (size < 10 * self.threshold)).double().mean())
        note = (
            (
                f"{near:.0%} of the weights are between the threshold and ten times it: not all zeros are at zero, "
                "take a lower last learning rate"
            )
            if getattr(case.method, "l1", 0) and near > CLOUD
            else ""
        )
        rows = [
            Row("sparsity", float((weight == 0).double().mean()), note=note),
            *bench.stitched(Affine(weight, affine.bias), case),
        ]
        return Result(rows, {"weight": weight.float().cpu().numpy()})

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return sparsity_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return sparsity_report.figure(rows, kept)


@hookimpl
def simbench_experiments():
    return [Sparsity()]
