"""What experiments measure with: representations, moments, tasks and scores of one selection."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from simbench.contracts import Index, Row, Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.contracts.task import Task
from simbench.errors import Inapplicable, Undefined
from simbench.isolation.answers import number, of_moments
from simbench.isolation.loans import lend
from simbench.measuring.activations import BUDGET, Activations, finite
from simbench.measuring.augmented import Augmented
from simbench.measuring.held import Later, shown
from simbench.measuring.stacks import Stacks
from simbench.measuring.stitched import Score, score, stitched_logits
from simbench.measuring.value import evaluate, turnable
from simbench.moments.affine import Affine
from simbench.moments.coordinates import rounding_only
from simbench.moments.pair import Moments
from simbench.moments.views import rows
from simbench.system.provenance import digest
from simbench.system.stopwatch import stages
from simbench.system.surroundings import abroad, known, seed_of, settle

#: What a stitched network is scored by.
QUANTITIES = ("accuracy", "relative_accuracy", "cross_entropy", "agreement")


@stages(moments="moments", flat="moments", similarity="indices", stitched_similarity="indices", fit="fitting stitches")
class Context:
    """What experiments measure with: representations, moments, tasks and scores of one selection.

    Everything is a function of the case; what several cases share is computed once and kept. memory: bytes that
    activations may take.
    """

    def __init__(self, selection: Selection, device: str = "cpu", memory: int = BUDGET) -> None:
        self.selection = selection
        self.activations = Activations(selection.setting, device, memory)
        self._stacks = Stacks(self.activations, selection.networks)
        self._coordinates: dict[tuple, tuple] = {}
        self._computed: dict[Hashable, Any] = {}
        self._group: tuple[str, ...] = ()

    def moments(self, case: Case, split: str, view: str) -> Moments:
        """Moments of (a at layer_a, b at layer_b) on a split, in view spatial or pooled."""
        a, b = (case.a, case.layer_a), (case.b, case.layer_b)
        self._same_size(a, b, view)
        settle()
        return self._stacks.pair(a, b, split, view)

    def flat(self, case: Case, split: str) -> tuple[Tensor, Tensor, Moments]:
        """Principal coordinates of a and of b in view flat, and their Moments."""
        sides = []
        for network, layer in ((case.a, case.layer_a), (case.b, case.layer_b)):
            key = (network.content, layer, split)
            if key not in self._coordinates:
                self._forget(case)
                settle()
                self._coordinates[key] = self.activations.coordinates(network, layer, split)
            sides.append(self._coordinates[key])
        (x, left), (y, right) = sides
        return x, y, Moments(left, right, (x - left.mean).mT @ (y - right.mean))

    def raw(self, case: Case, split: str, view: str) -> tuple[Tensor, Tensor]:
        """Rows of a and of b in a view (view flat: of a drawn sample of the images)."""
        a, b = (case.a, case.layer_a), (case.b, case.layer_b)
        self._same_size(a, b, view)
        return tuple(rows(self.activations.drawn(*member, split, view), view) for member in (a, b))

    def similarity(self, index: Index, case: Case, split: str = "test") -> Row:
        """Value of an index in the case's view, as a row `similarity`, ok or degenerate."""
        if index.needs == "samples":
            return self._on_samples(index, case, split)
        m = self._flat_moments(index, case, split) if case.view == "flat" else self.moments(case, split, case.view)
        for side, scatter in (("a", m.a), ("b", m.b)):
            _varies(scatter.constant, scatter.rounding, case, side)
        value, note = of_moments(index, m)
        return Row("similarity", value, status="degenerate" if note else "ok", note=note)

    def _on_samples(self, index: Index, case: Case, split: str) -> Row:
        turned = case.view == "flat" and turnable(index)
        x, y = self.flat(case, split)[:2] if turned else self.raw(case, split, case.view)
        self._usable(x, y, case)
        left, right = self._drawn(index, x, y, case)
        note = f"on {len(left)} rows drawn of {len(x)}" if len(left) < len(x) else ""
        value = number(index, lend(index, index.from_samples, left, right, dtype=torch.float64))
        return Row("similarity", value, note=note)

    def _flat_moments(self, index: Index, case: Case, split: str) -> Moments:
        if turnable(index):
            return self.flat(case, split)[2]
        x, y = self.raw(case, split, "flat")
        if max(x.shape[1], y.shape[1]) >= len(x):
            raise Inapplicable(
                f"{index.spec} is not blind to rotations and shifts of both sides, and needs the "
                f"moments of {max(x.shape[1], y.shape[1])} neurons: {len(x)} images do not determine "
                "them in view flat"
            )
        return Moments.of(x, y)

    def _usable(self, x: Tensor, y: Tensor, case: Case) -> None:
        """Raise ArithmeticError for rows on which no index is defined."""
        for rows_, side, network, layer in ((x, "a", case.a, case.layer_a), (y, "b", case.b, case.layer_b)):
            finite(rows_, f"activations of {network.name} at {layer}")
            _varies(bool((rows_ == rows_[0]).all()), rounding_only(rows_), case, side)

    def task(self, case: Case) -> Task:
        """The learning task of stitching a at layer_a into b at layer_b, on the train split."""
        (a, layer_a), (b, layer_b), held = (case.a, case.layer_a), (case.b, case.layer_b), self.activations
        fits, augmented = not a.misfit(self.selection.setting), Augmented(held, a, layer_a, b, layer_b)
        return Task(
            shown(held.rows(a, layer_a, "train")),
            held.end(b, layer_b),
            held.logits(b, "train"),
            held.labels("train"),
            self.moments(case, "train", "spatial"),
            case.setting.seed,
            held.objective,
            held.logits(a, "train") if fits else None,
            Later(lambda: held.rows(b, layer_b, "train")),
            lambda *wanted: augmented(*wanted),
        )

    def fit(self, stitcher: Stitcher, case: Case, **options) -> Affine:
        """The stitch from a to b, fitted on the train split, in float64; `options` go to `from_task`."""
        if stitcher.needs == "task":
            self._same_size((case.a, case.layer_a), (case.b, case.layer_b), "spatial")
            affine = lend(stitcher, stitcher.from_task, self.task(case), **options)
        else:
            affine = lend(stitcher, stitcher.from_moments, self.moments(case, "train", "spatial"))
        if not isinstance(affine, Affine):
            raise TypeError(f"stitcher {stitcher.spec} returned a {type(affine).__name__}; an Affine is wanted")
        if not bool(torch.isfinite(affine.weight).all()):
            raise ArithmeticError(f"stitcher {stitcher.spec} returned a map with NaN or infinite weights")
        return affine.to(torch.float64)

    @torch.no_grad()
    def logits(self, affine: Affine, case: Case) -> Tensor:
        """Outputs of the stitched network on the test split, (n, outputs) or (k, n, outputs)."""
        end = self.activations.end(case.b, case.layer_b)
        batches = self.activations.batches(case.a, case.layer_a, "test", hold=True)
        affine = affine.to(self.activations.device, torch.float32)
        return finite(stitched_logits(affine, end, batches), "outputs of the stitched network")

    def score(self, logits: Tensor, case: Case) -> Score:
        """Score of stitched outputs (n, outputs) on the test split."""
        self._answers(case.b)
        return score(
            logits, self.activations.logits(case.b, "test"), self.activations.labels("test"), self.activations.objective
        )

    def stitched(self, affine: Affine, case: Case) -> list[Row]:
        """Score and residual of one stitch on the test split."""
        found = self.scored(self.logits(affine, case), case)
        m = self.moments(case, "test", "spatial")
        if m.b.constant:
            return [*found, Row("residual", None, status="failed", note=_constant(case, "b"))]
        return [*found, Row("residual", float(m.residual(affine.to(torch.float64))))]

    def scored(self, logits: Tensor, case: Case) -> list[Row]:
        """Rows of the score of stitched outputs (n, outputs) on the test split."""
        told = self.score(logits, case)
        values = {name: getattr(told, name) for name in QUANTITIES}
        values |= {f"relative_accuracy/{name}": value for name, value in told.per_attribute.items()}
        return [
            Row(quantity, value)
            if math.isfinite(value)
            else Row(quantity, None, status="failed", note=f"Model 2, {case.b.name}, is right on no image: undefined")
            for quantity, value in values.items()
        ]

    def once(self, case: Case, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed once for all cases of the experiment that share forward passes with this
        one (its group) and follow each other. What it draws from global generators depends on group and key alone."""
        if self._group != case.group:
            self._group, self._computed = case.group, {}
        key = (case.experiment.name, key)
        if key not in self._computed:
            with known(seed_of(digest([*case.group, repr(key)]))), abroad():
                self._computed[key] = compute()
        return self._computed[key]

    @torch.no_grad()
    def stitched_similarity(self, index: Index, affine: Affine, case: Case) -> float:
        """Index of the stitched a against b on the test split, in the case's view: through the moments
        where a 1x1 stitch acts on the rows of the view, else from the moved activations."""
        if case.view != "flat" and index.needs == "moments":
            m = self.moments(case, "test", case.view).through(affine.to(torch.float64))
            return number(index, lend(index, index.from_moments, m))
        x = self.activations.drawn(case.a, case.layer_a, "test", case.view)
        y = self.activations.drawn(case.b, case.layer_b, "test", case.view)
        pair = rows(affine.to(x)(x), case.view).double(), rows(y, case.view).double()
        return number(index, evaluate(index, *self._drawn(index, *pair, case))[0])

    def _drawn(self, index: Index, x: Tensor, y: Tensor, case: Case) -> tuple[Tensor, Tensor]:
        """At most `max_rows` of the rows, drawn with the setting's seed, for an index that needs samples."""
        if index.needs != "samples" or index.max_rows is None or len(x) <= index.max_rows:
            return x, y
        chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(case.setting.seed))
        chosen = chosen[: index.max_rows].sort().values
        return x[chosen], y[chosen]

    def samples(self, case: Case) -> int:
        """Images a case is measured on."""
        return self.activations.images_of(case.split, case.view)

    def accuracy(self, network: Network, split: str = "test") -> float:
        """Accuracy of an unstitched network."""
        self._answers(network)
        return float(
            self.activations.objective.accuracy(self.activations.logits(network, split), self.activations.labels(split))
        )

    def _answers(self, network: Network) -> None:
        reason = network.misfit(self.selection.setting)
        if reason:
            raise Inapplicable(reason)

    def _same_size(self, a: tuple[Network, str], b: tuple[Network, str], view: str) -> None:
        left, right = self.activations.shape(*a)[1:], self.activations.shape(*b)[1:]
        if view == "spatial" and left != right:
            raise Inapplicable(
                f"{a[1]} of {a[0].name} is {_size(left)} and {b[1]} of {b[0].name} is {_size(right)}: "
                "rows do not pair up in view spatial"
            )

    def _forget(self, case: Case) -> None:
        """Drop what earlier layers needed: cases come in order of depth."""
        layers = {case.layer_a, case.layer_b}
        self._coordinates = {key: value for key, value in self._coordinates.items() if key[1] in layers}


def _varies(constant: bool, rounding: bool, case: Case, side: str) -> None:
    if constant:
        raise ArithmeticError(_constant(case, side))
    if rounding:
        raise Undefined(_constant(case, side, "varies by no more than the rounding of its numbers"))


def _constant(case: Case, side: str, how: str = "is constant") -> str:
    network, layer = (case.a, case.layer_a) if side == "a" else (case.b, case.layer_b)
    return f"{layer} of {network.name} {how} over the {case.split} images: undefined"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a vector"
