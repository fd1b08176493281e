"""Representational similarity analysis (RSA): the correlation of dissimilarity matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench import Claims, Index, InputError, KnownAnswer, Undefined, hookimpl, invariant

if TYPE_CHECKING:
    from torch import Tensor

#: Dissimilarity -> the invariances of a matrix of them, up to a factor.
_INVARIANCES = {
    "correlation": ("permutation", "scaling"),
    "cosine": ("orthogonal", "scaling"),
    "euclidean": ("orthogonal", "scaling", "translation"),
    "sqeuclidean": ("orthogonal", "scaling", "translation"),
    "mahalanobis": ("linear", "translation"),
    "sqmahalanobis": ("linear", "translation"),
}
_RANKED = ("spearman", "kendall")
_ALIKE = "has rows that are all equally far apart, to rounding, so that its dissimilarities correlate with nothing"
_SAME = "has no rows that differ by more than rounding, so that its dissimilarities are all zero"


@dataclass(frozen=True)
class RSA(Index):
    """Correlation of the dissimilarities of all pairs of rows on one side with those on the other.

    The n (n - 1) / 2 pairs of different rows are compared; the zeros of the diagonals are not.
    rdm: the dissimilarity of two rows. "correlation" is 1 - their Pearson correlation over the features (Kriegeskorte
        et al. 2008), "cosine" 1 - their cosine, "euclidean" their distance and "sqeuclidean" its square (which
        rsatoolbox calls euclidean); "mahalanobis" is the distance after whitening by the covariance of the rows over
        the inputs, in the directions in which they vary, and "sqmahalanobis" its square. (Where there are trials, the
        covariance of the noise is used instead.)
    comparison: of two vectors of dissimilarities. "pearson"; "spearman", of their ranks (Kriegeskorte et al. 2008);
        "kendall", the share of pairs of dissimilarities in the same order less the share in opposite order; "cosine";
        "whitened_cosine", the cosine after whitening by the covariance that independent noise of the rows would give
        squared distances (the whitened RDM cosine of Diedrichsen et al. 2021): linear CKA for rdm=sqeuclidean.
    ties: for comparison=spearman and kendall, which take dissimilarities for equal where they differ by no more than
        rounding. "corrected": Spearman's rho of average ranks, Kendall's tau-b. "uncorrected": rho-a and tau-a, over
        the number of all pairs, for matrices that are known to have ties (Nili et al. 2014); a matrix with ties is
        then less than 1 with itself.

    Undefined where all dissimilarities of a side are equal (or zero, for cosines), and where a row has no direction:
    with rdm=correlation a row that is constant over the features, with rdm=cosine a row of zeros. Inapplicable for
    rdm=mahalanobis where rows vary in as many directions as they can: whitened, they are all equally far apart.
    """

    rdm: Literal["correlation", "euclidean", "sqeuclidean", "cosine", "mahalanobis", "sqmahalanobis"] = "correlation"
    comparison: Literal["pearson", "spearman", "kendall", "cosine", "whitened_cosine"] = "spearman"
    ties: Literal["corrected", "uncorrected"] = "corrected"

    name = "rsa"
    source = "Kriegeskorte et al. 2008, figure 1; Nili et al. 2014; Diedrichsen et al. 2021, eq. 11"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ties != "corrected" and self.comparison not in _RANKED:
            raise InputError(
                f"ties is {self.ties} and comparison {self.comparison}; ties is only for comparison=spearman or "
                "comparison=kendall"
            )

    @property
    def claims(self) -> Claims:
        invariances = invariant(*_INVARIANCES[self.rdm])
        return Claims(
            symmetric=True,
            range=(0.0 if self.comparison.endswith("cosine") else -1.0, 1.0),
            invariances_a=invariances,
            invariances_b=invariances,
            differentiable=self.comparison not in _RANKED and "mahalanobis" not in self.rdm,
        )

    @property
    def inner(self) -> bool:
        return self.comparison != "kendall"

    @property
    def slow(self) -> str:
        return "a sort of all pairs of rows for every pair of layers" if self.comparison == "kendall" else ""

    def prepare(self, rows: Tensor) -> Tensor | Mapping[str, Tensor]:
        """The vector of dissimilarities, of their ranks or of their whitened values, of length 1; for kendall, ranks
        and the number of their pairs that are not tied."""
        import torch
        from simbench_plugins.indices.dissimilarity import dissimilarities
        from simbench_plugins.indices.distances import packed, square
        from simbench_plugins.indices.gram import require_rows
        from simbench_plugins.indices.ranks import ranks, untied
        from simbench_plugins.indices.vectors import unit

        from simbench.moments import measured

        require_rows(len(rows))
        values, rounding, noise = dissimilarities(rows.to(torch.float64), self.rdm, measured(rows))
        m = len(values)
        if self.comparison == "cosine":
            return unit(values, _SAME, noise * m**0.5)
        if self.comparison == "whitened_cosine":
            # V^-1 of Diedrichsen et al. makes <d, V^-1 e> a multiple of <H D H, H E H> of the whole matrices D, E.
            whole = square(values, len(rows))
            whole = whole - whole.mean(0) - whole.mean(1, keepdim=True) + whole.mean()
            return unit(packed(whole), _SAME, noise * m**0.5)
        about = values - values.mean()
        if not float(torch.linalg.vector_norm(about.detach())) > noise * m**0.5:
            raise Undefined(_ALIKE)
        if self.comparison == "pearson":
            return unit(about, _ALIKE)
        order, counts = ranks(values, rounding)
        if len(counts) == 1:
            raise Undefined(_ALIKE)
        if self.comparison == "kendall":
            return {"ranks": order, "untied": untied(counts)}
        about = order - (m + 1) / 2
        return unit(about, _ALIKE) if self.ties == "corrected" else about / ((m**3 - m) / 12) ** 0.5

    def compare(self, a: Tensor | Mapping[str, Tensor], b: Tensor | Mapping[str, Tensor]) -> Tensor:
        from simbench_plugins.indices.ranks import kendall
        from simbench_plugins.indices.vectors import cosine

        if self.comparison != "kendall":
            value = cosine(a, b)
            return value.clamp_min(0) if self.comparison.endswith("cosine") else value
        tau = kendall(a["ranks"], b["ranks"])
        if self.ties == "corrected":
            return tau
        m = len(a["ranks"])
        return tau * (a["untied"] * b["untied"]).sqrt() / (m * (m - 1) / 2)

    def known_answers(self) -> list[KnownAnswer]:
        from simbench_plugins.indices.dissimilarity_answers import of_rsa

        return of_rsa(self)


@hookimpl
def simbench_indices():
    return [RSA()]
