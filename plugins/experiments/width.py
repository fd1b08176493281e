"""Stitching by width of the networks: the paper's experiment 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves

from simbench import Case, Experiment, InputError, Model, Preset, Result, Row, hookimpl
from simbench.grammar import parse
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Network, Selection
    from simbench import Bench

#: What tells the panels of the figure apart.
PANEL = ["dataset", "family", "samples", "seed"]


class Width(Experiment):
    """Every stitcher on every ordered pair of networks of one width, at every layer, for models of several widths.

    A model's `width` is a number; models that differ in nothing else are compared. Fitted on train images, scored
    on test images. The figure is the paper's figure 3: relative accuracy by width, mean and standard deviation over
    the pairs, a panel for each layer, and the accuracy of the unstitched networks beside it, which says how far a
    width is one at which networks learn.

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
        "default": Preset(
            models=",".join(f"resnet20[width={width},epochs=4,learning_rate=0.2]" for width in (0.25, 0.5, 0.75)),
            seeds="3",
            layers="layer2.0,layer3.0",
            indices="cka",
            stitchers="least_squares,task_loss[epochs=2,learning_rate=0.01]",
        ),
        "paper": Preset(
            models="resnet20,resnet20[width=2],resnet20[width=3],resnet20[width=4],resnet20[width=5]",
            datasets="cifar10",
            seeds="4",
            indices="cka",
            stitchers="task_loss[epochs=30,schedule=step,augment=true]",
            max_samples=50_000,
        ),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        groups = _grouped(selection.networks)
        for networks in groups:
            for network in networks:
                yield Case(self, selection.setting, "network", None, network, "", network, "", "")
        for networks in groups:
            for layer in selection.layers[networks[0].model.spec]:
                for a, b in permutations(networks, 2):
                    for stitcher in selection.stitchers:
                        yield Case(self, selection.setting, "stitch", stitcher, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Bench) -> list[Row] | Result:
        if case.kind == "network":
            alone = curves.alone(case, context)
            return Result([*alone.rows, Row("width", width_of(case.a.model))], alone.arrays)
        return context.stitched(context.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean over the pairs: relative accuracy, a row per width, a column per layer; and the mean accuracy of the
        unstitched networks."""
        kept, alone = _with_widths(rows, "relative_accuracy"), _with_widths(_alone(rows), "accuracy")
        if kept.empty:
            return kept[[]]
        several = [name for name in ("stitcher", "samples", "seed") if kept[name].nunique() > 1]
        wide = kept.pivot_table(index=["dataset", "family", *several, "width"], columns="layer_a", values="value")
        wide = wide[curves.in_depth(wide.columns, "", {})].rename_axis(columns=None).reset_index()
        same = ["dataset", "family", *(name for name in several if name != "stitcher"), "width"]
        own = alone.groupby(same)["value"].mean().rename("accuracy, unstitched")
        told = wide.join(own, on=same)
        told = told if told["family"].nunique() > 1 else told.drop(columns="family")
        return told.rename(columns={"width": "relative accuracy at width"})

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each data set, family of models and layer; relative accuracy by width."""
        stitched = _with_widths(rows, "relative_accuracy")
        if stitched.empty:
            return None
        depths, alone = curves.depths(kept), _with_widths(_alone(rows), "accuracy")
        groups = [
            (told, group, layer)
            for told, group in stitched.groupby(PANEL, sort=False)
            for layer in curves.in_depth(group["layer_a"], group["model_a"].iloc[0], depths)
        ]
        figure, axes = figures.panels(
            len(groups),
            3,
            "Stitched networks by width: mean and standard deviation over pairs of networks of one width",
        )
        places = curves.places(stitched["stitcher"], "identity")
        for panel, (told, group, layer) in zip(axes, groups, strict=True):
            dataset, family, *_ = told
            group = group[group["layer_a"] == layer]
            own = curves.spread(alone[(alone[PANEL] == list(told)).all(axis=1)], ["width"]).sort_values("width")
            panel.plot(own["width"], own["mean"], color="0.5", linestyle=":", label="accuracy, unstitched")
            widths = sorted(group["width"].unique())
            curves.draw(panel, group, "width", widths, places)
            pairs = sorted(set(curves.spread(group, ["stitcher", "width"])["count"]))
            told = f"{layer}\n{family} on {dataset}: {'-'.join(map(str, pairs))} pairs a width"
            figures.describe(panel, told, "width (times the channels)", "relative accuracy (stitched / Model 2)")
            panel.set_ylim(bottom=0)
        figures.legend(figure, axes)
        return figure


def width_of(model: Model) -> float | None:
    """A model's width multiplier, None where it has none."""
    width = getattr(model, "width", None)
    return float(width) if isinstance(width, (int, float)) and not isinstance(width, bool) else None


def family_of(spec: str) -> str:
    """What models of different width are called together: the spec without the width."""
    name, given = parse(spec)
    inside = ",".join(f"{key}={value}" for key, value in given.items() if key != "width")
    return f"{name}[{inside}]" if inside else name


def _grouped(networks: Sequence[Network]) -> list[list[Network]]:
    """Networks of one model, narrow ones first. Raises InputError for what cannot be compared."""
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
    kept = curves.named(curves.numbers(rows, quantity))
    kept = kept[kept["model_a"].isin(widths.index)]
    return kept.assign(width=kept["model_a"].map(widths), family=[family_of(spec) for spec in kept["model_a"]])


@hookimpl
def simbench_experiments():
    return [Width()]
