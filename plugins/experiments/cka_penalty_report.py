"""The table and the figure of `cka_penalty`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves, steps

from simbench import BoardColumn
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: How the leaderboard shows the rows `pushed_to`.
COLUMN = BoardColumn(
    "pushed",
    "pushed to",
    "lowest value that the index was pushed to while accuracy stayed: the rows `pushed_to` of these models, mean over "
    "networks; of several settings that of most networks, then the first by name; else empty",
    "what the index was brought to {where} while accuracy stayed",
)
#: The value that CKA falls below in the paper.
PAPERS_CKA = 0.7
TITLE = "A network stitched with itself, pushed to look different: mean and standard deviation over networks"
#: Columns that identify a curve: networks, layer, index and view.
CURVE = [*curves.APART, "layer_a", "method", "params", "view"]
#: Quantity -> label of its panel.
PANELS = {"similarity": "", "accuracy": "accuracy", "cross_entropy": "cross-entropy to the network itself (nats)"}


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Means over the networks at the first and the last logged step, and of the value that the index was pushed to;
    beside each index its baseline, with its standard deviation."""
    import pandas

    ok = curves.named(rows[rows["status"] == "ok"])
    pushes = ok[ok["kind"] == "penalty"]
    if pushes.empty:
        return pushes[[]]
    lines = []
    for key, part in pushes.groupby([*curves.APART, "layer_a", "stitcher", "view"], sort=False):
        line = dict(zip([*curves.APART, "layer_a", "index", "view"], key, strict=True))
        line["networks"] = part["seed_a"].nunique()
        for quantity in PANELS:
            runs = _runs(part, quantity)
            ends = (sum(run.iloc[at] for run in runs) / len(runs) for at in (0, -1)) if runs else ()
            line[quantity] = " -> ".join(f"{mean:.3f}" for mean in ends)
        line["pushed_to"] = part.loc[part["quantity"] == "pushed_to", "value"].astype(float).mean()
        lines.append(line | {"baseline": _spread(_baseline(ok, part.iloc[0]))})
    table = pandas.DataFrame(lines)
    return table.drop(columns=[name for name in ("model_b", "samples", "seed") if table[name].nunique() == 1])


def figure(rows: pandas.DataFrame) -> Figure | None:
    """A row of panels for each index and view: the index with its baseline, accuracy and cross-entropy, each mean
    and standard deviation over the networks."""
    ok = curves.named(rows[rows["status"] == "ok"])
    parts = [part for _, part in ok[ok["kind"] == "penalty"].groupby(CURVE, sort=True)]
    if not parts:
        return None
    figure, axes = figures.panels(len(PANELS) * len(parts), len(PANELS), TITLE)
    for at, part in enumerate(parts):
        first, count = part.iloc[0], part["seed_a"].nunique()
        title = (
            f"{first['layer_a']} of {first['model_a']}, {first['dataset']}, {first['samples']:.0f} images, "
            f"{count} network{'s' if count > 1 else ''}"
        )
        for ax, (quantity, label) in zip(axes[3 * at :], PANELS.items(), strict=False):
            steps.draw(ax, _runs(part, quantity), "stitched with itself")
            figures.describe(ax, title, "training step", label or f"{first['stitcher']} ({first['view']})")
        _compare(axes[3 * at], part, _baseline(ok, first))
        axes[3 * at + 1].set_ylim(0, 1.02)
    figures.legend(figure, axes)
    return figure


def _runs(rows: pandas.DataFrame, quantity: str) -> list[pandas.Series]:
    """A quantity of each network by step."""
    return [steps.by_step(run) for _, run in rows[rows["quantity"] == quantity].groupby("seed_a")]


def _baseline(rows: pandas.DataFrame, of: pandas.Series) -> pandas.Series:
    """Values of the index between stitched networks, in the setting of the row `of` of a push."""
    alike = [*curves.APART, "method", "params", "view"]
    return rows.loc[(rows["kind"] == "baseline") & (rows[alike] == of[alike]).all(axis=1), "value"].astype(float)


def _spread(values: pandas.Series) -> str:
    """Mean, standard deviation and number."""
    deviation = f" ± {values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{deviation} ({len(values)})" if len(values) else ""


def _compare(ax: Axes, part: pandas.DataFrame, baseline: pandas.Series) -> None:
    """Draw reference values beside the curve: between stitched networks, where accuracy was kept, in the paper."""
    if len(baseline):
        mean, sd = baseline.mean(), baseline.std() if len(baseline) > 1 else 0
        ax.axhspan(mean - sd, mean + sd, color="#999999", alpha=0.25, linewidth=0)
        ax.axhline(mean, color="#666666", linewidth=1.2, label="between stitched networks, all layers")
    pushed = part.loc[part["quantity"] == "pushed_to", "value"].astype(float)
    if len(pushed):
        ax.axhline(pushed.mean(), color=figures.colour(1), linestyle=":", label="pushed to, accuracy kept")
    if part["method"].iloc[0] == "cka" and part["view"].iloc[0] == "flat":
        ax.axhline(
            PAPERS_CKA, color=figures.colour(6), linestyle="--", linewidth=1, label=f"{PAPERS_CKA} (the paper's)"
        )
