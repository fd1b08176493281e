"""The contract of a stitcher: two representations -> an affine map."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from simbench.contracts.plugin import Plugin, overrides

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.contracts.task import Task
    from simbench.moments.affine import Affine
    from simbench.moments.pair import Moments


class Stitcher(Plugin):
    """A way to find the affine map from a to b.

    Implement `from_moments` (direct matching) or `from_task` (task loss matching).
    family: the constraint on the map: "identity", "orthogonal", "reduced_rank", "linear", "affine"; "permutation" (at
        most one weight, 1 or -1, in every row and column), "selection" (at most one in every column), or
        "scaled_permutation" and "scaled_selection" (the same with arbitrary weights).
    objective: the loss that it minimises, "residual" or "cross_entropy"; "penalised_residual" or "correlation" (minus
        the sum of the correlations of joined neurons; scaled weights and the bias then minimise the residual), as
        `loss` returns it; "" when it minimises nothing.
    """

    kind = "stitchers"
    objective: ClassVar[str] = "residual"

    @property
    def family(self) -> str:
        return "affine"

    @property
    def needs(self) -> str:
        """ "moments" or "task"."""
        return "task" if overrides(self, "from_task") else "moments"

    def from_moments(self, m: Moments) -> Affine:
        """Affine map, weight (p, q) in float64."""
        raise TypeError(f"stitcher {self.name!r} implements no from_moments")

    def loss(self, m: Moments, affine: Affine) -> Tensor:
        """The loss that from_moments minimises among the maps of its family, 0-dim; for `simbench check`. A penalised
        residual has a gradient with respect to the map."""
        return m.residual(affine)

    def from_task(
        self, task: Task, starts: Affine | None = None, on_step: Callable[[int, Affine], None] | None = None
    ) -> Affine:
        """Affine map trained through the frozen end network.

        starts: weight (k, p, q) trains k maps side by side; None starts from one map of the stitcher's choice.
        on_step: called before the first step as (0, affine) and after step s as (s, affine).
        """
        raise TypeError(f"stitcher {self.name!r} implements no from_task")
