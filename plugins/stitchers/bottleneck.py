"""Task loss matching of low rank: a bottleneck trained through the frozen end network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from simbench_plugins.stitchers.task_loss import TaskLoss

from simbench import Affine, InputError, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from simbench.contracts.task import Task

#: Singular values below this share of the largest may be rounding errors of float32.
_NOTHING = 1e-6


@dataclass(frozen=True)
class Bottleneck(TaskLoss):
    """M = U V, U (p, rank) and V (rank, q), that minimises the cross-entropy of the stitched network (paper,
    section 7).

    rank: width of the bottleneck. init: "reduced_rank" starts from the best least squares map of that rank (the
        authors' code always starts from random orthogonal factors); others are truncated to the rank by their
        singular value decomposition. Other parameters as in task_loss, without mask and l1.
    """

    rank: int = 8
    init: Literal["reduced_rank", "least_squares", "random", "permutation", "identity"] = "reduced_rank"

    name = "bottleneck"
    source = "Csiszarik et al. 2021, section 7"
    version = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank < 1:
            raise InputError(f"rank is {self.rank}; a whole number from 1 is allowed")
        if self.mask != "none" or self.l1:
            raise InputError(
                f"{'mask' if self.mask != 'none' else 'l1'} is given; a bottleneck takes neither mask nor "
                "l1, use task_loss for these"
            )

    @property
    def family(self) -> str:
        return "reduced_rank"

    @property
    def unrestricted(self) -> TaskLoss:
        """The same training without a bound on the rank."""
        same = {f.name: getattr(self, f.name) for f in fields(TaskLoss)}
        return TaskLoss(**same | {"init": "least_squares" if self.init == "reduced_rank" else self.init})

    def _initial(self, task: Task, generator: torch.Generator) -> Affine:
        from simbench_plugins.stitchers.least_squares import ReducedRank

        if self.init != "reduced_rank":
            return super()._initial(task, generator)
        return ReducedRank(self.rank, self.bias).from_moments(task.moments)

    def _parameters(self, start: Affine, task: Task) -> tuple[list[Tensor], Callable[..., Affine]]:
        """The two factors, with equal singular values. Where a singular value of the start is zero, that of V is one:
        if both were zero, neither would have a gradient."""
        import torch

        bias = self._bias(start)
        u, s, v = torch.linalg.svd(start.weight.double(), full_matrices=False)
        u, s, v = u[..., : self.rank], s[..., : self.rank], v[..., : self.rank, :]
        size = torch.where(s > _NOTHING * s[..., :1], s.sqrt(), 1)
        left = (u * (s / size)[..., None, :]).to(start.weight.dtype)
        right = (size[..., :, None] * v).to(start.weight.dtype)
        return [left, right, *([] if bias is None else [bias])], lambda left, right, bias=None: Affine(
            left @ right, bias
        )


@hookimpl
def simbench_stitchers():
    return [Bottleneck()]
