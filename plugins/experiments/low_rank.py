"""Stitches of low rank: section 7 and figure 7 of the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves, trained
from simbench_plugins.experiments.pairs import first_pairs, parameter, settings
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL
from simbench_plugins.stitchers.bottleneck import Bottleneck
from simbench_plugins.stitchers.least_squares import LeastSquares, ReducedRank

from simbench import Case, Experiment, Inapplicable, Row, Stitcher, hookimpl, nested, number, numbers
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept

#: Kind of case -> its name, in the order of the legend.
KINDS = {"direct": "least squares", "task": "task loss"}


@dataclass(frozen=True)
class LowRank(Experiment):
    """Accuracy of stitches of rank at most k: the least squares map of this rank, and a map through k dimensions that
    is trained on the task loss. Both are compared with maps of full rank.

    The direct map is M_LS V_k V_k^T (reduced_rank), which keeps the k dimensions that explain most of the variance
    of B. The trained map is M = U V with U (p, k); it may keep other dimensions, which the end of Model 2 needs more.
    Stitches are fitted on train images and scored on test images, for the first `pairs` ordered pairs of networks at
    every layer. Cases whose rank is not below both widths are skipped.

    ranks: values of k. stitcher: a trained stitcher with the parameter rank, whose value is ignored; its attribute
    `unrestricted`, if there is one, is the same stitcher without a bound on the rank. Either all maps have a bias or
    none.
    The paper has ranks 4, 8 and 16, two layers of Tiny-10 that it does not name (here bn3 and bn5), and averages of
    10 runs. Stitches are trained as in the authors' code, except for the initial map: it is reduced_rank here, and a
    product of random orthogonal factors there.
    """

    ranks: tuple[int, ...] = numbers((4, 8, 16), least=1)
    stitcher: Stitcher = nested(lambda: Bottleneck(epochs=2), kind="stitchers")
    pairs: int = number(3, least=1)

    name = "low_rank"
    source = "Csiszarik et al. 2021, section 7, figure 7"
    version = 2
    presets: ClassVar = {
        "default": replace(SMALL, layers="bn3,bn5"),
        "paper": replace(
            PAPER, params=f"pairs=10,stitcher=bottleneck[{AUTHORS}]", layers="bn3,bn5", max_samples=SMALL.max_samples
        ),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        trained.check(self.stitcher, "rank", example="bottleneck")
        self._stitchers()

    def plan(self, selection: Selection) -> Iterator[Case]:
        for pair in first_pairs(selection, self.pairs, self.spec):
            for kind, stitchers in self._stitchers().items():
                for stitcher in stitchers:
                    yield Case.stitch(self, selection.setting, stitcher, pair, kind)

    def _stitchers(self) -> dict[str, list[Stitcher]]:
        """Kind of case -> the stitcher of full rank, if there is one, and one of each rank."""
        bias, unbounded = trained.with_bias(self.stitcher), getattr(self.stitcher, "unrestricted", None)
        return {
            "direct": [LeastSquares(bias), *(ReducedRank(rank, bias) for rank in self.ranks)],
            "task": [
                *([unbounded] if isinstance(unbounded, Stitcher) else []),
                *(trained.varied(self.stitcher, rank=rank) for rank in self.ranks),
            ],
        }

    def run(self, case: Case, bench: Bench) -> list[Row]:
        rank = getattr(case.method, "rank", 0)
        p, q = (bench.shape(*side)[0] for side in ((case.a, case.layer_a), (case.b, case.layer_b)))
        if rank >= min(p, q):
            unbounded = self._stitchers()[case.kind][0]
            see = "" if getattr(unbounded, "rank", 0) else f"; see {unbounded.name}"
            raise Inapplicable(f"rank {rank} is no bound on maps from {p} to {q} neurons{see}")
        return bench.stitched(bench.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean relative accuracy over the pairs: a row for each layer and rank; full rank comes last."""
        scores = _scored(rows)
        if scores.empty:
            return scores[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if scores[name].nunique() > 1]
        wide = scores.pivot_table(index=["dataset", *several, "layer_a", "rank"], columns="kind", values="value")
        wide = wide[[kind for kind in KINDS if kind in wide]].rename(columns=KINDS)
        wide = wide.rename_axis(columns=None).reset_index().rename(columns={"layer_a": "relative accuracy at"})
        return wide.assign(rank=[f"{rank:.0f}" if rank < float("inf") else "full" for rank in wide["rank"]])

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each layer: mean relative accuracy, as a bar for each rank and as a line for full rank."""
        parts = list(settings(_scored(rows)))
        if not parts:
            return None
        figure, axes = figures.panels(len(parts), title="Stitches of low rank")
        for panel, (title, part) in zip(axes, parts, strict=True):
            _bars(panel, part)
            figures.describe(panel, title, "rank of the stitch", "accuracy relative to Model 2")
        figures.legend(figure, axes)
        return figure


def _scored(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies and their ranks; full rank is infinity."""
    scores = curves.numbers(rows, "relative_accuracy")
    return scores.assign(rank=[rank if rank > 0 else float("inf") for rank in parameter(scores, "rank")])


def _bars(axes: Axes, part: pandas.DataFrame) -> None:
    """Means and standard deviations over the pairs of one setting: a bar for each rank, a line for full rank."""
    ranks = sorted(rank for rank in part["rank"].unique() if rank < float("inf"))
    for at, (kind, name) in enumerate(KINDS.items()):
        means = curves.spread(part[part["kind"] == kind], ["rank"]).set_index("rank")
        bounded = means.reindex(ranks)
        axes.bar(
            [i + 0.38 * (at - 0.5) for i in range(len(ranks))],
            bounded["mean"],
            0.36,
            color=figures.colour(at),
            yerr=bounded["std"].fillna(0),
            error_kw={"elinewidth": 1},
            label=name,
        )
        if float("inf") in means.index:
            axes.axhline(
                means.at[float("inf"), "mean"],
                color=figures.colour(at),
                linestyle="--",
                linewidth=1.2,
                label=f"{name}, full rank",
            )
    figures.ticks(axes, [f"{rank:.0f}" for rank in ranks])
    axes.grid(axis="x", visible=False)


@hookimpl
def simbench_experiments():
    return [LowRank()]
