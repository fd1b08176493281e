"""Moments of all pairs of layers of two networks, without those of the layers of one among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from torch import Tensor

from simbench.comoments import Comoments, side_by_side
from simbench.moments import Moments
from simbench.precision import precision
from simbench.scatter import Scatter


class Shared(Moments):
    """Moments that several indices look at: canonical correlations come with their variates, from one decomposition."""

    @cached_property
    def correlations(self) -> Tensor:
        return self.canonical[1]


class Blocks:
    """Moments of each of [A_1 .. A_k] with each of [B_1 .. B_l], over rows that come in batches.

    Holds sum p_i^2 + sum q_j^2 + (sum p_i) (sum q_j) numbers, however many the rows. Where B is A, `add(a, None)`, it
    holds (sum p_i)^2. Bases are computed once for a representation, not once for a pair.
    """

    def __init__(self) -> None:
        self._sums: Comoments | None = None

    def add(self, a: Sequence[Tensor], b: Sequence[Tensor] | None) -> None:
        """The next rows, [(m, p_1), ..., (m, p_k)] and [(m, q_1), ..., (m, q_l)]."""
        parts = [*a, *(b or ())]
        if self._sums is None:
            widths = [x.shape[1] for x in parts]
            self._split, self._one, self._eps = len(a), b is None, [precision(x) for x in parts]
            self._sums = Comoments(widths, self._wanted(widths), parts[0].device)
        self._sums.add(parts)

    def _wanted(self, widths: list[int]) -> list[tuple[slice, slice]]:
        """All of A with all of B, and each representation with itself."""
        first, every = sum(widths[:self._split]), sum(widths)
        if self._one:
            return [(slice(0, every), slice(0, every))]
        return [(slice(0, first), slice(first, every)), *((own, own) for own in side_by_side(widths))]

    @cached_property
    def _matrices(self) -> list[Tensor]:
        return self._sums.matrices()

    @cached_property
    def sides(self) -> list[Scatter]:
        """The Scatter of every representation, those of A first."""
        mean, columns, (cross, *own) = self._sums.mean(), self._sums.columns, self._matrices
        own = [cross[part, part] for part in columns] if self._one else own
        return [Scatter(self._sums.n, mean[part], matrix, eps)
                for part, matrix, eps in zip(columns, own, self._eps, strict=True)]

    def close(self) -> None:
        """All rows are in: multiply what is left of them."""
        self._sums.flush()

    def spoilt(self) -> int | None:
        """The first representation, those of A first, that has shown NaN or infinity so far; None where none has."""
        finite = self._sums.running.isfinite()
        return next((i for i, part in enumerate(self._sums.columns) if not bool(finite[part].all())), None)

    def pair(self, i: int, j: int, shared: bool = True) -> Moments:
        """Moments of (A_i, B_j); `Shared` where several indices look at them."""
        shift = 0 if self._one else self._split
        start = 0 if self._one else self._sums.columns[shift].start
        left, right = self._sums.columns[i], self._sums.columns[shift + j]
        cross = self._matrices[0][left, right.start - start:right.stop - start]
        return (Shared if shared else Moments)(self.sides[i], self.sides[shift + j], cross)
