"""Low index at high accuracy: the paper's experiment 4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from simbench import Affine, Case, Experiment, Index, InputError, Row, hookimpl, nested
from simbench.evaluate import evaluate
from simbench.views import rows

if TYPE_CHECKING:
    import pandas

    from simbench.cases import Selection
    from simbench.measure import Context
    from simbench.stitching import Task


@dataclass(frozen=True)
class CKAPenalty(Experiment):
    """A network stitched with itself, pushed to look different while it works the same.

    From next to the identity, Adam minimises cross-entropy + weight * index(stitched, own activations).
    The identity itself is a stationary point of both terms, so training starts from a seeded Gaussian
    perturbation of standard deviation `noise`. Every `every` steps the index, accuracy and cross-entropy
    are logged on the test images.

    index: any index that is differentiable and not invariant to the stitch. view: of the activations it
        sees ("flat", images by all neurons, is what the authors' code uses). batch: images per step; the
        penalty sees the index of the batch, which few rows bias, the log that of the test images.
    weight: of the penalty. labels: "soft", the network's own outputs, or "hard". layer: "middle" is
        the middle one of the selected layers. The paper penalises CKA at layer 2.0 of a ResNet; its
        authors' code takes 30 epochs at learning rate 1e-3.
    """

    index: Index = nested("indices", "cka")
    view: Literal["spatial", "flat", "pooled"] = "flat"
    weight: float = 1.0
    batch: int = 128
    epochs: int = 8
    learning_rate: float = 0.01
    labels: Literal["soft", "hard"] = "soft"
    noise: float = 1e-3
    every: int = 20
    layer: str = "middle"

    name = "cka_penalty"
    source = "Csiszarik et al. 2021, section 6.3"

    def __post_init__(self) -> None:
        for key in ("batch", "epochs", "every"):
            if getattr(self, key) < (4 if key == "batch" else 1):
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from {4 if key == 'batch' else 1} is "
                                 "allowed")
        for key in ("learning_rate", "noise"):
            if not getattr(self, key) > 0:
                raise InputError(f"{key} is {getattr(self, key)}; a number above 0 is allowed")
        if not isinstance(self.index, str):
            claims = self.index.claims
            if "linear" in claims.invariances_a:
                raise InputError(f"index {self.index.spec} is invariant to any invertible stitch, so a stitch cannot "
                                 "push it; use one that is not, such as cka")
            if not claims.differentiable:
                raise InputError(f"index {self.index.spec} is not differentiable, so no stitch can be trained against "
                                 "it; use one that is, such as cka")

    def plan(self, selection: Selection) -> Iterator[Case]:
        for network in selection.networks:
            chosen = selection.layers[network.model.spec]
            if self.layer == "middle" and not chosen:
                continue  # the layers asked for are other models'
            layer = chosen[len(chosen) // 2] if self.layer == "middle" else self.layer
            if layer not in network.model.layers:
                raise InputError(f"{self.spec}: {network.model.spec} has no layer {layer!r}; allowed: middle, "
                                 f"{', '.join(network.model.layers)}")
            yield Case(self, selection.setting, "penalty", self.index, network, layer, network, layer, self.view)

    def run(self, case: Case, context: Context) -> list[Row]:
        task, log = context.task(case), []

        def record(step: int, affine: Affine) -> None:
            log.append(Row("similarity", context.stitched_similarity(self.index, affine, case), step))
            log.extend(replace(row, step=step) for row in context.stitched(affine, case))

        self._train(task, record)
        return log

    def _train(self, task: Task, record) -> None:
        import torch

        from simbench.stitching import cross_entropy

        width = task.activations.shape[1]
        generator = torch.Generator().manual_seed(task.seed)
        start = torch.eye(width) + self.noise * torch.randn(width, width, generator=generator)
        weight = start.to(task.activations).requires_grad_()
        bias = weight.new_zeros(width).requires_grad_()
        optimizer = torch.optim.Adam([weight, bias], lr=self.learning_rate)
        record(0, Affine(weight.detach(), bias.detach()))
        step, logged = 0, 0
        for x, soft, labels in task.batches(self.batch, self.epochs):
            if len(x) < min(self.batch, len(task.labels)):
                continue  # the index of a short last batch is biased differently
            stitched = Affine(weight, bias)(x)
            loss = cross_entropy(task.end(stitched), soft if self.labels == "soft" else labels)
            penalty, _ = evaluate(self.index, rows(stitched, self.view), rows(x, self.view))
            optimizer.zero_grad(set_to_none=True)
            (loss + self.weight * self.index.claims.direction * penalty).backward()
            optimizer.step()
            step += 1
            if step % self.every == 0:
                logged = step
                record(step, Affine(weight.detach(), bias.detach()))
        if step > logged:
            record(step, Affine(weight.detach(), bias.detach()))

    def summary(self, table: pandas.DataFrame) -> pandas.DataFrame:
        """First and last logged index, accuracy and cross-entropy of every network."""
        kept = table[table["quantity"].isin(["similarity", "accuracy", "cross_entropy"]) & (table["status"] == "ok")]
        if kept.empty:
            return kept[[]]
        kept = kept.sort_values("step", kind="stable")
        by = ["dataset", "model_a", "seed_a", "layer_a", "method", "quantity"]
        ends = kept.groupby(by, sort=True)["value"].agg(["first", "last"]).unstack("quantity")
        ends.columns = [f"{quantity} {'before' if which == 'first' else 'after'}" for which, quantity in ends.columns]
        names = [f"{q} {when}" for q in ("similarity", "accuracy", "cross_entropy") for when in ("before", "after")]
        return ends[names].reset_index()


@hookimpl
def simbench_experiments():
    return [CKAPenalty()]
