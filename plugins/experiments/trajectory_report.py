"""The table and the figure of `trajectory`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves, steps
from simbench_plugins.experiments.pairs import settings

from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept

#: Quantity of a training -> the label of its panel.
TRAINING = {
    "cross_entropy": "cross-entropy to Model 2 (nats)",
    "accuracy": "accuracy",
    "1 - residual": "1 - residual of the stitch",
}
#: Direction in which an index is computed -> its label.
SIDES = {"similarity": "A M -> B", "reverse_similarity": "B -> A M"}
TITLE = "Along the training of a stitch M by task loss: mean, standard deviation and two of the pairs"
#: Columns of a setting, within which averages are taken, and of a pair of networks in it.
SETTING, PAIR = [*curves.APART, "layer_a"], ["seed_a", "seed_b"]


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Means over the pairs at the first and at the last step, and of the Spearman correlation with cross-entropy
    over the steps: positive where a quantity falls while the network improves."""
    import pandas

    ok = rows[rows["quantity"].isin([*SIDES, "cross_entropy", "accuracy", "residual"]) & (rows["status"] == "ok")]
    if ok.empty:
        return ok[[]]
    value = ok["value"].where(ok["quantity"] != "residual", 1 - ok["value"])
    ok = ok.assign(what=_names(ok), value=value)
    entropies = ok[ok["quantity"] == "cross_entropy"]
    entropy = {key: steps.by_step(part) for key, part in entropies.groupby(SETTING + PAIR)}
    lines = []
    for key, part in ok.groupby([*SETTING, "view", "what"], sort=False):
        runs = {pair: steps.by_step(run) for pair, run in part.groupby(PAIR)}
        follows = [_follows(run, entropy.get((*key[: len(SETTING)], *pair))) for pair, run in runs.items()]
        lines.append(
            [
                *key,
                len(runs),
                _mean(run.iloc[0] for run in runs.values()),
                _mean(run.iloc[-1] for run in runs.values()),
                _mean(follows),
            ]
        )
    names = [*SETTING, "view", "what", "pairs", "before", "after", "with cross_entropy"]
    table = pandas.DataFrame(lines, columns=names)
    return table.drop(columns=[name for name in ("model_b", "samples", "seed") if table[name].nunique() == 1])


def figure(kept: Sequence[Kept]) -> Figure | None:
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


def _names(rows: pandas.DataFrame) -> pandas.Series:
    """The name of each row's quantity in tables."""
    named = curves.named(rows)
    names = named["stitcher"].where(named["quantity"] != "reverse_similarity", named["stitcher"] + ", B -> A M")
    return names.where(named["quantity"].isin(SIDES), named["quantity"].replace("residual", "1 - residual"))


def _follows(run: pandas.Series, entropy: pandas.Series | None) -> float:
    """Spearman correlation with cross-entropy over the steps of both; NaN where one of them is constant."""
    if entropy is None or len(both := run.to_frame("run").join(entropy.rename("entropy"), how="inner")) < 3:
        return math.nan
    if ((both.max() - both.min()) < 1e-6).any():
        return math.nan
    return both.corr("spearman").iloc[0, 1]


def _mean(values: Iterable[float]) -> float:
    """Mean of the values that are not NaN; NaN where there are none."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _sorted(rows: pandas.DataFrame) -> list[int]:
    """Positions of the cases, in the order of the pairs."""
    return rows.sort_values(PAIR)["at"].tolist()
