"""Stitching by width of the networks: the paper's experiment 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL

from simbench import Case, Experiment, InputError, Model, Result, Row, hookimpl
from simbench.grammar import parse
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Network, Selection
    from simbench.contracts import Kept

#: Columns that identify a panel of the figure.
PANEL = ["dataset", "family", "samples", "seed"]


class Width(Experiment):
    """Every stitcher on every ordered pair of networks of one width, at every layer, for models of several widths.

    A model's `width` is a number; models that differ in nothing else are compared. Fitted on train images, scored
    on test images. The figure is the paper's figure 3: relative accuracy by width, mean and standard deviation over
    the pairs, a panel for each layer, and beside it the accuracy of the unstitched networks, which shows
    whether networks of that width learn.

    Quantities: those of a stitched network; of each unstitched one its `accuracy` and its `width`.
    Preset default: narrow ResNet-20s, trained for 4 epochs, at a rate at which the narrowest learns. Preset paper:
    task loss matching from the least squares stitch to the outputs of Model 2, on CIFAR-10; the 12 ordered pairs of
    four networks for its 10 runs. The widths 1 to 5 are ours: of those in its figure 3 the text names 1 and 3. The
    training of the stitch is that of the authors' code: 30 epochs of Adam from 1e-3, cut by 10 after each third,
    batches of 128, cropped and mirrored.
    """

    name = "width"
    source = "Csiszarik et al. 2021, section 5.2, figure 3"
    presets: ClassVar = {
        "default": replace(
            SMALL,
            models=",".join(f"resnet20[width={width},epochs=4,learning_rate=0.2]" for width in (0.25, 0.5, 0.75)),
            seeds="3",
            layers="layer2.0,layer3.0",
            indices="cka",
            stitchers="least_squares,task_loss[epochs=2,learning_rate=0.01]",
        ),
        "paper": replace(
            PAPER,
            models="resnet20,resnet20[width=2],resnet20[width=3],resnet20[width=4],resnet20[width=5]",
            seeds="4",
            indices="cka",
            stitchers=f"task_loss[{AUTHORS}]",
        ),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        groups = _grouped(selection.networks)
        for networks in groups:
            for network in networks:
                yield Case.alone(self, selection.setting, network)
        for networks in groups:
            of_width = replace(selection, networks=tuple(networks))
            for pair in of_width.pairs():
                for stitcher in selection.stitchers:
                    yield Case.stitch(self, selection.setting, stitcher, pair, "stitch")

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        if case.kind == "network":
            alone = curves.alone(case, bench)
            return Result([*alone.rows, Row("width", width_of(case.a.model))], alone.arrays)
        return bench.stitched(bench.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean over the pairs: relative accuracy, a row per width, a column per layer; and the mean accuracy of the
        unstitched networks."""
        scores, alone = _with_widths(rows, "relative_accuracy"), _with_widths(_alone(rows), "accuracy")
        if scores.empty:
            return scores[[]]
        several = [name for name in ("stitcher", "samples", "seed") if scores[name].nunique() > 1]
        wide = scores.pivot_table(index=["dataset", "family", *several, "width"], columns="layer_a", values="value")
        wide = wide[curves.in_depth(wide.columns, "", {})].rename_axis(columns=None).reset_index()
        same = ["dataset", "family", *(name for name in several if name != "stitcher"), "width"]
        own = alone.groupby(same)["value"].mean().rename("accuracy, unstitched")
        table = wide.join(own, on=same)
        table = table if table["family"].nunique() > 1 else table.drop(columns="family")
        return table.rename(columns={"width": "relative accuracy at width"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each data set, family of models and layer; relative accuracy by width."""
        stitched = _with_widths(rows, "relative_accuracy")
        if stitched.empty:
            return None
        depths, alone = curves.depths(kept), _with_widths(_alone(rows), "accuracy")
        groups = [
            (of, group, layer)
            for of, group in stitched.groupby(PANEL, sort=False)
            for layer in curves.in_depth(group["layer_a"], group["model_a"].iloc[0], depths)
        ]
        figure, axes = figures.panels(
            len(groups),
            3,
            "Stitched networks by width: mean and standard deviation over pairs of networks of one width",
        )
        places = curves.places(stitched["stitcher"], "identity")
        for panel, (of, group, layer) in zip(axes, groups, strict=True):
            dataset, family, *_ = of
            group = group[group["layer_a"] == layer]
            own = curves.spread(alone[(alone[PANEL] == list(of)).all(axis=1)], ["width"]).sort_values("width")
            panel.plot(own["width"], own["mean"], color="0.5", linestyle=":", label="accuracy, unstitched")
            widths = sorted(group["width"].unique())
            curves.draw(panel, group, "width", widths, places)
            pairs = sorted(set(curves.spread(group, ["stitcher", "width"])["count"]))
            title = f"{layer}\n{family} on {dataset}: {'-'.join(map(str, pairs))} pairs a width"
            figures.describe(panel, title, "width (times the channels)", "relative accuracy (stitched / Model 2)")
            panel.set_ylim(bottom=0)
        figures.legend(figure, axes)
        return figure


def width_of(model: Model) -> float | None:
    """The width multiplier of a model, or None."""
    width = getattr(model, "width", None)
    return float(width) if isinstance(width, (int, float)) and not isinstance(width, bool) else None


def family_of(spec: str) -> str:
    """The spec without the width, which models of different width share."""
    name, given = parse(spec)
    inside = ",".join(f"{key}={value}" for key, value in given.items() if key != "width")
    return f"{name}[{inside}]" if inside else name


def _grouped(networks: Sequence[Network]) -> list[list[Network]]:
    """The networks of each model, narrow models first. Raises InputError where models cannot be compared."""
    models = {network.model.spec: network.model for network in networks}
    families: dict[str, list[Model]] = {}
    for model in models.values():
        if width_of(model) is None:
            raise InputError(
                f"width compares models of different width, and {model.spec} has no width; leave it out of --models"
            )
        families.setdefault(family_of(model.spec), []).append(model)
    groups = []
    for family, members in families.items():
        if len(members) < 2:
            raise InputError(
                f"width compares models of different width, and of {family} only width "
                f"{width_of(members[0]):g} is given; name two or more with --models, such as "
                f"'resnet20[width=0.5],resnet20'"
            )
        for model in sorted(members, key=width_of):
            same = [network for network in networks if network.model.spec == model.spec]
            if len(same) < 2:
                raise InputError(
                    f"width stitches networks of one width, and of {model.spec} there is one network; "
                    "give two or more --seeds"
                )
            groups.append(same)
    return groups


def _alone(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Rows of unstitched networks."""
    return rows[rows["kind"] == "network"]


def _with_widths(rows: pandas.DataFrame, quantity: str) -> pandas.DataFrame:
    """Rows of a quantity that hold a number, with the columns `width`, `family` and, of stitches, `stitcher`."""
    widths = curves.numbers(rows, "width").drop_duplicates("model_a").set_index("model_a")["value"]
    scores = curves.named(curves.numbers(rows, quantity))
    scores = scores[scores["model_a"].isin(widths.index)]
    return scores.assign(width=scores["model_a"].map(widths), family=[family_of(spec) for spec in scores["model_a"]])


@hookimpl
def simbench_experiments():
    return [Width()]
