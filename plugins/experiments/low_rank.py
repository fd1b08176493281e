"""Matching through few dimensions: section 7 and figure 7 of the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import listed, parameter, settings, stitched
from simbench_plugins.stitchers.bottleneck import Bottleneck
from simbench_plugins.stitchers.least_squares import LeastSquares, ReducedRank

from simbench import Case, Experiment, Inapplicable, InputError, Preset, Row, Stitcher, hookimpl, nested
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Selection
    from simbench import Bench

#: Kind of case -> what it is, in the order of the legend.
KINDS = {"direct": "least squares", "task": "task loss"}


@dataclass(frozen=True)
class LowRank(Experiment):
    """How well stitches of rank at most k work: the least squares map of that rank against a bottleneck of k
    dimensions trained on the task loss, and both without a bound.

    The direct map is M_LS V_k V_k^T (reduced_rank), which keeps the k dimensions that explain most of the variance
    of B; the trained one is M = U V, U (p, k), which may keep others that the end of Model 2 needs more. Stitches
    are fitted on train images and scored on test images, for the first `pairs` ordered pairs of the networks at
    every layer. A rank of the width or more is no bound; such cases are skipped.

    ranks: k, with plus signs between them. trained: a bottleneck, whatever its rank; the unbounded task loss
    matching is trained in the same way, and all have a bias or none has.
    The paper's are ranks 4, 8 and 16 and two layers of Tiny-10 that its text does not name (here bn3 and bn5), its
    averages are of 10 runs; training is as in the authors' code, but from reduced_rank, where theirs starts from
    random orthogonal factors.
    """

    ranks: str = "4+8+16"
    trained: Stitcher = nested("stitchers", "bottleneck[epochs=2]")
    pairs: int = 3

    name = "low_rank"
    source = "Csiszarik et al. 2021, section 7, figure 7"
    presets: ClassVar = {
        "default": Preset(layers="bn3,bn5"),
        "paper": Preset(
            "pairs=10,trained=bottleneck[epochs=30,schedule=step,augment=true]",
            "tiny10[padding=valid]",
            "cifar10",
            layers="bn3,bn5",
        ),
    }

    def __post_init__(self) -> None:
        listed(self.ranks, int, "ranks")
        if self.pairs < 1:
            raise InputError(f"pairs is {self.pairs}; a whole number from 1 is allowed")
        if not isinstance(self.trained, str | Bottleneck):
            raise InputError(f"trained is {self.trained.spec}; a bottleneck is wanted, such as bottleneck[epochs=30]")

    def plan(self, selection: Selection) -> Iterator[Case]:
        for layer, a, b in stitched(selection, self.pairs, self.spec):
            for kind, methods in self._methods().items():
                for method in methods:
                    yield Case(self, selection.setting, kind, method, a, layer, b, layer, "spatial")

    def _methods(self) -> dict[str, list[Stitcher]]:
        """Kind of case -> the unbounded stitcher, and one of each rank."""
        ranks, bias = listed(self.ranks, int, "ranks"), self.trained.bias
        return {
            "direct": [LeastSquares(bias), *(ReducedRank(rank, bias) for rank in ranks)],
            "task": [self.trained.unrestricted, *(replace(self.trained, rank=rank) for rank in ranks)],
        }

    def run(self, case: Case, context: Bench) -> list[Row]:
        rank = getattr(case.method, "rank", 0)
        p, q = (context.shape(*side)[0] for side in ((case.a, case.layer_a), (case.b, case.layer_b)))
        if rank >= min(p, q):
            raise Inapplicable(
                f"rank {rank} is no bound on maps from {p} to {q} neurons; see {self._methods()[case.kind][0].name}"
            )
        return context.stitched(context.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean relative accuracy over the pairs, a row per layer and rank, the unbounded ones last."""
        kept = _scored(rows)
        if kept.empty:
            return kept[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if kept[name].nunique() > 1]
        wide = kept.pivot_table(index=["dataset", *several, "layer_a", "rank"], columns="kind", values="value")
        wide = wide[[kind for kind in KINDS if kind in wide]].rename(columns=KINDS)
        wide = wide.rename_axis(columns=None).reset_index().rename(columns={"layer_a": "relative accuracy at"})
        return wide.assign(rank=[f"{rank:.0f}" if rank < float("inf") else "full" for rank in wide["rank"]])

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel per layer: bars of mean relative accuracy by rank, the unbounded ones as lines."""
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
    """Relative accuracies, with their rank: infinite where there is no bound."""
    kept = curves.numbers(rows, "relative_accuracy")
    return kept.assign(rank=[rank if rank > 0 else float("inf") for rank in parameter(kept, "rank")])


def _bars(axes: Axes, part: pandas.DataFrame) -> None:
    """Means and standard deviations over the pairs of one setting: a bar for each rank, a line for no bound."""
    ranks = sorted(rank for rank in part["rank"].unique() if rank < float("inf"))
    for at, (kind, name) in enumerate(KINDS.items()):
        told = curves.spread(part[part["kind"] == kind], ["rank"]).set_index("rank")
        bounded = told.reindex(ranks)
        axes.bar(
            [i + 0.38 * (at - 0.5) for i in range(len(ranks))],
            bounded["mean"],
            0.36,
            color=figures.colour(at),
            yerr=bounded["std"].fillna(0),
            error_kw={"elinewidth": 1},
            label=name,
        )
        if float("inf") in told.index:
            axes.axhline(
                told.at[float("inf"), "mean"],
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
