"""Indices of states that keep their contract: one of every kind that `simbench check` has to judge."""

from __future__ import annotations

import torch
from right_indices import SIMILAR

from simbench import Claims, Index, Undefined, invariant


def correlations(rows):
    """1 - the correlation of each row with each later one, (n (n - 1) / 2,)."""
    rows = rows.double()
    rows = rows - rows.mean(1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-300)
    upper = torch.triu_indices(len(rows), len(rows), 1)
    return 1 - (rows @ rows.mT)[upper[0], upper[1]]


class RSA(Index):
    """Correlation of two dissimilarity matrices, without their diagonals, as an inner product."""

    name, source, inner = "small_rsa", "Kriegeskorte et al. 2008", True

    @property
    def claims(self):
        both = invariant("scaling", "permutation")
        return Claims(symmetric=True, range=(-1.0, 1.0), invariances_a=both, invariances_b=both)

    def prepare(self, rows):
        if rows.shape[1] < 2:
            raise Undefined("has one feature, of which no row has a correlation")
        vector = correlations(rows)
        vector = vector - vector.mean()
        return vector / vector.norm()

    def compare(self, a, b):
        return torch.dot(a, b).clamp(-1, 1)


class Neighbours(Index):
    """Mean overlap of the 5 nearest rows: a discrete index of lists."""

    name, source = "small_neighbours", "this test"

    @property
    def claims(self):
        return Claims(symmetric=True, invariances_a=SIMILAR, invariances_b=SIMILAR)

    def prepare(self, rows):
        centred = rows.double() - rows.double().mean(0)
        return (torch.cdist(centred, centred).fill_diagonal_(torch.inf).topk(5, largest=False).indices,)

    def compare(self, a, b):
        return (a[0][:, :, None] == b[0][:, None, :]).double().sum((1, 2)).mean() / 5


class Shape(Index):
    """sqrt(||A||^2 + ||B||^2 - 2 ||A^T B||_*) of centred rows: a distance in units of the rows, open above."""

    name, source = "small_shape", "Williams et al. 2021"

    @property
    def claims(self):
        both = invariant("orthogonal", "translation")
        return Claims(-1, True, (0.0, float("inf")), both, both)

    def prepare(self, rows):
        centred = rows.double() - rows.double().mean(0)
        return {"rows": centred, "size": centred.square().sum()}

    def compare(self, a, b):
        nuclear = torch.linalg.svdvals(a["rows"].mT @ b["rows"]).sum()
        return (a["size"] + b["size"] - 2 * nuclear).clamp_min(0).sqrt()


class Magnitude(Index):
    """|m(A) - m(B)| of m, the length of the mean row: a statistic of one number per side."""

    name, source = "small_magnitude", "Wang et al. 2020"

    @property
    def claims(self):
        both = invariant("orthogonal", "rows")
        return Claims(-1, True, (0.0, float("inf")), both, both, differentiable=True)

    def prepare(self, rows):
        return rows.double().mean(0).norm()

    def compare(self, a, b):
        return (a - b).abs()


class Nothing(Index):
    """A control: one number whatever the rows."""

    name, source, control = "small_nothing", "this test", True

    def prepare(self, rows):
        return rows.new_full((), 0.5, dtype=rows.dtype)

    def compare(self, a, b):
        return (a + b) / 2


ALL_STATES = (RSA(), Neighbours(), Shape(), Magnitude(), Nothing())
