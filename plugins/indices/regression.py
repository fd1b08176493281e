"""Cross-validated regressions of b on a, as Brain-Score scores them: ridge and partial least squares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant, number

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Predictivity(Index):
    """How well a regression on a, fitted on the rows outside a fold, predicts the neurons of b in the fold.

    It runs a -> b. The value is the mean over the folds of the median over the neurons of b of the correlation between
    their activations in the fold and the predictions (the neural predictivity of Schrimpf et al. 2018).

    folds: runs of consecutive rows, of equal length up to one row, of at least 3 rows each. So positions of one image
        do not predict one another in view spatial, but at the ends of folds. (Brain-Score draws ten random splits.)
    score: "correlation" (Pearson), or "r2", 1 minus the squared error over the squared deviations from the mean of the
        fold; negative where the mean predicts better.
    average: over the neurons, "median" (the mean of the two middle values where their number is even) or "mean".

    A neuron that is constant within a fold has no score there. A constant prediction has correlation 0. Undefined
    where no neuron of b varies within a fold.
    """

    folds: int = number(10, least=2)
    score: Literal["correlation", "r2"] = "correlation"
    average: Literal["median", "mean"] = "median"

    @property
    def claims(self) -> Claims:
        low = -1.0 if self.score == "correlation" else -float("inf")
        return Claims(
            range=(low, 1.0),
            invariances_a=invariant("orthogonal", "translation", *self._unseen),
            invariances_b=invariant("permutation", "scaling", "translation"),
            reflexive=False,  # regressions that shrink do not predict a from a exactly
        )

    @property
    def _unseen(self) -> tuple[str, ...]:
        """What else leaves the value unchanged on side a."""
        return ()

    def _shrunk(self) -> float:
        """The share of a coefficient that is left on `known_answers`."""
        return 1.0

    def known_answers(self) -> list[KnownAnswer]:
        import torch

        n = 4 * self.folds
        x = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64).repeat(self.folds)
        y = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64).repeat(self.folds)
        share = self._shrunk()
        missed = (1 - share) ** 2
        scores = [0.5**0.5, 1.0, 0.0] if self.score == "correlation" else [1 - (missed + 1) / 2, 1 - missed, 0.0]
        value = sorted(scores)[1] if self.average == "median" else sum(scores) / 3
        return [
            KnownAnswer(x[:, None], torch.stack([x + y, x, y], 1), value, "b = (x + y, x, y), a = x orthogonal to y"),
            KnownAnswer(torch.eye(n), torch.stack([x, y], 1), 0.0, "one-hot rows of a tell nothing of other rows"),
        ]


@dataclass(frozen=True)
class Ridge(Predictivity):
    """Cross-validated ridge regression: min_W ||A W - B||_F^2 + strength ||W||_F^2, with an intercept that is not
    shrunk. See `Predictivity` for the value.

    strength: absolute (scikit-learn's alpha), 1 in Brain-Score: the value depends on the scale of a. relative: True
        multiplies it by the mean squared length of the centred rows of a, so that it does not.

    Undefined where the strength is lost to rounding errors.
    """

    strength: float = number(1.0, above=0.0)
    relative: bool = False

    name = "ridge"
    source = "Schrimpf et al. 2018, neural predictivity; Hoerl and Kennard 1970, eq. 2.1"

    @property
    def _unseen(self) -> tuple[str, ...]:
        return ("scaling",) if self.relative else ()

    def _shrunk(self) -> float:
        # One feature of +-1: its square sums to the rows that are fitted, and its mean square is 1.
        rows = 4 * (self.folds - 1)
        return rows / (rows + self.strength)

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """The centred rows (n, p); the matrix (n, n) that maps any b to its predictions; and their noise (n,)."""
        import torch
        from simbench_plugins.indices.cross_validation import folds, ridge_predictor

        from simbench.moments import principal_coordinates

        parts, rows = folds(len(rows), self.folds), rows.to(torch.float64)
        scores = principal_coordinates(rows)
        predictor, noise = ridge_predictor(scores, parts, self.strength, self.relative)
        return {"rows": rows - rows.mean(0), "predictor": predictor, "noise": noise}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        from simbench_plugins.indices.cross_validation import agreement, folds

        parts = folds(len(b["rows"]), self.folds)
        predicted = a["predictor"] @ b["rows"]
        return agreement(predicted, b["rows"], parts, a["noise"], self.score, self.average)


@dataclass(frozen=True)
class PLS(Predictivity):
    """Cross-validated partial least squares regression, without scaling of features. See `Predictivity` for the value.

    components: of the regression, 25 in Brain-Score; fewer where a has no more directions: one less than its rank,
        since with all of them it is least squares.

    Not unique where the largest singular values of the comoments of a and b are tied.
    """

    components: int = number(25, least=1)

    name = "pls"
    source = "Schrimpf et al. 2018, neural predictivity; Yamins et al. 2014; Wold et al. 1983"
    slow = "a regression for every fold of every pair"

    @property
    def _unseen(self) -> tuple[str, ...]:
        return ("scaling",)

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """The centred rows (n, p), and their principal coordinates (n, r)."""
        import torch
        from simbench_plugins.indices.cross_validation import folds

        from simbench.moments import principal_coordinates

        folds(len(rows), self.folds)
        rows = rows.to(torch.float64)
        return {"rows": rows - rows.mean(0), "scores": principal_coordinates(rows)}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        import torch
        from simbench_plugins.indices.cross_validation import agreement, folds, others
        from simbench_plugins.indices.partial_least_squares import predictions

        x, rows = a["scores"], b["rows"]
        parts, components = folds(len(rows), self.folds), min(self.components, max(1, x.shape[1] - 1))
        # Rotating b rotates the predictions. With more neurons than rows, its principal coordinates are fewer.
        y = b["scores"] if rows.shape[1] > len(rows) else rows
        predicted = []
        for fold in parts:
            fitted, targets = others(x, fold), others(y, fold)
            mean = fitted.mean(0)
            predicted.append(predictions(fitted - mean, targets - targets.mean(0), x[fold] - mean, components))
        guess = torch.cat(predicted)
        if y is not rows:
            guess = guess @ (y.mT @ rows / y.square().sum(0)[:, None])
        noise = torch.full((len(y),), torch.finfo(torch.float64).eps * len(y) ** 0.5).to(y)
        return agreement(guess, rows, parts, noise, self.score, self.average)


@hookimpl
def simbench_indices():
    return [Ridge(), PLS()]
