"""Closed-form values of kernel indices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simbench import KnownAnswer

if TYPE_CHECKING:
    from simbench_plugins.indices.cka import CKA
    from simbench_plugins.indices.hsic import HSIC
    from torch import Tensor


def signs() -> Tensor:
    """(4, 2) corners of a square: columns (1, 1, -1, -1) and (1, -1, 1, -1)."""
    import torch

    return torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64)


def of_cka(index: CKA) -> list[KnownAnswer]:
    """Cases of a configured CKA; the angle of each for form=angular."""
    import torch

    square = signs()
    cases: list[tuple[Tensor, Tensor, float, str]] = []
    if index.kernel == "linear":
        if index.estimator == "biased":  # the mean of the rows is zero: centred or not
            why = "corners of a square against the same with one side times 3: (1 + 9) / (sqrt(2) sqrt(82))"
            cases.append((square, square * torch.tensor([1.0, 3.0]), 10 / 164**0.5, why))
            if not index.centred:
                shifted = square[:, :1] + 1
                why = "(2, 2, 0, 0) against the corners of a square: ||(4, 0)||^2 / (8 * 4 sqrt(2))"
                cases.append((shifted, square, 16 / (8 * 32**0.5), why))
        if index.centred and index.estimator != "biased" and (index.estimator == "debiased" or index.batch >= 8):
            # n = 8 rows. Off the diagonal, a row of K holds 2 once, 0 four times and -2 twice, and a row of L holds
            # 1 three times and -1 four times; with the row sums -2 and -1, n (n - 3) HSIC (Song et al. 2012, eq. 5) is
            # h(K, L) = 48 + 128/42 - 32/6 = 320/7, h(K, K) = 640/7, h(L, L) = 384/7.
            both = torch.cat([square, square])
            why = "corners of a square, twice, against one coordinate: 320 / sqrt(640 * 384)"
            cases.append((both, both[:, :1], 320 / (640 * 384) ** 0.5, why))
        elif not index.centred and index.estimator == "debiased":
            # Off the diagonal of four rows, K is 1 for one pair a row and -1 for two, L is 1 for another one.
            cases.append((square[:, :1], square[:, 1:], -1 / 3, "two coordinates of a square: (1 - 1 - 1) / 3 a row"))
    elif index.estimator == "biased" and index.centred and _tells_apart(index):
        # Two pairs of equal rows: K is one number within pairs and another between them, so HKH is a multiple of x x^T
        # with x = +-1. Four rows equally far apart: HLH is a multiple of H. tr(x x^T H) / (||x x^T|| ||H||) is
        # 4 / (4 sqrt(3)).
        clusters, simplex = square[:, :1], torch.eye(4, dtype=torch.float64)
        cases.append((clusters, simplex, 3**-0.5, "two pairs of equal rows against four rows equally far apart"))
    if index.estimator != "biased" and index.centred and _tells_apart(index):
        # Off the diagonal K and L are +1 for one pair a row and -1 for two, up to a factor and a constant that
        # U-centring takes away: every row sums to -1. Then h(K, L) = -4 + 16/6 - 4 = -16/3 and h(K, K) = h(L, L) =
        # 12 + 16/6 - 4 = 32/3 (Song et al. 2012, eq. 5).
        cases.append((square[:, :1], square[:, 1:], -1 / 2, "two coordinates of the corners of a square: -16 / 32"))
    return [
        KnownAnswer(a, b, math.acos(value) if index.form == "angular" else value, why) for a, b, value, why in cases
    ]


def _tells_apart(index: CKA) -> bool:
    """Whether the kernel of a row and itself differs from that of a row and its negative."""
    return index.kernel != "polynomial" or index.offset > 0 or index.degree % 2 == 1


def of_hsic(index: HSIC) -> list[KnownAnswer]:
    """Cases of a configured HSIC, on the four corners of a square."""
    import torch

    square = signs()
    x, y = square[:, :1], square[:, 1:]
    if index.kernel == "linear":
        if index.estimator == "unbiased":
            # As for debiased CKA: h(K, L) = -16/3 and h(K, K) = 32/3, over n (n - 3) = 4.
            return [
                KnownAnswer(x, y, -4 / 3, "two coordinates of the corners of a square: -16/3 / 4"),
                KnownAnswer(x, x, 8 / 3, "a coordinate of the corners of a square against itself: 32/3 / 4"),
            ]
        value = 16 / (9 if index.divisor == "degrees" else 16)
        return [KnownAnswer(x, square, value, "corners of a square against a coordinate: (x . x)^2 = 16")]
    if index.kernel == "polynomial" or index.median == "all":
        return []
    # Two pairs of equal rows have two distances of 0 and four of d, of median d: off those pairs k is e, and HKH is
    # (1 - e) / 2 x x^T. Four rows equally far apart: HLH = (1 - e) H. Two sets of pairs without one in common: with
    # K - e and L - e, n (n - 3) HSIC (Song et al. 2012, eq. 5) is (1 - e)^2 (0 + 16/6 - 4).
    off = 1 - math.exp(-0.5 / index.bandwidth**2 if index.kernel == "rbf" else -1 / index.bandwidth)
    if index.estimator == "unbiased":
        return [KnownAnswer(x, y, -off * off / 3, "two coordinates of the corners of a square: -4/3 (1 - e)^2 / 4")]
    value = off * off / 2 * 4 / (9 if index.divisor == "degrees" else 16)
    simplex = torch.eye(4, dtype=torch.float64)
    return [KnownAnswer(x, simplex, value, "two pairs of equal rows against four rows equally far apart")]
