"""Tests that every similarity index should pass: identification of layers, sensitivity, specificity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import perturbations, sanity_report
from simbench_plugins.experiments.energy import energy_outside
from simbench_plugins.experiments.identification import EQUAL, identification
from simbench_plugins.experiments.presets import AUTHORS, PAPER, SMALL

from simbench import Case, Experiment, InputError, Network, Result, Row, hookimpl, number

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Selection
    from simbench.contracts import Kept


@dataclass(frozen=True)
class Sanity(Experiment):
    """Four tests of an index, each a column of the leaderboard, and one of a stitcher.

    - `layer_identification`: of two networks of a model, the share of layers of the first to which the corresponding
      layer of the second is the most similar of all (Kornblith et al. 2019, section 6.1). Where several are equally
      similar, the layer counts for its share of them: a constant index identifies 1 / L of L layers, as chance does.
      In view spatial, a layer is sought among those of its height and width; one without another such is left out.
    - `component_sensitivity`: principal components of a layer are removed, the first or the last ones, and the network
      goes on from what is left. Spearman correlation of the index between what is left and the whole with the accuracy
      that the network keeps (Ding et al. 2021, section 4, with the network's own accuracy in place of a probe's).
    - `noise_sensitivity`: the same correlation where Gaussian noise is added, of several strengths, along the first or
      the last half of the principal components.
    - `specificity`: of the pairs of a change that costs no more than `tolerance` of the accuracy and one that costs at
      least `harm`, the share in which the index calls the first more similar; ties count half.
    - `energy_outside`, of stitches: the share of the energy of stitched activations outside the principal subspace of
      Model 2's own (see `energy`; after Balogh and Jelasity 2025), beside that of Model 2 itself.

    The last three of an index are means over the default layers of a model where they are defined. Everything is
    measured on test images.

    pairs: ordered pairs of networks of a model that identify layers, and that are stitched at each layer. networks:
    number of networks of each model that are changed, the first by seed or name.
    """

    pairs: int = number(2, least=1)
    networks: int = number(1, least=1)
    tolerance: float = number(0.01, least=0.0, most=1.0)
    harm: float = number(0.1, least=0.0, most=1.0)

    name = "sanity"
    source = "Kornblith et al. 2019, section 6.1; Ding et al. 2021, section 4; Balogh and Jelasity 2025"
    board: ClassVar = sanity_report.COLUMNS
    presets: ClassVar = {
        "default": replace(SMALL, seeds="3", view="spatial,pooled", stitchers="least_squares,procrustes,task_loss"),
        "paper": replace(
            PAPER,
            params="pairs=10,networks=5",
            seeds="10",
            view="flat",
            stitchers=f"least_squares,procrustes,task_loss[{AUTHORS}]",
        ),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, rings = selection.setting, _rings(selection)
        if all(len(ring) < 2 for ring in rings):
            raise InputError(
                f"{self.spec} compares networks of one model; given {len(selection.networks)} network(s), no two of "
                "one model; ask for more with --seeds"
            )
        for view in selection.views:
            for index in selection.indices:
                for ring in rings:
                    steps = range(1, len(ring))
                    shifted = [(a, ring[(i + by) % len(ring)]) for by in steps for i, a in enumerate(ring)]
                    for a, b in shifted[: self.pairs]:
                        yield Case(self, setting, "identification", index, a, "", b, "", view)
                    for a in ring[: self.networks] if index.needs != "case" else ():
                        yield Case(self, setting, "perturbation", index, a, "", a, "", view)
        for pair in selection.pairs(self.pairs):
            for stitcher in selection.stitchers:
                yield Case.stitch(self, setting, stitcher, pair, "energy")

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        if case.kind == "energy":
            return energy_outside(case, bench)
        if case.kind == "identification":
            return identification(case, bench)
        return self._perturbation(case, bench)

    def _perturbation(self, case: Case, bench: Bench) -> list[Row]:
        """Means over layers of the results of an index on the changes of each layer."""
        values: dict[str, list[float]] = {}
        for layer in case.a.model.default_layers:
            at = replace(case, layer_a=layer, layer_b=layer)
            changes = bench.once(case, ("changes", layer), partial(_changes, at, bench))
            for quantity, value in self._of_layer(at, changes, bench):
                values.setdefault(quantity, []).append(value)
        return [_mean(quantity, values.get(quantity, [])) for quantity in sanity_report.OF_CHANGES]

    def _of_layer(
        self, case: Case, changes: Sequence[perturbations.Change], bench: Bench
    ) -> Iterator[tuple[str, float]]:
        seen = [(change, perturbations.similarity(change, at, case, bench)) for at, change in enumerate(changes)]
        seen = [(change, value) for change, value in seen if value is not None]
        for quantity, kind in (("component_sensitivity", "components"), ("noise_sensitivity", "noise")):
            value = perturbations.spearman([(each, change.accuracy) for change, each in seen if change.kind == kind])
            if value is not None:
                yield quantity, value
        harmless = [value for change, value in seen if change.accuracy >= 1 - self.tolerance]
        harmful = [value for change, value in seen if change.accuracy <= 1 - self.harm]
        if harmless and harmful:
            above = [_above(x, y) for x in harmless for y in harmful]
            yield "specificity", sum(above) / len(above)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        return sanity_report.table(rows)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        return sanity_report.figure(rows)


def _rings(selection: Selection) -> list[list[Network]]:
    """The networks of each model, in order."""
    rings: dict[str, list[Network]] = {}
    for network in selection.ordered:
        rings.setdefault(network.model.spec, []).append(network)
    return list(rings.values())


def _changes(case: Case, bench: Bench) -> list[perturbations.Change]:
    return list(perturbations.changes(case, bench))


def _above(x: float, y: float) -> float:
    """1 where x is above y, 0 where it is below, 0.5 where they are equal."""
    return 0.5 if abs(x - y) <= EQUAL * max(1.0, abs(x), abs(y)) else float(x > y)


def _mean(quantity: str, values: Sequence[float]) -> Row:
    if not values:
        return Row(quantity, None, status="degenerate", note="no layer whose changes cost accuracy and differ in it")
    return Row(quantity, sum(values) / len(values))


@hookimpl
def simbench_experiments():
    return [Sanity()]
