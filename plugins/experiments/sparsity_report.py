"""The table and the figure of `sparsity`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.pairs import parameter, settings

from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench.contracts import Kept

#: Kind of case -> its name, and the parameter of its stitchers that is the strength.
KINDS = {"direct": ("direct matching", "alpha"), "task": ("task loss matching", "l1")}
#: Sparsities of the matrices that are shown; the nearest available ones are taken.
SHOWN = (0.5, 0.8, 0.95)


def table(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Means over the pairs of sparsity and relative accuracy, a row per strength of each penalty."""
    wide = _wide(rows)
    if wide.empty:
        return wide[[]]
    several = [name for name in ("model_a", "model_b", "samples", "seed") if wide[name].nunique() > 1]
    means = wide.groupby(["dataset", *several, "layer_a", "kind", "strength"])[["sparsity", "relative_accuracy"]]
    means = means.mean().reset_index()
    penalties = [
        f"{KINDS[kind][1]}={strength:g}" if strength else "none"
        for kind, strength in zip(means["kind"], means["strength"], strict=True)
    ]
    return means.assign(kind=[KINDS[kind][0] for kind in means["kind"]], strength=penalties).rename(
        columns={"strength": "penalty"}
    )


def figure(rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
    """Two rows of panels per layer: |M| of one pair at a few sparsities, direct above trained, and relative
    accuracy and cross-entropy against sparsity."""
    parts = list(settings(_wide(rows)))
    if not parts:
        return None
    figure, axes = figures.panels(8 * len(parts), 4, "Stitches with an L1 penalty", 3.1, 2.9)
    for i, (title, part) in enumerate(parts):
        block = axes[8 * i : 8 * i + 8]
        for at, kind in enumerate(KINDS):
            _matrices(block[4 * at : 4 * at + 3], part[part["kind"] == kind], kept, KINDS[kind][0])
        _curves(block[3], part, "relative_accuracy", "accuracy relative to Model 2", title)
        _curves(block[7], part, "cross_entropy", "cross-entropy (nats)")
    figures.legend(figure, axes)
    return figure


def _wide(rows: pandas.DataFrame) -> pandas.DataFrame:
    """A row per case with a number: its labels, strength and quantities."""
    ok = rows[(rows["status"] == "ok") & rows["kind"].isin(KINDS)]
    labels = [*curves.APART, "layer_a", "seed_a", "seed_b", "kind", "method", "params"]
    wide = ok.pivot_table(index=labels, columns="quantity", values="value", aggfunc="first").reset_index()
    if "relative_accuracy" not in wide:
        return wide[:0]
    import numpy as np

    strength = np.where(wide["kind"] == "direct", parameter(wide, "alpha"), parameter(wide, "l1"))
    return wide.assign(strength=np.nan_to_num(strength))


def _matrices(axes: Sequence[Axes], part: pandas.DataFrame, kept: Sequence[Kept], name: str) -> None:
    """|M| of the first pair, at about the sparsities SHOWN."""
    import numpy as np

    for panel in axes:
        panel.set_axis_off()
    part = part.sort_values(["seed_a", "seed_b", "strength"])
    part = part[(part[["seed_a", "seed_b"]] == part[["seed_a", "seed_b"]].iloc[0]).all(axis=1)] if len(part) else part
    chosen = dict.fromkeys((part["sparsity"] - wanted).abs().idxmin() for wanted in SHOWN) if len(part) else {}
    for panel, at in zip(axes, chosen, strict=False):
        row = part.loc[at]
        named = [one for one in kept if all(one.labels[key] == row[key] for key in row.index if key in one.labels)]
        if not named:
            continue
        panel.set_axis_on()
        panel.grid(visible=False)
        image = panel.imshow(
            np.abs(named[0].arrays["weight"]), cmap="Greys", vmin=0, aspect="auto", interpolation="nearest"
        )
        bar = panel.figure.colorbar(image, ax=panel)
        bar.set_label("|weight|", fontsize=figures.STYLE["axes.labelsize"])
        bar.ax.tick_params(labelsize=figures.STYLE["ytick.labelsize"])
        figures.describe(
            panel,
            f"{name}, network {row['seed_a']} to {row['seed_b']}\n{row['sparsity']:.0%} sparse, "
            f"relative accuracy {row['relative_accuracy']:.2f}",
            "neuron of Model 2",
            "neuron of Model 1",
        )


def _curves(axes: Axes, part: pandas.DataFrame, quantity: str, label: str, title: str = "") -> None:
    """A quantity against sparsity: dots are pairs, lines join means over the pairs at one strength."""
    for at, (kind, (name, _)) in enumerate(KINDS.items()):
        mine = part[part["kind"] == kind]
        if mine.empty:
            continue
        means = mine.groupby("strength")[["sparsity", quantity]].mean().sort_values("sparsity")
        axes.plot(mine["sparsity"] * 100, mine[quantity], ".", color=figures.colour(at), alpha=0.4, markersize=4)
        axes.plot(
            means["sparsity"] * 100, means[quantity], color=figures.colour(at), marker="o", markersize=3.5, label=name
        )
    axes.set(xlim=(-3, 103), ylim=(0, None))
    figures.describe(axes, title, "sparsity (%)", label)
