"""Norm of the difference of two representational similarity matrices (RSMs)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

#: Similarity -> the invariances of a matrix of them.
_INVARIANCES = {
    "inner": ("orthogonal",),
    "covariance": ("orthogonal", "translation"),
    "cosine": ("orthogonal", "scaling"),
    "euclidean": ("orthogonal", "translation"),
}


@dataclass(frozen=True)
class RSMNorm(Index):
    """||S - T|| of the n x n matrices S, T of similarities of all pairs of rows, a distance.

    rsm: "inner" products of rows, with which the Frobenius norm is the pairwise inner product loss (Yin and Shen 2018,
        definition 2); "covariance", inner products of rows about their mean, divided by the number of features (second
        moments, as in Shahbazi et al. 2021); "cosine" of two rows; "euclidean", their distance, which ReSi
        takes.
    norm: "frobenius", of all n^2 numbers, or "spectral", the largest singular value (ReSi).

    Only the cosine does not see the scale of the activations: for others, normalise the rows, or use cka. The value
    grows with the number of rows. Undefined for rsm=cosine where a row is zero.
    """

    rsm: Literal["inner", "covariance", "cosine", "euclidean"] = "inner"
    norm: Literal["frobenius", "spectral"] = "frobenius"

    name = "rsm_norm"
    source = "Yin and Shen 2018, definition 2; Shahbazi et al. 2021"

    @property
    def claims(self) -> Claims:
        invariances = invariant(*_INVARIANCES[self.rsm])
        return Claims(
            direction=-1,
            symmetric=True,
            range=(0.0, float("inf")),
            invariances_a=invariances,
            invariances_b=invariances,
            differentiable=self.norm == "frobenius",
        )

    def prepare(self, rows: Tensor) -> Tensor:
        """The matrix of similarities: as a vector with each pair once, or (n, n) for the spectral norm."""
        import torch
        from simbench_plugins.indices.distances import distances, packed, square
        from simbench_plugins.indices.gram import require_rows
        from simbench_plugins.indices.vectors import directions

        x = rows.to(torch.float64)
        require_rows(len(x))
        if self.rsm == "euclidean":
            between = distances(x)
            return between * 2**0.5 if self.norm == "frobenius" else square(between, len(x))
        if self.rsm == "covariance":
            x = (x - x.mean(0)) / x.shape[1] ** 0.5
        elif self.rsm == "cosine":
            x = directions(x, "zero", "no cosine with others; use rsm=inner")[0]
        gram = x @ x.mT
        return packed(gram) if self.norm == "frobenius" else gram

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        import torch

        if self.norm == "frobenius":
            return torch.linalg.vector_norm(a - b)
        return torch.linalg.eigvalsh(a - b).abs().amax()

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.dissimilarity_answers import of_rsm_norm

        return of_rsm_norm(self)


@hookimpl
def simbench_indices():
    return [RSMNorm()]
