"""Low index at high accuracy: the paper's experiment 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from simbench_plugins.experiments import curves, steps
from simbench_plugins.experiments.pairs import stitched
from simbench_plugins.stitchers.penalty import unpushable
from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, Case, Experiment, Inapplicable, Index, InputError, Preset, Row, Stitcher, hookimpl, nested
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Network, Selection
    from simbench import Bench

#: What the paper's CKA falls below.
PAPER = 0.7
TITLE = "A network stitched with itself, pushed to look different: mean and standard deviation over networks"
#: Columns of one curve's setting: whose networks were pushed where, what was pushed and in which view.
CURVE = [*curves.APART, "layer_a", "method", "params", "view"]
#: Quantity -> label of its panel.
PANELS = {"similarity": "", "accuracy": "accuracy", "cross_entropy": "cross-entropy to the network itself (nats)"}


@dataclass(frozen=True)
class CKAPenalty(Experiment):
    """A network stitched with itself, pushed to look different while it works the same.

    From next to the identity, Adam minimises cross-entropy + weight * index(stitched, own activations), by task_loss.
    The identity itself is a stationary point of both terms, so training starts from a seeded Gaussian perturbation
    of standard deviation `noise`. Every `every` steps the index and the scores are logged on the test images. A row
    `pushed_to` is the index where it is least alike among the logged steps at which relative accuracy is at least
    1 - tolerance: what it can be brought to before accuracy falls, a bound that a longer training may better.

    index, view: what every network is pushed to lower ("flat", images by all neurons, is what the authors' code uses).
        The penalty sees the index of a batch, which few rows bias; the log that of the test images.
    weight, batch, epochs, learning_rate, schedule, augment, labels: of the training, as in task_loss.
    layer: "middle" is the middle one of the selected layers; a model without the layer is not pushed.
    networks: so many networks of each model, the first by seed or name, are also pushed to lower each selected index
        that a stitch can push (differentiable and not blind to it; of the built-in ones the variants of cka), in the
        selected views.
    pairs, baseline: for comparison, the index between stitched A and B of so many ordered pairs of networks at every
        selected layer, stitched by `baseline`.

    The paper penalises CKA at layer 2.0 of a ResNet of width 3 with "the usual cross-entropy term", read here as that
    of its section 4.1, to the outputs of Model 2 (the authors' code takes hard labels unless told otherwise); its
    baseline is of 10 pairs and all layers, for ResNet and Tiny-10, "transformed" by what it does not say (here, in its
    preset, by task loss). Batches of 128 and 30 epochs of Adam from 1e-3, in steps, augmented, are the authors' code's.
    """

    index: Index = nested("indices", "cka")
    view: Literal["spatial", "flat", "pooled"] = "flat"
    weight: float = 1.0
    batch: int = 128
    epochs: int = 8
    learning_rate: float = 0.01
    schedule: Literal["constant", "step"] = "constant"
    augment: bool = False
    labels: Literal["soft", "hard"] = "soft"
    noise: float = 1e-3
    every: int = 8
    layer: str = "middle"
    networks: int = 3
    tolerance: float = 0.01
    baseline: Stitcher = nested("stitchers", "least_squares")
    pairs: int = 3

    name = "cka_penalty"
    source = "Csiszarik et al. 2021, section 6.3, figure 5"
    version = 2
    presets: ClassVar = {
        "default": Preset(),
        "paper": Preset(
            "layer=layer2.0,epochs=30,learning_rate=0.001,schedule=step,augment=true,every=90,pairs=10,"
            "baseline=task_loss[epochs=30,schedule=step,augment=true]",
            "resnet20[width=3],tiny10[padding=valid]",
            "cifar10",
            "5",
            indices="cka",
            view="flat",
            max_samples=50_000,
        ),
    }

    def __post_init__(self) -> None:
        self._pusher(self.index, self.view)
        for key, least in (("every", 1), ("networks", 0), ("pairs", 0)):
            if getattr(self, key) < least:
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from {least} is allowed")
        if not self.noise > 0:
            raise InputError(f"noise is {self.noise}; a number above 0 is allowed: training cannot leave the identity")
        if not 0 <= self.tolerance <= 1:
            raise InputError(f"tolerance is {self.tolerance}; a share from 0 to 1 is allowed")

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, pushed = selection.setting, {}
        for network, layer in self._places(selection):
            yield Case(self, setting, "penalty", self.index, network, layer, network, layer, self.view)
            pushed.setdefault(network.model.spec, []).append((network, layer))
        asked = [(self.index.spec, self.view)]
        for index in selection.indices:
            for view in selection.views:
                if not unpushable(index) and (index.spec, view) not in asked:
                    for network, layer in (each for some in pushed.values() for each in some[: self.networks]):
                        yield Case(self, setting, "penalty", index, network, layer, network, layer, view)
        for layer, a, b in _compared(selection, self.pairs):
            yield Case(self, setting, "baseline", self.index, a, layer, b, layer, self.view)

    def _places(self, selection: Selection) -> Iterator[tuple[Network, str]]:
        """Networks, each with the layer it is pushed at."""
        models = {network.model.spec: network.model for network in selection.networks}
        if self.layer != "middle" and not any(self.layer in model.layers for model in models.values()):
            allowed = dict.fromkeys(layer for model in models.values() for layer in model.layers)
            raise InputError(
                f"{self.spec}: {' or '.join(models)} has no layer {self.layer!r}; allowed: middle, {', '.join(allowed)}"
            )
        for network in selection.ordered:
            chosen = selection.layers[network.model.spec]  # none where the layers asked for are other models'
            if self.layer in network.model.layers or (self.layer == "middle" and chosen):
                yield network, chosen[len(chosen) // 2] if self.layer == "middle" else self.layer

    def _pusher(self, index: Index, view: str) -> TaskLoss:
        return TaskLoss(
            labels=self.labels,
            init="identity",
            noise=self.noise,
            index=index,
            weight=self.weight,
            view=view,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            batch=self.batch,
            schedule=self.schedule,
            augment=self.augment,
        )

    def run(self, case: Case, context: Bench) -> list[Row]:
        if case.kind == "baseline":
            affine = context.fit(self.baseline, case)
            return [Row("similarity", context.stitched_similarity(case.method, affine, case))]
        rows: list[Row] = []
        last = -1

        def look(step: int, affine: Affine) -> None:
            nonlocal last
            if not bool(affine.weight.isfinite().all()):
                raise ArithmeticError(f"the gradient of index {case.method.spec} was NaN or infinite by step {step}")
            last = step
            if step % self.every == 0:
                rows.extend(_looks(step, affine, case, context))

        try:
            affine = context.fit(self._pusher(case.method, case.view), case, on_step=look)
        except InputError as error:  # of an index, which cannot take so many rows
            raise Inapplicable(str(error)) from None
        if last % self.every:
            rows.extend(_looks(last, affine, case, context))
        return [*rows, self._pushed_to(rows, case.method.claims.direction)]

    def _pushed_to(self, rows: list[Row], direction: int) -> Row:
        """The index where it is least alike at a relative accuracy of 1 - tolerance or more."""
        works = {
            row.step
            for row in rows
            if row.quantity == "relative_accuracy" and row.status == "ok" and row.value >= 1 - self.tolerance
        }
        values = [(row.value * direction, row) for row in rows if row.quantity == "similarity" and row.step in works]
        if not values:
            return Row(
                "pushed_to",
                None,
                status="skipped",
                note=f"relative accuracy is below {1 - self.tolerance:g} at every logged step",
            )
        least = min(values, key=lambda pair: pair[0])[1]
        return replace(least, quantity="pushed_to")

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Means over the networks at the first and the last logged step, and of what the index was pushed to; the
        baseline, with its standard deviation, beside the index it is of."""
        import pandas

        kept = curves.named(rows[rows["status"] == "ok"])
        pushes = kept[kept["kind"] == "penalty"]
        if pushes.empty:
            return pushes[[]]
        found = []
        for key, part in pushes.groupby([*curves.APART, "layer_a", "stitcher", "view"], sort=False):
            told = dict(zip([*curves.APART, "layer_a", "index", "view"], key, strict=True))
            told["networks"] = part["seed_a"].nunique()
            for quantity in PANELS:
                runs = _runs(part, quantity)
                ends = (sum(run.iloc[at] for run in runs) / len(runs) for at in (0, -1)) if runs else ()
                told[quantity] = " -> ".join(f"{mean:.3f}" for mean in ends)
            told["pushed_to"] = part.loc[part["quantity"] == "pushed_to", "value"].astype(float).mean()
            found.append(told | {"baseline": _told(_baseline(kept, part.iloc[0]))})
        table = pandas.DataFrame(found)
        return table.drop(columns=[name for name in ("model_b", "samples", "seed") if table[name].nunique() == 1])

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A row of panels for each index and view: the index with its baseline, accuracy and cross-entropy, each mean
        and standard deviation over the networks."""
        told = curves.named(rows[rows["status"] == "ok"])
        parts = [part for _, part in told[told["kind"] == "penalty"].groupby(CURVE, sort=True)]
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
            _compare(axes[3 * at], part, _baseline(told, first))
            axes[3 * at + 1].set_ylim(0, 1.02)
        figures.legend(figure, axes)
        return figure


def _compared(selection: Selection, pairs: int) -> list[tuple[str, Network, Network]]:
    """Layers and the pairs of the baseline there; none where no two networks have a layer in common."""
    try:
        return list(stitched(selection, pairs, "the baseline"))
    except InputError:
        return []


def _looks(step: int, affine: Affine, case: Case, context: Bench) -> Iterator[Row]:
    """The index, scores and residual of the stitch after a step."""
    yield Row("similarity", context.stitched_similarity(case.method, affine, case), step)
    yield from (replace(row, step=step) for row in context.stitched(affine, case))


def _runs(rows: pandas.DataFrame, quantity: str) -> list[pandas.Series]:
    """A quantity of each network by step."""
    return [steps.by_step(run) for _, run in rows[rows["quantity"] == quantity].groupby("seed_a")]


def _baseline(rows: pandas.DataFrame, of: pandas.Series) -> pandas.Series:
    """Values of the index between stitched networks, in the setting that a row `of` a push is from."""
    alike = [*curves.APART, "method", "params", "view"]
    return rows.loc[(rows["kind"] == "baseline") & (rows[alike] == of[alike]).all(axis=1), "value"].astype(float)


def _told(values: pandas.Series) -> str:
    """Mean, standard deviation and number."""
    spread = f" ± {values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread} ({len(values)})" if len(values) else ""


def _compare(ax: Axes, part: pandas.DataFrame, baseline: pandas.Series) -> None:
    """What the index is beside the curve: between stitched networks, at the last good accuracy, in the paper."""
    if len(baseline):
        mean, sd = baseline.mean(), baseline.std() if len(baseline) > 1 else 0
        ax.axhspan(mean - sd, mean + sd, color="#999999", alpha=0.25, linewidth=0)
        ax.axhline(mean, color="#666666", linewidth=1.2, label="between stitched networks, all layers")
    pushed = part.loc[part["quantity"] == "pushed_to", "value"].astype(float)
    if len(pushed):
        ax.axhline(pushed.mean(), color=figures.colour(1), linestyle=":", label="pushed to, accuracy kept")
    if part["method"].iloc[0] == "cka" and part["view"].iloc[0] == "flat":
        ax.axhline(PAPER, color=figures.colour(6), linestyle="--", linewidth=1, label=f"{PAPER} (the paper's)")


@hookimpl
def simbench_experiments():
    return [CKAPenalty()]
