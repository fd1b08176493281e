"""Indices along the training of a stitch: the paper's experiment 3."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves, steps
from simbench_plugins.experiments.pairs import settings, stitched
from simbench_plugins.indices.reversed import Reversed

from simbench import Affine, Case, Experiment, Index, InputError, Preset, Result, Row, Stitcher, hookimpl, nested
from simbench.isolation.answers import asked, refusal
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Selection
    from simbench import Bench

#: Bytes of stitched activations that go through the end of Model 2 at once.
HELD = 2**26
#: What tells of a training -> its label.
TRAINING = {
    "cross_entropy": "cross-entropy to Model 2 (nats)",
    "accuracy": "accuracy",
    "1 - residual": "1 - residual of the stitch",
}
#: Which way an index is taken -> its label.
SIDES = {"similarity": "A M -> B", "reverse_similarity": "B -> A M"}
TITLE = "Along the training of a stitch M by task loss: mean, standard deviation and two of the pairs"
#: Columns of a setting, over which nothing is averaged, and those of the pairs in it.
SETTING, PAIR = [*curves.APART, "layer_a"], ["seed_a", "seed_b"]


@dataclass(frozen=True)
class Trajectory(Experiment):
    """Every index of the stitched activations A M against B, beside how well the stitch M works, along a training
    that starts from the least squares stitch.

    stitcher: how M is trained. runs: ordered pairs of networks at each layer. every: steps from one row of the tables
    to the next. Arrays beside the records hold an index at every step where it needs moments and the view is spatial
    or pooled, in which those of A M follow from those of A for all test images; else at the steps of the rows.

    `similarity` is s(A M -> B); `reverse_similarity` s(B -> A M), of indices that are not symmetric. Rows of kind
    "training" hold scores and the residual ||A M - B||^2 / ||B||^2. Everything is measured on the test images.

    r2_lr(A M -> B) and cca are blind to an invertible M, so they stay where they were. The R2_LR that falls while the
    network improves (paper: "the distances naturally must increase") is 1 - residual, the same ratio with M in place
    of the best map, which least squares makes largest: on digits it falls in all of 20 pairs, by 0.01 to 0.05, while
    r2_lr(B -> A M), the way the `lr` of the authors' code runs, moves by at most 0.004, up as often as down.

    Of the paper: Tiny-10, layer 3, 10 runs. Of its authors' code: 30 epochs of Adam from 1e-3, in steps, augmented.
    On digits bn3 has little left to learn after least squares, so bn5 is added there.
    """

    stitcher: Stitcher = nested("stitchers", "task_loss[epochs=4]")
    runs: int = 10
    every: int = 4

    name = "trajectory"
    source = "Csiszarik et al. 2021, section 6.2, figure 4"
    presets: ClassVar = {
        "default": Preset(layers="bn3,bn5,layer2.0"),
        "paper": Preset(
            "every=90,stitcher=task_loss[epochs=30,schedule=step,augment=true]",
            "tiny10[padding=valid]",
            "cifar10",
            "5",
            "bn3",
            "cka,r2_lr,cca,svcca",
            max_samples=50_000,
        ),
    }

    def __post_init__(self) -> None:
        for key in ("runs", "every"):
            if getattr(self, key) < 1:
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from 1 is allowed")
        if isinstance(self.stitcher, Stitcher) and self.stitcher.needs != "task":
            raise InputError(
                f"stitcher {self.stitcher.spec} is not trained, so there is nothing to follow; take one "
                "that is, such as task_loss"
            )

    def plan(self, selection: Selection) -> Iterator[Case]:
        for layer, a, b in stitched(selection, self.runs, self.spec):
            yield Case(self, selection.setting, "training", self.stitcher, a, layer, b, layer, "spatial")
            for view in selection.views:
                for index in selection.indices:
                    yield Case(self, selection.setting, "trajectory", index, a, layer, b, layer, view)

    def run(self, case: Case, context: Bench) -> Result:
        import numpy as np

        maps = context.once(case, (self.name, self.stitcher.spec), lambda: _maps(self.stitcher, case, context))
        logged = sorted({*range(0, len(maps), self.every), len(maps) - 1})
        if case.kind == "training":
            rows, taken = list(_scores(maps, logged, case, context)), logged
            found = {
                name: [row.value for row in rows if row.quantity == name]
                for name in ("cross_entropy", "accuracy", "residual")
            }
            found["1 - residual"] = [1 - value for value in found.pop("residual")]
        else:
            taken = list(range(len(maps))) if _exact(case.method, case) else logged
            sides = {"similarity": case.method}
            if not case.method.claims.symmetric:
                sides["reverse_similarity"] = Reversed(case.method)
            told = {
                side: [_row(side, index, maps[step], step, case, context) for step in taken]
                for side, index in sides.items()
            }
            rows = [row for of in told.values() for row in of if row.step in set(logged)]
            found = {side: [row.value for row in of] for side, of in told.items()}
        return Result(rows, {name: np.array(values) for name, values in (found | {"step": taken}).items()})

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Means over the pairs at the first and at the last step, and of the Spearman correlation with cross-entropy
        over the steps: positive where a quantity falls while the network improves."""
        import pandas

        kept = rows[rows["quantity"].isin([*SIDES, "cross_entropy", "accuracy", "residual"]) & (rows["status"] == "ok")]
        if kept.empty:
            return kept[[]]
        value = kept["value"].where(kept["quantity"] != "residual", 1 - kept["value"])
        kept = kept.assign(what=_names(kept), value=value)
        entropies = kept[kept["quantity"] == "cross_entropy"]
        entropy = {key: steps.by_step(part) for key, part in entropies.groupby(SETTING + PAIR)}
        found = []
        for key, part in kept.groupby([*SETTING, "view", "what"], sort=False):
            runs = {pair: steps.by_step(run) for pair, run in part.groupby(PAIR)}
            follows = [_follows(run, entropy.get((*key[: len(SETTING)], *pair))) for pair, run in runs.items()]
            found.append(
                [
                    *key,
                    len(runs),
                    _mean(run.iloc[0] for run in runs.values()),
                    _mean(run.iloc[-1] for run in runs.values()),
                    _mean(follows),
                ]
            )
        names = [*SETTING, "view", "what", "pairs", "before", "after", "with cross_entropy"]
        table = pandas.DataFrame(found, columns=names)
        return table.drop(columns=[name for name in ("model_b", "samples", "seed") if table[name].nunique() == 1])

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """Two rows of panels at each layer, one for each quantity: mean and standard deviation over the pairs, and two
        pairs alone."""
        import pandas

        if not kept:
            return None
        labels = pandas.DataFrame([each.labels | {"at": at} for at, each in enumerate(kept)])
        labels = curves.named(labels.astype({"samples": int, "seed": int}))
        wanted = []
        for title, part in settings(labels):
            training = [kept[at] for at in _sorted(part[part["kind"] == "training"])]
            wanted += [(label, {name: training}, title) for name, label in TRAINING.items() if training]
            for (name, view), of in part[part["kind"] == "trajectory"].groupby(["stitcher", "view"]):
                cases = [kept[at] for at in _sorted(of)]
                wanted.append((f"{name} ({view})", {side: cases for side in SIDES if side in cases[0].arrays}, title))
        figure, axes = figures.panels(len(wanted), 4, TITLE, 4, 3)
        for ax, (label, sides, title) in zip(axes, wanted, strict=True):
            for at, (side, cases) in enumerate(sides.items()):
                runs = [pandas.Series(each.arrays[side], each.arrays["step"]) for each in cases]
                single = [f"{each.labels['seed_a']} -> {each.labels['seed_b']}" for each in cases]
                steps.draw(ax, runs, SIDES.get(side, SIDES["similarity"]), at, single if len(runs) > 2 else ())
            figures.describe(ax, title.replace("\n", ", "), "training step", label)
        figures.legend(figure, axes, 6)
        return figure


def _maps(stitcher: Stitcher, case: Case, context: Bench) -> list[Affine]:
    """The stitch before the first step and after every step."""
    maps: list[Affine] = []
    context.fit(
        stitcher,
        case,
        on_step=lambda step, affine: maps.append(
            Affine(affine.weight.detach().clone(), None if affine.bias is None else affine.bias.detach().clone())
        ),
    )
    if not maps:
        raise ArithmeticError(f"stitcher {stitcher.spec} reported no step")
    return maps


def _scores(maps: list[Affine], logged: list[int], case: Case, context: Bench) -> Iterator[Row]:
    """Scores and residual of the maps of these steps, so many at once as `HELD` allows."""
    import torch

    from simbench.networks.images import BATCH

    m = context.moments(case, "test", "spatial")
    image = math.prod(context.shape(case.b, case.layer_b)) * 4
    most = max(1, HELD // (image * BATCH))
    for at in range(0, len(logged), most):
        chosen = [maps[step] for step in logged[at : at + most]]
        together = Affine(
            torch.stack([each.weight for each in chosen]),
            None if chosen[0].bias is None else torch.stack([each.bias for each in chosen]),
        )
        for step, affine, logits in zip(logged[at : at + most], chosen, context.logits(together, case), strict=True):
            yield from (replace(row, step=step) for row in context.scored(logits, case))
            yield Row("residual", float(m.residual(affine.to(torch.float64))), step)


def _row(quantity: str, index: Index, affine: Affine, step: int, case: Case, context: Bench) -> Row:
    """An index of the stitched a against b at one step."""
    import torch

    if not _exact(index, case):
        return Row(quantity, context.stitched_similarity(index, affine, case), step)
    m = context.moments(case, "test", case.view).through(affine.to(torch.float64))
    value, note, claims = asked(index, m)
    problem = refusal(index, value, claims)
    if problem:
        raise ArithmeticError(f"{problem.replace(' returned ', ' is ', 1)} at step {step}")
    return Row(quantity, float(value), step, "degenerate" if note else "ok", note)


def _exact(index: Index, case: Case) -> bool:
    """Whether moments of the unstitched activations tell the index of the stitched ones."""
    return case.view != "flat" and index.needs == "moments"


def _names(rows: pandas.DataFrame) -> pandas.Series:
    """What the tables call the quantity of each row."""
    named = curves.named(rows)
    names = named["stitcher"].where(named["quantity"] != "reverse_similarity", named["stitcher"] + ", B -> A M")
    return names.where(named["quantity"].isin(SIDES), named["quantity"].replace("residual", "1 - residual"))


def _follows(run: pandas.Series, entropy: pandas.Series | None) -> float:
    """Spearman correlation with cross-entropy over the steps both have; NaN where one stays where it is."""
    if entropy is None or len(both := run.to_frame("run").join(entropy.rename("entropy"), how="inner")) < 3:
        return math.nan
    if ((both.max() - both.min()) < 1e-6).any():
        return math.nan
    return both.corr("spearman").iloc[0, 1]


def _mean(values: Iterable[float]) -> float:
    """Of those that are numbers, NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _sorted(rows: pandas.DataFrame) -> list[int]:
    """Places of the cases, in the order of the pairs."""
    return rows.sort_values(PAIR)["at"].tolist()


@hookimpl
def simbench_experiments():
    return [Trajectory()]
