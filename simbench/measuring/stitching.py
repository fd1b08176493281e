"""The half of the bench that stitches: tasks, fitted maps, and scores of stitched networks."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from simbench.contracts import Row, Stitcher
from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.contracts.task import Rows, Task
from simbench.errors import Inapplicable
from simbench.isolation.loans import lend
from simbench.measuring.aligned import Rereading, before_resize, preceded
from simbench.measuring.augmented import Augmented
from simbench.measuring.fronts import finite, reread, reread_at_once
from simbench.measuring.held import Later, OnDemand, shown
from simbench.measuring.pairs import Pairs
from simbench.measuring.stitched import Score, score, stitched_logits
from simbench.measuring.value import Side
from simbench.moments.affine import Affine
from simbench.system import stopwatch


@stopwatch.stages(fit="fitting stitches")
class Stitching(Pairs):
    """Stitches of the pairs of one selection, and how well they work."""

    def task(self, case: Case) -> Task:
        """The learning task of stitching a at layer_a into b at layer_b, on the train split."""
        ((a, layer_a), (b, layer_b)), held = self.members(case, "spatial", True), self.activations
        fits, augmented = not a.misfit(self.selection.setting), Augmented(held, a, layer_a, b, layer_b)
        return Task(
            shown(held.tensor(a, layer_a, "train", lazy=True)),
            held.end(b, layer_b),
            held.outputs(b, "train"),
            held.labels("train"),
            self.moments(case, "train", "spatial"),
            case.setting.seed,
            held.objective,
            held.outputs(a, "train") if fits else None,
            Later(lambda: held.tensor(b, layer_b, "train", lazy=True)),
            lambda *wanted: augmented(*wanted),
            inputs=self._reread(b, layer_b),
        )

    def _reread(self, network: Network, layer: str) -> Rows | None:
        """The train inputs as the end above a layer takes them, made when asked for; None where it takes none."""
        held, inputs = self.activations, self.activations.inputs("train")
        if not isinstance(held.end(network, layer), Rereading):
            return None
        return Later(lambda: OnDemand(lambda chosen: reread_at_once(held, network, layer, inputs[chosen.cpu()])))

    def fit(
        self, stitcher: Stitcher, case: Case, half: int | None = None, front: Tensor | None = None, **options
    ) -> Affine:
        """The stitch from a to b, fitted on the train split, or on a half of it, in float64; `options` go to
        `from_task`. front: activations of the train inputs in place of those of a."""
        if stitcher.needs == "task" and half is not None:
            raise Inapplicable(f"{stitcher.spec} is trained; stitches are fitted on halves by direct matching alone")
        if front is not None:
            m = self.front_moments(front, case, "train", "spatial")
        elif stitcher.needs == "task":
            self.must_pair(case, "spatial")
        else:
            m = self.moments(case, "train", "spatial", half)
        if stitcher.needs == "task":
            task = self.task(case if front is None else replace(case, a=case.b, layer_a=case.layer_b))
            if front is not None:
                end = self.activations.end(*self.members(case, "spatial", True)[1])
                front = self.placed(front, case).detach().to(self.activations.device, torch.float32)
                task = replace(task, activations=front, moments=m, end=end, logits_a=None, augmented=None)
            affine = lend(stitcher, stitcher.from_task, task, **options)
        else:
            affine = lend(stitcher, stitcher.from_moments, m)
        if not isinstance(affine, Affine):
            raise TypeError(f"stitcher {stitcher.spec} returned a {type(affine).__name__}; an Affine is wanted")
        if not bool(torch.isfinite(affine.weight).all()):
            raise ArithmeticError(f"stitcher {stitcher.spec} returned a map with NaN or infinite weights")
        return affine.to(torch.float64)

    @torch.no_grad()
    def logits(self, affine: Affine, case: Case, front: Tensor | None = None) -> Tensor:
        """Outputs of the stitched network on the test split, (n, outputs) or (k, n, outputs). front: activations of the
        test inputs in place of those of a."""
        a, b = self.members(case, "spatial", True)
        end = self.activations.end(*b)
        if front is None:
            layer, resize = before_resize(a[1])
            a, end = (a[0], layer), preceded(resize, end) if resize else end
        batches = self.activations.batches(*a, "test", hold=True)
        batches = batches if front is None else self.parts(self.placed(front, case))
        affine = affine.to(self.activations.device, torch.float32)
        again = reread(self.activations, *b, self.activations.inputs("test"))
        return finite(stitched_logits(affine, end, batches, again), "the last layer of the stitched network")

    def score(self, logits: Tensor, case: Case) -> Score:
        """Score of stitched outputs (n, outputs) on the test split."""
        self._answers(case.b)
        return score(
            logits,
            self.activations.outputs(case.b, "test"),
            self.activations.labels("test"),
            self.activations.objective,
        )

    def stitched(self, affine: Affine, case: Case) -> list[Row]:
        """Score and residual of one stitch on the test split."""
        return [*self.scored(self.logits(affine, case), case), self.residual(affine, case)]

    def residual(self, affine: Affine, case: Case) -> Row:
        """How far the stitched activations are from b's on the test split: a row `residual`."""
        m = self.moments(case, "test", "spatial")
        problem = Side.of_scatter(f"{case.layer_b} of {case.b.name}", m.b, " over the test images").problem()
        if problem is not None:
            return Row("residual", None, status=problem.status, note=problem.note)
        return Row("residual", float(m.residual(affine.to(torch.float64))))

    def scored(self, logits: Tensor, case: Case) -> list[Row]:
        """Rows of the score of stitched outputs (n, outputs) on the test split."""
        scored = self.score(logits, case)
        objective = self.activations.objective
        values = {quantity: getattr(scored, name) for name, quantity in objective.quantities.items()}
        values |= {f"relative_accuracy/{name}": value for name, value in scored.per_attribute.items()}
        return [
            Row(quantity, value)
            if math.isfinite(value)
            else Row(quantity, None, status="failed", note=f"Model 2, {case.b.name}, {objective.useless}: undefined")
            for quantity, value in values.items()
        ]

    def outcomes(self, logits: Tensor, case: Case) -> dict[str, np.ndarray]:
        """Arrays `right`, `agrees` and `divergence` of stitched outputs (n, outputs), by input of the test split."""
        self._answers(case.b)
        own, objective = self.activations.outputs(case.b, "test"), self.activations.objective
        if not objective.decides:
            return {"divergence": _float16(objective.divergence(logits, own))}
        return {
            "right": _bits(objective.right(logits, self.activations.labels("test"))),
            "agrees": _bits(objective.right(logits, objective.predictions(own))),
            "divergence": _float16(objective.divergence(logits, own)),
        }

    def own_outcomes(self, network: Network) -> dict[str, np.ndarray]:
        """Arrays `right` and `entropy` of an unstitched network, by input of the test split."""
        self._answers(network)
        outputs, objective = self.activations.outputs(network, "test"), self.activations.objective
        if not objective.decides:
            return {}
        return {
            "right": _bits(objective.right(outputs, self.activations.labels("test"))),
            "entropy": _float16(objective.entropy(outputs)),
        }

    def accuracy(self, network: Network, split: str = "test") -> float:
        """Accuracy of an unstitched network."""
        self._answers(network)
        return float(
            self.activations.objective.accuracy(
                self.activations.outputs(network, split), self.activations.labels(split)
            )
        )

    def _answers(self, network: Network) -> None:
        reason = network.misfit(self.selection.setting)
        if reason:
            raise Inapplicable(reason)

    def outputs(self, network: Network, split: str) -> Tensor:
        """(n, outputs) of an unstitched network."""
        return self.activations.outputs(network, split)

    def labels(self, split: str) -> Tensor:
        """(n,) or (n, attributes) int64."""
        return self.activations.labels(split)

    def inputs(self, split: str) -> Tensor:
        """(n, c, h, w) uint8, or float32 in [0, 1]."""
        return self.activations.inputs(split)

    def net(self, network: Network) -> nn.Sequential:
        """The whole network, frozen, in eval mode."""
        return self.activations.net(network)


def _bits(right: Tensor) -> np.ndarray:
    """Booleans (n, ...) as bits (n/8, ...)."""
    return np.packbits(right.cpu().numpy(), axis=0)


def _float16(values: Tensor) -> np.ndarray:
    """In float16; what is too large for it is its largest number."""
    return values.clamp(max=torch.finfo(torch.float16).max).half().cpu().numpy()
