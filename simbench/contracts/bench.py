"""The bench: what an experiment may ask for while it measures a case."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor, nn

    from simbench.contracts.case import Case
    from simbench.contracts.index import Index
    from simbench.contracts.null import Null
    from simbench.contracts.result import Row
    from simbench.contracts.selection import Network, Selection
    from simbench.contracts.stitcher import Stitcher
    from simbench.contracts.task import Task
    from simbench.moments.affine import Affine
    from simbench.moments.pair import Moments


class Score(Protocol):
    """How well a stitched network works on the test split.

    accuracy: share of correct labels. relative_accuracy: over the accuracy of Model 2, the mean over the attributes
    where inputs have several labels; NaN where Model 2 is never right. cross_entropy: to Model 2's soft labels, mean
    over inputs (and attributes), in nats. kl_divergence: of the outputs from Model 2's, the cross-entropy less the
    entropy of Model 2's outputs, mean over inputs, in nats. agreement: share of labels on which the stitched network
    and Model 2 predict the same. per_attribute: relative accuracy by name. Of a regression, accuracy is R2,
    cross_entropy the mean squared error, and agreement the R2 with Model 2's outputs as the truth; their rows are r2,
    relative_r2, mean_squared_error, kl_divergence and agreement_r2 (`simbench.contracts.objective`).
    """

    accuracy: float
    relative_accuracy: float
    cross_entropy: float
    kl_divergence: float
    agreement: float
    per_attribute: dict[str, float]


class Bench(Protocol):
    """What an experiment measures with: `Experiment.run(case, bench)` asks nothing else of the host.

    A case is a pair: network a at layer_a and network b at layer_b, in a view. Everything asymmetric runs a -> b.
    split: "train", on which stitches are fitted, or "test", on which they are scored and indices are computed; n is the
    number of inputs of a split, at most the limit of the setting, drawn with its seed and the same for both networks.
    view: how activations (n, c, h, w) become rows: "spatial" (n h w, c), "flat" (n, c h w), of at most 2,000 drawn
    inputs, "pooled" (n, c), "tokens" (places without class tokens) or "cls" (class tokens).

    Everything is a function of the case; what several cases share is computed once. Tensors, moments and networks are
    copies: an experiment that changes one has failed. Errors become rows of the case, so an experiment need not catch
    them: Inapplicable (`skipped`) where a method does not apply to the pair, Undefined (`degenerate`) where a formula
    gives no number, Spoilt and any other exception (`failed`).
    """

    selection: Selection

    # Representations

    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one input's activation, (c, h, w) or (p,)."""

    def representation(self, network: Network, layer: str, split: str) -> Tensor:
        """Activations of all inputs of a split, (n, c, h, w) or (n, p) float32."""

    def rows(self, case: Case, split: str, view: str) -> tuple[Tensor, Tensor]:
        """Paired rows (m, p) of a and (m, q) of b. Inapplicable where heights or widths differ in view spatial."""

    def coordinates(self, case: Case, split: str) -> tuple[Tensor, Tensor, Moments]:
        """Principal coordinates (m, r) of a and (m, s) of b in view flat, float64, and their Moments: exact for every
        index that is invariant to rotations and translations. Raises ArithmeticError for NaN or infinite activations,
        and Undefined for a side that does not vary beyond rounding."""

    def moments(self, case: Case, split: str, view: str, half: int | None = None) -> Moments:
        """Moments of a and b in view spatial or pooled; half: on one random half of the inputs, 0 or 1. Inapplicable as
        `rows`; ArithmeticError for NaN or infinite activations."""

    def samples(self, case: Case) -> int:
        """Number of inputs a case is measured on."""

    # Similarity

    def similarity(self, index: Index, case: Case, split: str = "test") -> Row:
        """Value of an index in the case's view, as a row `similarity`: ok, degenerate or skipped. Raises
        ArithmeticError or Spoilt where the value failed (see `simbench.measuring.value` for the policy)."""

    def null(self, index: Index, case: Case, permutations: int = 200, seed: int = 0, split: str = "test") -> Null:
        """Value of an index in the case's view, and its values for the inputs of b in random orders, the same for all
        indices and pairs. Whole inputs change places: in view spatial, with all their pixels. Raises Undefined or
        Inapplicable where the index has no value, and InputError for fewer than 4 inputs."""

    def stitched_similarity(self, index: Index, affine: Affine, case: Case, front: Tensor | None = None) -> float:
        """Index of the stitched a against b on the test split, in the case's view. ArithmeticError for an answer that
        is no finite number in the claimed range. front: as for `logits`."""

    # Stitching

    def task(self, case: Case) -> Task:
        """The learning task of stitching a at layer_a into b at layer_b, on the train split."""

    def fit(
        self, stitcher: Stitcher, case: Case, half: int | None = None, front: Tensor | None = None, **options: Any
    ) -> Affine:
        """The stitch from a to b, weight (p, q) and bias (q,), fitted on the train split, in float64; `options` go to
        `from_task`, for instance on_step. ArithmeticError for weights that are not finite.

        half: fitted on one random half of the train inputs, 0 or 1, and Inapplicable for a trained stitcher. front:
        activations (n, p, h, w) or (n, p) of the train inputs that stand in for those of a; its outputs and augmented
        inputs are then missing."""

    def logits(self, affine: Affine, case: Case, front: Tensor | None = None) -> Tensor:
        """Outputs of the stitched network on the test split, (n, outputs), or (k, n, outputs) for k maps in one Affine.
        ArithmeticError where they are not finite. front: activations of the test inputs that stand in for those of a.
        """

    def score(self, logits: Tensor, case: Case) -> Score:
        """Score of stitched outputs (n, outputs). Inapplicable where Model 2 has another task than the setting."""

    def scored(self, logits: Tensor, case: Case) -> list[Row]:
        """The numbers of `score` as rows."""

    def stitched(self, affine: Affine, case: Case) -> list[Row]:
        """Rows of the score and of the residual of one stitch on the test split."""

    def residual(self, affine: Affine, case: Case) -> Row:
        """`Moments.residual` of a stitch on the test split, in view spatial, as a row `residual`: ok, or degenerate
        where b does not vary."""

    def outcomes(self, logits: Tensor, case: Case) -> dict[str, ndarray]:
        """What stitched outputs (n, outputs) are on each input of the test split, as arrays to keep beside a record:
        `right` and `agrees`, bits along the inputs (8 to a byte, (n/8,) or (n/8, attributes)): is the label predicted,
        and is it Model 2's prediction? `divergence`: Kullback-Leibler divergence from Model 2, (n,) float16, in nats.
        With them, simbench.statistics tells how reliable the scores are. Inapplicable as `score`."""

    def own_outcomes(self, network: Network) -> dict[str, ndarray]:
        """The same of an unstitched network: `right`, and the `entropy` of its outputs, (n,) float16, in nats.
        Inapplicable as `accuracy`."""

    # Networks and data

    def net(self, network: Network) -> nn.Sequential:
        """The whole network, frozen, in eval mode."""

    def outputs(self, network: Network, split: str) -> Tensor:
        """Outputs (n, outputs) of the unstitched network."""

    def accuracy(self, network: Network, split: str = "test") -> float:
        """Accuracy of the unstitched network. Inapplicable where it has another task than the setting."""

    def multiply_adds(self, network: Network, layer: str) -> int:
        """Multiply-adds of the network above a layer for one input, of matrix products and convolutions."""

    def inputs(self, split: str) -> Tensor:
        """Inputs (n, c, h, w), uint8 or float32 in [0, 1]."""

    def labels(self, split: str) -> Tensor:
        """Labels (n,) int64, or (n, attributes) of 0 and 1."""

    # Sharing

    def once(self, case: Case, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed once for all cases of the experiment that share forward passes with this
        one (its group) and follow each other. What it draws from global generators depends on group and key alone."""
