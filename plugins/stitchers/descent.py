"""Gradient descent on several maps at once: optimizer, schedule, and gradients of groups of maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simbench import Affine, Inapplicable

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def descent(
    free: list[Tensor], optimizer: str, learning_rate: float, schedule: str, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Optimizer ("adam", or "sgd" with momentum 0.9) of the free parameters, and its schedule: "step" divides the
    learning rate by 10 after each third of the steps, "constant" keeps it."""
    import torch

    cuts = [] if schedule == "constant" else [max(1, steps // 3), max(2, 2 * steps // 3)]
    chosen = (
        torch.optim.Adam(free, lr=learning_rate)
        if optimizer == "adam"
        else torch.optim.SGD(free, lr=learning_rate, momentum=0.9)
    )
    return chosen, torch.optim.lr_scheduler.MultiStepLR(chosen, cuts)


def differentiate(
    free: list[Tensor], maps: Callable[..., Affine], loss: Callable[[Affine], Tensor], images: int, device: torch.device
) -> None:
    """Store the gradients of the loss of each map in the `grad` of the parameters.

    free: parameters (k, ...) of k maps. maps: parameters of all or some maps -> Affine. loss: Affine of k maps -> (k,)
    losses on a batch of `images` inputs. Maps that share a pass through the end do not affect each other, because the
    end is frozen and in eval mode.
    """
    from simbench.measuring.stitched import shares

    for part in free:
        part.grad = None
    for some in shares(len(free[0]), images, device):
        parts = [part.detach()[some].requires_grad_() for part in free]
        loss(maps(*parts)).sum().backward()
        for whole, part in zip(free, parts, strict=True):
            if len(part) == len(whole):
                whole.grad = part.grad
            else:
                whole.grad = whole.new_empty(whole.shape) if whole.grad is None else whole.grad
                whole.grad[some] = part.grad


def require_arithmetic(precision: str, device: torch.device) -> None:
    """Raise Inapplicable where the processor has no instructions for this precision."""
    import torch

    processor = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
    if (
        precision == "bfloat16"
        and processor.get("architecture") == "x86_64"
        and not any(processor.get(name) for name in ("avx512_bf16", "amx_bf16"))
    ):
        raise Inapplicable(
            "this processor has no bfloat16 arithmetic and would emulate it slowly; take precision=float32"
        )
