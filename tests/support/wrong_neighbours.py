"""Indices of neighbours and of regressions with a mistake that published codes have made, for tests that it is seen."""

from dataclasses import dataclass

import torch
from simbench_plugins.indices.cross_validation import agreement, folds
from simbench_plugins.indices.nearest import cosines
from simbench_plugins.indices.neighbours import Jaccard, MutualKNN
from simbench_plugins.indices.partial_least_squares import predictions
from simbench_plugins.indices.regression import PLS


def with_themselves(rows, k):
    """(n, k) indices of the k rows nearest to each row, which is the first of them itself."""
    near = cosines(rows).fill_diagonal_(2)
    return near.sort(dim=1, descending=True, stable=True).indices[:, :k]


@dataclass(frozen=True)
class MutualWithItself(MutualKNN):
    """A share of neighbours in common that counts the row itself as its nearest neighbour."""

    def prepare(self, rows):
        return with_themselves(rows, self.k)


@dataclass(frozen=True)
class JaccardWithItself(Jaccard):
    """A Jaccard similarity of k neighbours and the row itself."""

    def prepare(self, rows):
        return with_themselves(rows, self.k + 1)

    def compare(self, a, b):
        shared = (a[:, :, None] == b[:, None, :]).sum((1, 2)).double()
        return (shared / (2 * self.k + 2 - shared)).mean()


@dataclass(frozen=True)
class TrainScoredPLS(PLS):
    """A partial least squares regression that is scored on the rows that it was fitted on."""

    def compare(self, a, b):
        x, y = a["scores"], b["rows"]
        predicted = predictions(x, y, x, min(self.components, max(1, x.shape[1] - 1)))
        noise = torch.full((len(y),), 1e-14, dtype=torch.float64)
        return agreement(predicted, y, folds(len(y), self.folds), noise, self.score, self.average)
