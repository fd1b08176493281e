"""LayerMoments: the moments of many pairs of representations of the same inputs, computed in one pass."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor

from simbench.moments.comoments import Comoments
from simbench.moments.coordinates import rounding_only
from simbench.moments.pair import Moments
from simbench.moments.precision import precision
from simbench.moments.scatter import Scatter


class Outgrown(Exception):
    """More rows were added than the limit allows."""


class LayerMoments:
    """Moments of pairs of representations, such as layers of networks, each named by a key.

    pairs: the keys (i, j) of each pair. The moments of (j, i) are then those of (i, j) swapped.
    limit: where it is not 0, all rows are stored, and more than `limit` rows raise `Outgrown`.
    keep_rows: store the rows until there are more of them than neurons in the widest representation, and only their
        products afterwards; False: only products. Products take p_i^2 numbers per representation and p_i p_j per pair
        for any number of rows.

    `add` takes batches of rows, and `close` ends them. The moments of a pair are computed from products. They depend on
    the rows of the pair alone, to the last bit: not on the batches, the other pairs, whether rows were stored, or
    earlier calls. Decompositions are computed once per representation, not once per pair.
    """

    def __init__(self, pairs: Iterable[tuple[Hashable, Hashable]], limit: int = 0, keep_rows: bool = True) -> None:
        self.pairs, self._limit, self.n = list(pairs), limit, 0
        #: Every representation of the pairs, once.
        self.keys: list[Hashable] = list(dict.fromkeys(key for pair in self.pairs for key in pair))
        self._rows: dict[Hashable, list[Tensor]] | None = {key: [] for key in self.keys} if keep_rows else None
        self._place = {key: i for i, key in enumerate(self.keys)}
        self._requested = set(self.pairs)
        self._comoments: Comoments | None = None
        self._eps: dict[Hashable, float] = {}
        self._scatters: dict[Hashable, Scatter] = {}

    @classmethod
    def of(
        cls,
        batches: Iterable[Sequence[Tensor]],
        pairs: Iterable[tuple[int, int]] | None = None,
        known: Mapping[int, Scatter] | None = None,
    ) -> LayerMoments:
        """Moments of pairs of k representations, with the keys 0 to k - 1, from batches of their rows
        [(n, p_1), ..., (n, p_k)], at least one; by default of all pairs, always of each with itself.

        known: scatters of some of them, of the same rows, which are taken as they are and not summed again."""
        moments: LayerMoments | None = None
        for batch in batches:
            if moments is None:
                among = combinations(range(len(batch)), 2) if pairs is None else pairs
                moments = cls.among(len(batch), among, known)
            moments.add(dict(enumerate(batch)))
        if moments is None:
            raise ValueError("no batches are given")
        moments.close()
        return moments

    @classmethod
    def among(
        cls, count: int, pairs: Iterable[tuple[int, int]], known: Mapping[int, Scatter] | None = None
    ) -> LayerMoments:
        """Moments, so far of no rows, of pairs of representations 0 to count - 1, and of each with itself. known: as in
        `of`."""
        moments = cls([*((i, i) for i in range(count)), *pairs], keep_rows=False)
        moments._scatters.update((known or {}).items())
        return moments

    def add(self, rows: Mapping[Hashable, Tensor]) -> None:
        """Add the next rows of every representation, (m, p_i); they are copied."""
        parts = {key: rows[key] for key in self.keys}
        self.n += len(next(iter(parts.values())))
        if self._limit and self.n > self._limit:
            raise Outgrown
        self._eps = self._eps or {key: precision(x) for key, x in parts.items()}
        if self._rows is not None and not self._limit and self.n > max(x.shape[1] for x in parts.values()):
            stored, self._rows = self._rows, None
            while stored[self.keys[0]]:
                self._multiply({key: batches.pop(0) for key, batches in stored.items()})
        if self._rows is None:
            self._multiply(parts)
        else:
            for key, x in parts.items():
                self._rows[key].append(x.clone())

    def _multiply(self, rows: Mapping[Hashable, Tensor]) -> None:
        parts = [rows[key] for key in self.keys]
        if self._comoments is None:
            pairs = [(self._place[i], self._place[j]) for i, j in self.pairs]
            known = {self._place[key] for key in self._scatters}
            wanted = [(i, i) for i in range(len(parts))] + pairs
            unknown = dict.fromkeys((i, j) for i, j in wanted if i != j or i not in known)
            self._comoments = Comoments([x.shape[1] for x in parts], unknown, parts[0].device)
        self._comoments.add(parts)

    def close(self) -> None:
        """End the rows; pairs can be read afterwards."""
        if self._rows is not None:
            self._rows = {key: [torch.cat(parts)] for key, parts in self._rows.items()}
        elif self._comoments is not None:
            self._comoments.close()

    def spoilt(self) -> Hashable | None:
        """The key of a representation with NaN or infinite values so far, or None."""
        if self._rows is not None:
            latest = {key: parts[-1] for key, parts in self._rows.items() if parts}
        else:
            latest = dict(zip(self.keys, self._comoments.sums, strict=True)) if self._comoments is not None else {}
        return next((key for key, x in latest.items() if not bool(x.isfinite().all())), None)

    def rows(self, key: Hashable) -> Tensor | None:
        """(n, p) rows of a representation, or None where they are not stored; after `close`."""
        return None if self._rows is None else self._rows[key][0]

    def held(self) -> int:
        """Bytes of the stored rows, of the products of the narrower ones, and of one decomposition; 0 where no rows are
        stored."""
        if self._rows is None:
            return 0
        stored = [parts[0] for parts in self._rows.values()]
        most, narrow = max(x.shape[1] for x in stored), sum(5 * x.shape[1] ** 2 for x in stored if x.shape[1] < self.n)
        return sum(x.numel() * x.element_size() for x in stored) + 8 * (
            narrow + 9 * min(self.n, most) ** 2 + 4 * self.n * most
        )

    def wide(self, *keys: Hashable) -> bool:
        """True where rows are stored and one of the representations has at least as many neurons as there are rows, so
        that n x n products are smaller than p x p ones."""
        stored = [x for x in map(self.rows, keys) if x is not None]
        return any(x.shape[1] >= self.n for x in stored)

    def constant(self, key: Hashable) -> bool:
        """True for a representation that does not vary."""
        x = self.rows(key)
        if x is not None and self.wide(key):
            return bool((x == x[:1]).all())
        return self.scatter(key).constant

    def rounding(self, key: Hashable) -> bool:
        """True for a representation that varies only by rounding errors."""
        x = self.rows(key)
        if x is not None and self.wide(key):
            return rounding_only(x)
        return self.scatter(key).rounding

    def scatter(self, key: Hashable) -> Scatter:
        """The Scatter of a representation, shared by all its pairs; after `close`."""
        if key not in self._scatters:
            sums, i, _ = self._sums(key, key)
            self._scatters[key] = Scatter(self.n, sums.mean(i), sums.matrix(i, i), self._eps[key])
        return self._scatters[key]

    def pair(self, i: Hashable, j: Hashable) -> Moments:
        """Moments of a pair; after `close`. Raises KeyError for a pair that is not in `pairs`."""
        a, b = self.scatter(i), self.scatter(j)
        if i == j:
            return Moments(a, b, a.matrix)
        if (i, j) not in self._requested and (j, i) in self._requested:
            return self.pair(j, i).swap()
        sums, left, right = self._sums(i, j)
        return Moments(a, b, sums.matrix(left, right))

    def holds(self, i: Hashable, j: Hashable) -> bool:
        """Whether the moments of (i, j), or of (j, i), are among the pairs."""
        return (i, j) in self._requested or (j, i) in self._requested

    def _sums(self, i: Hashable, j: Hashable) -> tuple[Comoments, int, int]:
        """Comoments that hold those of representation i with j, and the places of both in them."""
        if self._rows is None:
            if self._comoments is None:
                raise ValueError("no rows have been added")
            return self._comoments, self._place[i], self._place[j]
        parts = [self._rows[key][0] for key in dict.fromkeys((i, j))]
        sums = Comoments([x.shape[1] for x in parts], [(0, len(parts) - 1)], parts[0].device)
        sums.add(parts)
        sums.close()
        return sums, 0, len(parts) - 1
