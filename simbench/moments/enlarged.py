"""Enlarged maps: moments of activations that a resize gives more pixels, from the pixels that they have."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from simbench.moments.alignment import Alignment
from simbench.moments.comoments import Comoments
from simbench.moments.pair import Moments
from simbench.moments.precision import precision
from simbench.moments.scatter import Scatter
from simbench.moments.views import rows


class EnlargedMoments:
    """Moments of pixels of (R x, y): maps x (n, p, *source) that the resize R gives the height and width of maps y
    (n, q, *target). The representations are 0 (R x) and 1 (y).

    Along each axis, R is a matrix (t, s) whose rows sum to 1. With k = min(t, s) it is R = W Q, where W (t, k) has
    orthonormal columns and the rows of Q (k, s) have one sum. So
        R x has the mean of a = Q x sqrt(k / t), and t / k times its scatter, and
        the comoments of R x with y are t / k times those of a with b = W^T y sqrt(k / t), which has the mean of y,
    and neither takes more pixels than x has. Equal to the moments of resized maps in float64, up to rounding.

    known: scatters by position, of the same rows, which are not summed again.
    """

    def __init__(self, alignment: Alignment, known: Mapping[int, Scatter] | None = None) -> None:
        factors = [
            _factors(_matrix(s, t, alignment.resize)) for s, t in zip(alignment.source, alignment.target, strict=True)
        ]
        self._mix_x, self._mix_y = zip(*factors, strict=True)
        #: Pixels of a resized map for one of those that are multiplied.
        self._share = math.prod(alignment.target) / math.prod(len(mix) for mix in self._mix_x)
        self._pixels, self.n = math.prod(alignment.target), 0
        self._scatters = dict(known or {})
        self._sums: tuple[Comoments, Comoments] | None = None
        self._eps = [0.0, 0.0]

    def add(self, x: Tensor, y: Tensor) -> None:
        """Add the next maps, x (m, p, *source) and y (m, q, *target)."""
        own = [(0, 0)] * (0 not in self._scatters), [(0, 0)] * (1 not in self._scatters)
        if self._sums is None:
            widths, self._eps = (x.shape[1], y.shape[1]), [precision(x), precision(y)]
            self._sums = (Comoments(widths, [*own[0], (0, 1)], x.device), Comoments(widths[1:], own[1], y.device))
        self.n += len(x) * self._pixels
        self._sums[0].add([rows(_mixed(each, mix), "spatial") for each, mix in ((x, self._mix_x), (y, self._mix_y))])
        if own[1]:
            self._sums[1].add([rows(y, "spatial")])

    def close(self) -> None:
        """End the rows; moments can be read afterwards."""
        for sums in self._sums or ():
            sums.close()

    def scatter(self, place: int) -> Scatter:
        """The Scatter of a representation; after `close`."""
        if place not in self._scatters:
            if self._sums is None:
                raise ValueError("no maps have been added")
            sums, share = self._sums[place], 1.0 if place else self._share
            self._scatters[place] = Scatter(self.n, sums.mean(0), share * sums.matrix(0, 0), self._eps[place])
        return self._scatters[place]

    def pair(self, i: int, j: int) -> Moments:
        """Moments of representation i and j; after `close`."""
        a, b = self.scatter(i), self.scatter(j)
        if i == j:
            return Moments(a, b, a.matrix)
        if i > j:
            return self.pair(j, i).swap()
        if self._sums is None:
            raise ValueError("no maps have been added")
        return Moments(a, b, self._share * self._sums[0].matrix(0, 1))

    def holds(self, i: int, j: int) -> bool:
        """Whether the moments of (i, j) can be read: those of any two."""
        return {i, j} <= {0, 1}


def _matrix(source: int, target: int, resize: str) -> Tensor:
    """(target, source) float64: what a resize does along one axis."""
    ones = torch.eye(source, dtype=torch.float64)[:, None, :, None]
    return Alignment((source, 1), (target, 1), resize)(ones)[:, 0, :, 0].mT


def _factors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Q sqrt(k / t) (k, s) and W^T sqrt(k / t) (k, t) of a resize R = W Q (t, s); the rows of both sum to 1."""
    t, s = matrix.shape
    if t <= s:
        return matrix, torch.eye(t, dtype=matrix.dtype)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    q = values[:, None] * right
    # A reflection turns the sums of the rows of Q, whose norm is sqrt(t), into equal ones.
    normal = q.sum(1) - math.sqrt(t / s)
    length = normal.norm()
    if length > 1e-12:
        normal = normal / length
        q, left = q - 2 * torch.outer(normal, normal @ q), left - 2 * torch.outer(left @ normal, normal)
    return q * math.sqrt(s / t), left.mT * math.sqrt(s / t)


def _mixed(x: Tensor, mixes: tuple[Tensor, Tensor]) -> Tensor:
    """Maps x (n, c, h, w) in float64, their rows and columns mixed by matrices (k, h) and (l, w): (n, c, k, l)."""
    vertical, horizontal = (mix.to(x.device) for mix in mixes)
    x = x.to(torch.float64).permute(0, 2, 3, 1)  # (n, h, w, c)
    n, h, w, c = x.shape
    x = (vertical @ x.reshape(n, h, w * c)).reshape(n * len(vertical), w, c)
    return (horizontal @ x).reshape(n, len(vertical), len(horizontal), c).permute(0, 3, 1, 2)
