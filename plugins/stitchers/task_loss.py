"""Task loss matching: the stitch trained through the frozen end network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from simbench_plugins.stitchers.descent import descent, differentiate, require_arithmetic
from simbench_plugins.stitchers.penalty import penalty, unpushable
from simbench_plugins.stitchers.starts import initial

from simbench import Affine, Inapplicable, Index, InputError, Stitcher, hookimpl, nested
from simbench.contracts.task import LACKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from simbench.contracts.task import Batch, Task

#: labels -> the parts of a batch that they come from.
LABELS = {"soft": {"logits_b"}, "hard": set(), "soft_1": {"logits_a"}, "soft_12": {"logits_a", "logits_b"}}
#: Optional field of a task -> the parameter that does not need it.
WITHOUT = {"logits_a": "labels=soft", "logits_b": "labels=hard", "own": "index=none", "augmented": "augment=false"}


@dataclass(frozen=True)
class TaskLoss(Stitcher):
    """Affine stitch M that minimises the cross-entropy of the stitched network (paper, section 4.1)
    [+ l1 ||M||_1 (section 4.2)] [+ weight * index(stitched, Model 2's own activations) (section 6.3)].

    labels: "soft", the outputs of Model 2; "hard", the data set's labels; "soft_1", the outputs of Model 1; "soft_12",
        the mean of both losses. temperature: divides stitched and soft logits (Hinton et al. 2015, without their T^2).
    init: "least_squares" (paper, section 5.1: the most stable), "random" (uniform in +- 1/sqrt(p), the default of a
        1x1 convolution in torch and in the authors' code), "permutation" (the most correlated neurons, one to one) or
        "identity". noise: standard deviation of Gaussian noise added to the initial weight.
    mask: entries of M that stay zero, by correlation of the neurons: "semi_matching", "soft_semi_matching"
        (entries are scaled) or "permutation" (Li et al. 2016). l1: factor of sum |M| (the authors' code: the mean).
    index, weight, view: a penalty on similarity (on dissimilarity for a negative weight), in this view of the
        activations of one batch, whose few rows bias it; a short last batch is then left out.
    epochs: passes over the train inputs. batch: inputs per step. bias: False trains a linear map.
    optimizer, learning_rate: "sgd" has momentum 0.9. schedule: "step" cuts the rate by 10 after each third of
        the steps (the authors' code: 30 epochs of Adam from 1e-3, in steps, augmented).
    augment: True crops and mirrors inputs at random and runs them through both networks again; False trains on the
        stored activations of the front. Both networks are frozen and in eval mode.
    seed: of the order of batches, random crops, the random start and noise (added to the seed of the task).
    precision: of the forward and backward pass through the end; the map, its optimizer and the loss are float32.
        "bfloat16" keeps 8 bits of every activation, so the direction of a gradient is off by 0.02 to 0.1 (error
        at the identity, untrained networks); large layers take 0.6 to 0.7 of the time on processors that support it.
    """

    labels: Literal["soft", "hard", "soft_1", "soft_12"] = "soft"
    temperature: float = 1.0
    init: Literal["least_squares", "random", "permutation", "identity"] = "least_squares"
    noise: float = 0.0
    mask: Literal["none", "semi_matching", "soft_semi_matching", "permutation"] = "none"
    l1: float = 0.0
    index: Index | None = nested(None, kind="indices")
    weight: float = 1.0
    view: Literal["spatial", "flat", "pooled"] = "flat"
    epochs: int = 1
    learning_rate: float = 1e-3
    batch: int = 128
    bias: bool = True
    optimizer: Literal["adam", "sgd"] = "adam"
    schedule: Literal["constant", "step"] = "constant"
    augment: bool = False
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    name = "task_loss"
    source = "Csiszarik et al. 2021, section 4.1"
    version = 2
    objective = "cross_entropy"

    def __post_init__(self) -> None:
        for keys, allowed, fits in (
            ("epochs batch", "a whole number from 1", lambda value: value >= 1),
            ("learning_rate temperature", "a number above 0", lambda value: value > 0),
            ("l1 noise seed", "a number from 0", lambda value: value >= 0),
        ):
            for key in keys.split():
                if not fits(getattr(self, key)):
                    raise InputError(f"{key} is {getattr(self, key)}; {allowed} is allowed")
        if self.labels == "hard" and self.temperature != 1:
            raise InputError(f"temperature is {self.temperature} and labels is hard; it softens soft labels only")
        if isinstance(self.index, Index):
            reason = unpushable(self.index)
            if reason:
                raise InputError(reason)
            if self.batch < 4:
                raise InputError(f"batch is {self.batch}; an index needs a whole number from 4")

    @property
    def family(self) -> str:
        return "affine" if self.bias else "linear"

    def from_task(
        self, task: Task, starts: Affine | None = None, on_step: Callable[[int, Affine], None] | None = None
    ) -> Affine:
        import torch

        start = (self.start(task) if starts is None else starts).to(task.labels.device, torch.float32)
        require_arithmetic(self.precision, task.labels.device)
        alone = start.weight.ndim == 2  # trained as the only one of k maps
        free, maps = self._parameters(start[None] if alone else start, task)
        steps = self._steps(len(task.labels))
        optimizer, schedule = descent(free, self.optimizer, self.learning_rate, self.schedule, steps)

        def current() -> Affine:
            affine = maps(*(part.detach() for part in free)).clone()
            return affine[0] if alone else affine

        if on_step:
            on_step(0, current())
        parts, step = self._parts(task), 0
        for batch in replace(task, seed=task.seed + self.seed).batches(self.batch, self.epochs, parts, self.augment):
            if self.index and len(batch.labels) < min(self.batch, len(task.labels)):
                continue  # the index of a short last batch is biased differently
            differentiate(free, maps, partial(self._loss, batch=batch, task=task), len(batch.labels), batch.x.device)
            optimizer.step()
            schedule.step()
            step += 1
            if on_step:
                on_step(step, current())
        return current()

    def _parts(self, task: Task) -> set[str]:
        """Optional parts of the batches to train on. Raises Inapplicable where the task lacks one of them."""
        parts = LABELS[self.labels] | ({"own"} if self.index else set())
        for name in sorted(parts | ({"augmented"} if self.augment else set())):
            if getattr(task, name) is None:
                raise Inapplicable(f"{LACKING[name]}; take {WITHOUT[name]}")
        return parts

    def start(self, task: Task) -> Affine:
        """The map that training starts from, weight (p, q)."""
        import torch

        generator = torch.Generator().manual_seed(task.seed + self.seed)
        start = self._initial(task, generator)
        if not self.noise:
            return start
        weight = start.weight.float()
        return Affine(weight + self.noise * torch.randn(weight.shape, generator=generator).to(weight), start.bias)

    def _initial(self, task: Task, generator: torch.Generator) -> Affine:
        """The start before noise is added."""
        return initial(self.init, task.moments, self.bias, generator)

    def _parameters(self, start: Affine, task: Task) -> tuple[list[Tensor], Callable[..., Affine]]:
        """The trained parameters, (k, ...) each, for a start with weight (k, p, q), and a function that computes the
        maps from them (or from the parameters of some of the maps)."""
        bias, weight, mask = self._bias(start), start.weight.clone(), None
        if self.mask != "none":
            from simbench_plugins.stitchers.neuron_matching import mask as by_correlation

            mask = by_correlation(task.moments, self.mask).to(weight)
        return (
            [weight] if bias is None else [weight, bias],
            lambda weight, bias=None: Affine(weight if mask is None else weight * mask, bias),
        )

    def _bias(self, start: Affine) -> Tensor | None:
        if not self.bias:
            return None
        zeros = start.weight.new_zeros(start.weight[..., 0, :].shape)
        return zeros if start.bias is None else start.bias.clone()

    def _steps(self, images: int) -> int:
        """Number of training steps."""
        whole, short = divmod(images, self.batch)
        return self.epochs * (whole + bool(short and not (self.index and whole)))

    def _loss(self, affine: Affine, batch: Batch, task: Task) -> Tensor:
        """(k,) for k maps."""
        import torch

        from simbench.measuring.stitched import pass_together

        objective = task.objective
        with torch.autocast(batch.x.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            moved, logits = pass_together(affine, task.end, batch.x, batch.inputs)
        soft = [
            objective.probabilities(getattr(batch, name).double(), self.temperature) for name in LABELS[self.labels]
        ]
        target = (sum(soft) / len(soft)).float() if soft else batch.labels  # linear in the target: the mean of losses
        loss = objective.cross_entropy(logits.float() / self.temperature, target)
        if self.l1:
            loss = loss + self.l1 * affine.weight.abs().sum((-2, -1))
        if self.index:
            loss = loss + self.weight * penalty(self.index, self.view, moved, batch.own)
        return loss


@hookimpl
def simbench_stitchers():
    return [TaskLoss()]
