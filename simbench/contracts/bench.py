"""The bench: what an experiment may ask for while it measures a case."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.contracts.case import Case
    from simbench.contracts.index import Index
    from simbench.contracts.result import Row
    from simbench.contracts.selection import Network, Selection
    from simbench.contracts.stitcher import Stitcher
    from simbench.contracts.task import Task
    from simbench.moments.affine import Affine
    from simbench.moments.pair import Moments


class Bench(Protocol):
    """What an experiment measures with: representations, moments, tasks and scores of one selection.

    Everything is a function of the case; what several cases share is computed once and kept.
    """

    selection: Selection

    def moments(self, case: Case, split: str, view: str) -> Moments:
        """Moments of (a at layer_a, b at layer_b) on a split, in view spatial or pooled."""

    def similarity(self, index: Index, case: Case, split: str = "test") -> Row:
        """Value of an index in the case's view, as a row `similarity`, ok or degenerate."""

    def stitched_similarity(self, index: Index, affine: Affine, case: Case) -> float:
        """Index of the stitched a against b on the test split, in the case's view."""

    def task(self, case: Case) -> Task:
        """The learning task of stitching a at layer_a into b at layer_b, on the train split."""

    def fit(self, stitcher: Stitcher, case: Case, **options) -> Affine:
        """The stitch from a to b, fitted on the train split, in float64; `options` go to `from_task`."""

    def stitched(self, affine: Affine, case: Case) -> list[Row]:
        """Score and residual of one stitch on the test split."""

    def logits(self, affine: Affine, case: Case) -> Tensor:
        """Outputs of the stitched network on the test split, (n, outputs) or (k, n, outputs)."""

    def scored(self, logits: Tensor, case: Case) -> list[Row]:
        """Rows of the score of stitched outputs (n, outputs) on the test split."""

    def accuracy(self, network: Network, split: str = "test") -> float:
        """Accuracy of an unstitched network."""

    def samples(self, case: Case) -> int:
        """Images a case is measured on."""

    def once(self, case: Case, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed once for all cases of the experiment that share forward passes with this
        one (its group) and follow each other. What it draws from global generators depends on group and key alone."""
