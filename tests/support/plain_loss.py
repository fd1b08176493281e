"""Task losses written out plainly, in float64, and one step of task loss matching beside them."""

from __future__ import annotations

import copy

import torch
from small_networks import installed

from simbench import Affine, Stitcher
from simbench.check.stitcher.families import planted
from simbench.check.stitcher.task import planted_task as planted_for
from simbench.contracts.task import Task

#: Parameters of gradient descent on all images at once: a first step is minus the gradient.
PLAIN = "optimizer=sgd,learning_rate=1,batch=384"


def get(spec: str = "") -> Stitcher:
    return installed().get("stitchers", f"task_loss[{spec}]" if spec else "task_loss")


def planted_task(p: int, q: int) -> Task:
    """384 images, four classes; Model 1's outputs are not Model 2's."""
    return planted_for(p, q, planted("affine", p, q, 0, True, torch.Generator().manual_seed(1)))


def steps(spec: str, task: Task, **options) -> list[Affine]:
    found: list[Affine] = []
    get(spec).from_task(task, on_step=lambda step, affine: found.append(affine), **options)
    return found


def outputs(task: Task, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Of the stitched network, in float64."""
    stitched = torch.einsum("ncxy,cd->ndxy", task.activations.double(), weight) + bias[:, None, None]
    return copy.deepcopy(task.end).double()(stitched)


def plain(task: Task, weight: torch.Tensor, bias: torch.Tensor, targets, temperature: float = 1.0) -> torch.Tensor:
    """- mean over images and targets of sum_c target_c log softmax(stitched logits / temperature)_c."""
    log = (outputs(task, weight, bias) / temperature).log_softmax(1)
    return -torch.stack([(target * log).sum(1).mean() for target in targets]).mean()


def slopes(loss, affine: Affine) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient of loss(weight, bias), in float64."""
    variables = [x.double().requires_grad_() for x in (affine.weight, affine.bias)]
    return torch.autograd.grad(loss(*variables), variables)


def targets(task: Task, labels: str, temperature: float = 1.0) -> list[torch.Tensor]:
    """Rows (n, 4) of the distributions that the loss aims at."""
    one, two = ((logits.double() / temperature).softmax(1) for logits in (task.logits_a, task.logits_b))
    hard = torch.eye(4, dtype=torch.float64)[task.labels]
    return {"soft": [two], "hard": [hard], "soft_1": [one], "soft_12": [one, two]}[labels]


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """To the rounding of float32 in a gradient."""
    size = wanted.abs().max().item()
    assert size > 0
    torch.testing.assert_close(found.double(), wanted, rtol=1e-3, atol=2e-4 * size)
