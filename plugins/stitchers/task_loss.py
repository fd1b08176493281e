"""Task loss matching: the stitch trained through the frozen end network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Affine, InputError, Stitcher, hookimpl

if TYPE_CHECKING:
    from simbench.stitching import Task


@dataclass(frozen=True)
class TaskLoss(Stitcher):
    """Affine stitch that minimises the cross-entropy of the stitched network (paper, section 4.1), by Adam.

    labels: "soft", the outputs of Model 2, or "hard", the data set's labels.
    init: "least_squares" (paper, section 5.1: the most stable), "random" (uniform in +- 1/sqrt(p), as
        torch initialises a 1x1 convolution, which the authors use) or "identity".
    epochs: passes over the train images (the authors' code: 30). learning_rate: Adam's. batch: images
        per step. bias: False trains a linear map.
    Both networks are frozen and in eval mode; training runs on the front's stored activations.
    """

    labels: Literal["soft", "hard"] = "soft"
    init: Literal["least_squares", "random", "identity"] = "least_squares"
    epochs: int = 1
    learning_rate: float = 1e-3
    batch: int = 128
    bias: bool = True

    name = "task_loss"
    source = "Csiszarik et al. 2021, section 4.1"
    objective = "cross_entropy"

    def __post_init__(self) -> None:
        for key in ("epochs", "batch"):
            if getattr(self, key) < 1:
                raise InputError(f"{key} is {getattr(self, key)}; a whole number from 1 is allowed")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; a number above 0 is allowed")

    @property
    def family(self) -> str:
        return "affine" if self.bias else "linear"

    def from_task(self, task: Task, starts: Affine | None = None,
                  on_step: Callable[[int, Affine], None] | None = None) -> Affine:
        import torch

        from simbench.stitching import cross_entropy, forward

        start = (self._start(task) if starts is None else starts).to(task.activations)
        weight, bias = start.weight.clone().requires_grad_(), None
        if self.bias:
            zeros = weight.new_zeros(weight.shape[:-2] + weight.shape[-1:])
            bias = (zeros if start.bias is None else start.bias.clone()).requires_grad_()
        optimizer = torch.optim.Adam([weight] if bias is None else [weight, bias], lr=self.learning_rate)

        def current() -> Affine:
            return Affine(weight.detach().clone(), None if bias is None else bias.detach().clone())

        if on_step:
            on_step(0, current())
        for step, (x, soft, labels) in enumerate(task.batches(self.batch, self.epochs), 1):
            loss = cross_entropy(forward(Affine(weight, bias), task.end, x), soft if self.labels == "soft" else labels)
            optimizer.zero_grad(set_to_none=True)
            loss.sum().backward()
            optimizer.step()
            if on_step:
                on_step(step, current())
        return current()

    def _start(self, task: Task) -> Affine:
        """The map that training starts from."""
        import torch

        from simbench_plugins.stitchers.identity import Identity
        from simbench_plugins.stitchers.least_squares import LeastSquares

        m = task.moments
        if self.init == "least_squares":
            return LeastSquares(self.bias).from_moments(m)
        if self.init == "identity":
            return Identity().from_moments(m)
        generator = torch.Generator().manual_seed(task.seed)
        p, q = m.a.width, m.b.width
        weight, bias = (torch.rand(size, generator=generator) * 2 - 1 for size in ((p, q), (q,)))
        return Affine(weight / p**0.5, bias / p**0.5 if self.bias else None)


@hookimpl
def simbench_stitchers():
    return [TaskLoss()]
