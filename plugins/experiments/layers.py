"""Every layer of one network against every layer of another: indices, stitches, and stitches with untrained fronts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from simbench_plugins.experiments import layers_report
from simbench_plugins.experiments.presets import AUTHORS, FIVE, PAPER, SMALL

from simbench import Case, Experiment, Inapplicable, InputError, Result, Row, hookimpl

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Network, Selection
    from simbench.contracts import Kept

#: Quantities of a stitched network that need no labels.
UNLABELLED = ("cross_entropy", "kl_divergence", "agreement", "agreement_r2", "residual")


@dataclass(frozen=True)
class Layers(Experiment):
    """Indices and stitches of layers of two networks, whatever their names, and also across architectures.

    pairing: "all" pairs every selected layer of the network that supplies the front with every selected layer of the
        network that supplies the end; "depth" pairs layers of similar relative depth (the position of a layer among
        all layers of its model, divided by their number).
    order: "both" uses each network as the front of each other network; "forth" only as the front of networks that come
        after it on the command line.
    resize: how activations of the front are resized to the height and width that the end expects, for stitches and
        for indices in the view spatial; "none" skips layers of different sizes.
    untrained: also stitch an untrained front into the same end. Relative accuracy alone is misleading: the end may
        reach a part of it on random features.

    Rows of kind "network" hold the accuracy of each network alone, and rows of kind "untrained" the scores with an
    untrained front. Stitched networks also have the row `end_multiply_adds`: multiply-adds of the end for one input.
    If the data have no labels, stitched networks are only scored by their agreement with Model 2 and their divergence
    from it. Regression uses R2 and the mean squared error instead of accuracy and cross-entropy.
    """

    pairing: Literal["all", "depth"] = "all"
    order: Literal["both", "forth"] = "both"
    untrained: bool = True
    resize: Literal["bilinear", "nearest", "none"] = "bilinear"

    name = "layers"
    source = "Kornblith et al. 2019, figure 2 (layers); Csiszarik et al. 2021 (stitches)"
    unlike = True
    presets: ClassVar = {
        "default": replace(SMALL, seeds="2", indices=FIVE, stitchers="least_squares"),
        "paper": replace(PAPER, seeds="2", indices="cka", stitchers=f"least_squares,task_loss[{AUTHORS}]"),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, resize = selection.setting, "" if self.resize == "none" else self.resize
        pairs = list(self._pairs(selection))
        if not pairs:
            raise InputError(f"{self.spec} compares two networks; given {len(selection.networks)}; ask for more")
        for network in selection.networks:
            yield Case.alone(self, setting, network)
        for a, b in pairs:
            for layer_a, layer_b in self._layers(a, b, selection):
                for view in selection.views:
                    for index in selection.indices:
                        size = resize if view in ("spatial", "tokens") else ""
                        yield Case(self, setting, "index", index, a, layer_a, b, layer_b, view, resize=size)
                for stitcher in selection.stitchers:
                    stitched = Case(
                        self, setting, "stitcher", stitcher, a, layer_a, b, layer_b, "spatial", resize=resize
                    )
                    yield stitched
                    if self.untrained:
                        yield replace(stitched, kind="untrained", control=a.untrained)

    def _pairs(self, selection: Selection) -> Iterator[tuple[Network, Network]]:
        typed = selection.networks
        drawn = selection.design.pairs(typed, [network.name for network in typed], selection.setting.seed)
        place = {id(network): at for at, network in enumerate(typed)}
        return ((a, b) for a, b in drawn if self.order == "both" or place[id(a)] < place[id(b)])

    def _layers(self, a: Network, b: Network, selection: Selection) -> list[tuple[str, str]]:
        """Pairs of selected layers, in order of depth."""
        names_a, names_b = (selection.layers[network.model.spec] for network in (a, b))
        if self.pairing == "all":
            return [(layer_a, layer_b) for layer_a in names_a for layer_b in names_b]
        return matched(_depths(a, names_a), _depths(b, names_b))

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        labelled = case.setting.dataset.labelled
        if case.kind == "network":
            if not labelled or case.a.model.features:
                raise Inapplicable("the data have no labels" if not labelled else f"{case.a.name} gives features")
            quantity = "r2" if case.setting.dataset.regression else "accuracy"
            return Result([Row(quantity, bench.accuracy(case.a))], bench.own_outcomes(case.a))
        if case.kind == "index":
            return [bench.similarity(case.method, case)]
        if not labelled and case.method.needs == "task":
            raise Inapplicable(f"{case.method.spec} is trained on labels, and the data have none")
        if case.b.model.features and case.method.needs == "task":
            raise Inapplicable(f"{case.method.spec} is trained on outputs, and {case.b.name} gives features")
        fronted = replace(case, a=case.control, control=None) if case.kind == "untrained" else case
        affine = bench.fit(case.method, fronted)
        if case.b.model.features:
            return [bench.residual(affine, fronted)]
        logits = bench.logits(affine, fronted)
        rows = [*bench.scored(logits, fronted), bench.residual(affine, fronted)]
        if not labelled:
            return [row for row in rows if row.quantity in UNLABELLED]
        if case.kind == "untrained":
            return rows
        return Result(
            [*rows, Row("end_multiply_adds", bench.multiply_adds(case.b, case.layer_b))], bench.outcomes(logits, case)
        )

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return layers_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return layers_report.figure(rows)


def _depths(network: Network, layers: Sequence[str]) -> dict[str, float]:
    """Layer -> relative depth, in (0, 1]."""
    every = network.model.layers
    return {layer: (every.index(layer) + 1) / len(every) for layer in layers}


def matched(a: dict[str, float], b: dict[str, float]) -> list[tuple[str, str]]:
    """Pairs each layer of the network that has fewer layers with the layer of the other network that is nearest in
    depth (the shallower one of two).

    >>> matched({"x": 0.5, "y": 1.0}, {"k": 0.25, "l": 0.5, "m": 0.75, "n": 1.0})
    [('x', 'l'), ('y', 'n')]
    """
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    pairs = [(layer, min(many, key=lambda other: abs(many[other] - depth))) for layer, depth in few.items()]
    return pairs if few is a else [(x, y) for y, x in pairs]


@hookimpl
def simbench_experiments():
    return [Layers()]
