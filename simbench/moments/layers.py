"""Blocks: the moments of many pairs of representations at once, over rows that come in batches."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from simbench.moments.centred import STEP, CentredRows, Cross, span_of
from simbench.moments.pair import Moments
from simbench.moments.precision import precision
from simbench.moments.scatter import Scatter, rounding_only


class Outgrown(Exception):
    """There are more rows than were expected."""


class Shared(Moments):
    """Moments that several indices look at: canonical correlations come with their variates, from one decomposition."""

    @cached_property
    def correlations(self) -> Tensor:
        return self.canonical[1]


class Blocks:
    """The moments of some pairs of representations, each known by a key.

    The rows are kept as they come until there are more of them than neurons in the widest; from then on their products
    are, p_i^2 numbers a representation and p_i q_j a pair, however many the rows. limit: where it is not 0, rows are
    kept throughout, and more than this many raise `Outgrown`. The moments of a pair that is not `wide` come from
    products, to the last bit the same ones however they came about and whatever other pairs there are.
    """

    def __init__(self, pairs: Sequence[tuple[Hashable, Hashable]], limit: int = 0) -> None:
        self.pairs, self._limit, self.n = list(pairs), limit, 0
        self._rows: dict[Hashable, list[Tensor]] | None = {key: [] for pair in self.pairs for key in pair}
        self._sides: dict[Hashable, CentredRows] = {}
        self._crosses: dict[tuple, Cross] = {}
        self._scatters: dict[Hashable, Scatter] = {}

    @property
    def keys(self) -> list[Hashable]:
        """Every representation of the pairs, once."""
        return list(dict.fromkeys(key for pair in self.pairs for key in pair))

    def add(self, rows: Mapping[Hashable, Tensor]) -> None:
        """The next rows of every representation, (m, p_i); they are copied."""
        rows = {key: rows[key] for key in self.keys}
        self.n += len(next(iter(rows.values())))
        if self._limit and self.n > self._limit:
            raise Outgrown
        widest = max(x.shape[1] for x in rows.values())
        if self._rows is None:
            self._stream(rows)
        elif not self._limit and self.n > widest:
            kept, self._rows = self._rows, None
            parts = len(next(iter(kept.values())))
            for k in range(parts):
                self._stream({key: kept[key][k] for key in rows})
                for each in kept.values():
                    each[k] = None
            self._stream(rows)
        else:
            for key, x in rows.items():
                self._rows[key].append(x.clone())

    def _stream(self, rows: Mapping[Hashable, Tensor]) -> None:
        if not self._sides:
            self._sides = {key: _side(x) for key, x in rows.items()}
            self._crosses = {(i, j): Cross(self._sides[i], self._sides[j]) for i, j in self.pairs if i != j}
        total, at = len(next(iter(rows.values()))), 0
        while at < total:
            done = next(iter(self._sides.values())).n
            step = min(total - at, STEP - done % STEP)
            for key, x in rows.items():
                self._sides[key].put(x[at : at + step])
            if (done + step) % STEP == 0:
                for cross in self._crosses.values():
                    cross.follow()
            at += step

    def close(self) -> None:
        """All rows are in."""
        if self._rows is not None:
            for key, parts in self._rows.items():
                self._rows[key] = [torch.cat(parts)]
            return
        for side in self._sides.values():
            side.finish()
        for cross in self._crosses.values():
            cross.follow(last=True)
        for side in self._sides.values():
            side.forget()

    def spoilt(self) -> Hashable | None:
        """A representation that has shown NaN or infinity so far; None where none has."""
        if self._rows is None:
            return next((key for key, side in self._sides.items() if not bool(side.running.isfinite().all())), None)
        return next((key for key, parts in self._rows.items() if parts and not bool(parts[-1].isfinite().all())), None)

    def rows(self, key: Hashable) -> Tensor | None:
        """(n, p) rows of a representation, where they are kept."""
        return None if self._rows is None else self._rows[key][0]

    def held(self) -> int:
        """Bytes of rows that are kept, of what is made of the narrower ones, and of one decomposition."""
        if self._rows is None:
            return 0
        kept = [parts[0] for parts in self._rows.values()]
        most, narrow = max(x.shape[1] for x in kept), sum(5 * x.shape[1] ** 2 for x in kept if x.shape[1] < self.n)
        return sum(x.numel() * x.element_size() for x in kept) + 8 * (
            narrow + 9 * min(self.n, most) ** 2 + 4 * self.n * most
        )

    def wide(self, i: Hashable, j: Hashable) -> bool:
        """True where one of two representations has as many neurons as there are rows, so that n x n is less."""
        return self._rows is not None and max(self._rows[key][0].shape[1] for key in (i, j)) >= self.n

    def constant(self, key: Hashable) -> bool:
        """True for a representation that does not vary."""
        if self._rows is not None and self._rows[key][0].shape[1] >= self.n:
            return bool((self._rows[key][0] == self._rows[key][0][:1]).all())
        return self.scatter(key).constant

    def rounding(self, key: Hashable) -> bool:
        """True for a representation that varies by no more than the rounding of its numbers."""
        if self._rows is not None and self._rows[key][0].shape[1] >= self.n:
            return rounding_only(self._rows[key][0])
        return self.scatter(key).rounding

    def scatter(self, key: Hashable) -> Scatter:
        """The Scatter of a representation, shared by all its pairs."""
        if key not in self._scatters:
            if self._rows is not None:
                side = self._sides[key] = _side(self._rows[key][0])
                for part in self._rows[key][0].split(STEP):
                    side.put(part)
                side.finish()
                side.forget()
            self._scatters[key] = self._sides[key].scatter()
        return self._scatters[key]

    def pair(self, i: Hashable, j: Hashable, shared: bool = True) -> Moments:
        """Moments of a pair that is not wide; `Shared` where several indices look at them."""
        a, b = self.scatter(i), self.scatter(j)
        return (Shared if shared else Moments)(a, b, a.matrix if i == j else self._matrix(i, j))

    def _matrix(self, i: Hashable, j: Hashable) -> Tensor:
        if self._rows is not None:
            cross = Cross(self._sides[i], self._sides[j])
            cross.again(self._rows[i][0], self._rows[j][0])
            return cross.matrix()
        return self._crosses.pop((i, j)).matrix()


def taken(
    a: Mapping[Hashable, int],
    b: Mapping[Hashable, int],
    bytes: Mapping[Hashable, int],
    batch: int,
    expected: int | None,
    room: int,
) -> tuple[int, int]:
    """Bytes that Blocks of all pairs of a with b take at most, the values of their indices with them, and the `limit`
    to give.

    a, b: the widths of representations. bytes: of a row of each, as it is given. batch: rows that come at a time.
    expected: the most rows in all, where that is known; they are kept, all of them, where products would take more
    than there is room.
    """
    widths = {**a, **b}
    most, single = max(widths.values()), len(a) == len(b) == 1
    own, common = sum(p * p for p in widths.values()), [p for key, p in a.items() if key in b]
    # Of two that are on both sides one product is the transpose of the other, and of one with itself there is its own.
    both = sum(a.values()) * sum(b.values()) - (sum(common) ** 2 + sum(p * p for p in common)) // 2
    row, widest = sum(bytes.values()), max(a.values()) * max(b.values())

    def of_rows(n: int) -> int:
        """Where n rows are kept: they, what is made of the narrower ones, and one decomposition."""
        narrow = sum(5 * p * p for p in widths.values() if p < n)
        return row * (n + batch) + max(bytes.values()) * n + 8 * (narrow + 9 * min(n, most) ** 2 + 4 * n * most)

    # A decomposition of the widest takes some copies of it; its bases stay for the next pair.
    values = 8 * (9 * most * most + 2 * widest) + (0 if single else 8 * 4 * own)
    stream = row * (most + 2 * batch) + 8 * sum(span_of(p) * (p + 8) for p in widths.values())
    products = 8 * (own + both) + max(stream, values)
    if expected is None or expected - batch < most:
        products = max(products, of_rows(most))
    if products > room and expected is not None and of_rows(expected) < products:
        spans = 8 * sum(8 * (p + min(expected, p)) * min(expected, p) for p in widths.values())
        return of_rows(expected) + min(spans, max(room - of_rows(expected), 0)), expected
    return products, 0


def _side(x: Tensor) -> CentredRows:
    return CentredRows(x.shape[1], precision(x), x.device)
