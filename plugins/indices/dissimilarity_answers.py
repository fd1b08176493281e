"""Closed-form values of indices that compare dissimilarities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import KnownAnswer

if TYPE_CHECKING:
    from simbench_plugins.indices.distance_correlation import DistanceCorrelation
    from simbench_plugins.indices.rsa import RSA
    from simbench_plugins.indices.rsm_norm import RSMNorm
    from torch import Tensor

#: Values for the points 0, 1, 3, 7 and 0, 4, 6, 7 of a line, whose distances are 1, 3, 7, 2, 6, 4 and 4, 6, 7, 2, 3, 1:
#: the same numbers in another order, with sum 23, sum of squares 115 and sum of products 97; of their squares, the sum
#: is 115, the sum of squares 4051 and the sum of products 3097. Squared ranks differ by 26, and 6 of 15 pairs of
#: distances are in opposite order.
_LINE = {
    ("euclidean", "pearson"): (6 * 97 - 23**2) / (6 * 115 - 23**2),
    ("euclidean", "cosine"): 97 / 115,
    ("sqeuclidean", "pearson"): (6 * 3097 - 115**2) / (6 * 4051 - 115**2),
    ("sqeuclidean", "cosine"): 3097 / 4051,
    ("sqeuclidean", "whitened_cosine"): (97 / 115) ** 2,
    ("sqeuclidean", "spearman"): 1 - 6 * 26 / (6 * 35),
    ("sqeuclidean", "kendall"): (9 - 6) / 15,
}
#: Values for the points 0, 0, 1, 1 and 0, 1, 0, 1: of six distances, two are 0 and four 1, never 0 on both sides.
_TIED = {
    ("spearman", "corrected"): -1 / 2,
    ("kendall", "corrected"): -1 / 2,
    ("spearman", "uncorrected"): -6 * 12 / (6**3 - 6),
    ("kendall", "uncorrected"): -4 / 15,
}


def of_rsa(index: RSA) -> list[KnownAnswer]:
    """Cases of a configured RSA."""
    import torch

    ranked = index.comparison in ("spearman", "kendall")
    if index.rdm in ("correlation", "cosine"):
        if ranked:
            # The cosine of two directions of a plane falls with the angle between them.
            a, b = (torch.tensor(x, dtype=torch.float64) * (torch.pi / 8) for x in ((0, 1, 3, 7), (0, 4, 6, 7)))
            value = _LINE["sqeuclidean", index.comparison]
            return [KnownAnswer(_plane(index, a), _plane(index, b), value, "directions in a plane, at eight angles")]
        # Dissimilarities 1, 0, 2, 1, 1, 2 and 1, 1, 2, 0, 1, 1.
        a, b = (torch.tensor(x, dtype=torch.float64) * (torch.pi / 2) for x in ((0, 1, 0, 2), (0, 1, 1, 2)))
        value = {"pearson": (3 / 17) ** 0.5, "cosine": 8 / 88**0.5}.get(index.comparison)
        why = "the axes x, y, x, -x of a plane against x, y, y, -x"
        return [] if value is None else [KnownAnswer(_plane(index, a), _plane(index, b), value, why)]
    kind = index.rdm.replace("mahalanobis", "euclidean")
    value = _LINE.get(("sqeuclidean" if ranked else kind, index.comparison))
    a, b = (torch.tensor(x, dtype=torch.float64)[:, None] for x in ((0, 1, 3, 7), (0, 4, 6, 7)))
    cases = [] if value is None else [KnownAnswer(a, b, value, "the points 0, 1, 3, 7 of a line against 0, 4, 6, 7")]
    if ranked:
        a, b = (torch.tensor(x, dtype=torch.float64)[:, None] for x in ((0, 0, 1, 1), (0, 1, 0, 1)))
        tied = _TIED[index.comparison, index.ties]
        cases.append(KnownAnswer(a, b, tied, "the points 0, 0, 1, 1 of a line against 0, 1, 0, 1"))
    return cases


def _plane(index: RSA, angles: Tensor) -> Tensor:
    """Rows (n, 2) of these angles; for correlations, (n, 3) with an offset of their own over the features."""
    import torch

    rows = torch.stack([angles.cos(), angles.sin()], 1)
    if index.rdm == "cosine":
        return rows
    across = rows.new_tensor([[1.0, -1.0, 0.0], [3**-0.5, 3**-0.5, -2 * 3**-0.5]])
    return rows @ across + torch.arange(len(rows)).to(rows)[:, None]


def of_distance_correlation(index: DistanceCorrelation) -> list[KnownAnswer]:
    """Cases of a configured distance correlation."""
    import torch

    # Distances of points 0 and 1 are 0 or 1, whatever the exponent, and doubly centred -2 (x_i - m)(x_j - m) of the
    # centred points: the square is the square of Pearson's correlation.
    x = torch.tensor([0.0, 0, 0, 1, 1, 1, 1, 1], dtype=torch.float64)[:, None]
    y = torch.tensor([0.0, 0, 1, 0, 1, 1, 1, 1], dtype=torch.float64)[:, None]
    if index.estimator == "biased":
        squared = (8 * 4 - 5 * 5) ** 2 / 15**2
        why = "points 0 and 1 with Pearson correlation 7 / 15"
        return [KnownAnswer(x, y, squared if index.squared else squared**0.5, why)]
    # Off the diagonal, the distances of +-1 are 1 - x_i x_j: U-centred, they are minus those products, as in debiased
    # CKA, with h(K, L) = -16/3 and h(K, K) = h(L, L) = 32/3.
    a, b = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]], dtype=torch.float64)[:, :, None]
    return [KnownAnswer(a, b, -1 / 2, "two coordinates of the corners of a square: -16 / 32")]


def of_rsm_norm(index: RSMNorm) -> list[KnownAnswer]:
    """Cases of a configured RSM norm: of the corners of a square, S has eigenvalues 4, 4, 0, 0, and of one of their
    coordinates 4, 0, 0, 0, with one eigenvector in common."""
    import torch

    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)
    x = square[:, :1]
    if index.rsm == "inner":
        return [KnownAnswer(square, x, 4.0, "corners of a square against one coordinate: S - T is 4 y y^T / |y|^2")]
    if index.rsm == "covariance":  # S has 2, 2, 0, 0: S - T has -2 and 2
        value = 2.0 if index.norm == "spectral" else 8**0.5
        return [KnownAnswer(square, x, value, "corners of a square against one coordinate: eigenvalues 2 and -2")]
    if index.rsm == "cosine":  # S has 2, 2, 0, 0, T has 4
        value = 2.0 if index.norm == "spectral" else 8**0.5
        return [KnownAnswer(square, x, value, "corners of a square against one coordinate: eigenvalues 2 and -2")]
    # Distances 0, 2, 2, sqrt(8) against 0, 0, 2, 2 in every row, in cosets of one group: the eigenvalues of the
    # difference are 2 + d, -2 - d, 2 - d and d - 2 for d = sqrt(8) - 2.
    d = 8**0.5 - 2
    value = 2 + d if index.norm == "spectral" else (4 * (4 + d * d)) ** 0.5
    return [KnownAnswer(square, x, value, "corners of a square against one coordinate: differences 2, 0, sqrt(8) - 2")]
