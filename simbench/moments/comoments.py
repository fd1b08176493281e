"""Comoments: sums of centred products of columns, over rows that come in batches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

#: Elements, and fewest and most rows, of the block of float64 rows that is multiplied at a time: large enough for a
#: matrix product at full speed, small enough to stay in the processor's cache while it is made.
BLOCK, FEWEST, MOST = 2**18, 512, 8192
#: Rows that `Pairwise` multiplies at a time, whatever their width: part of every result's arithmetic. Six networks of
#: 16 to 32 neurons stay in the processor's cache, and two threads add up the products of so few rows as one does.
ROWS = 1024
#: Width from which a symmetric product is made of its upper half alone.
_HALVED = 128


def block_rows(width: int) -> int:
    """How many rows of this width are multiplied at a time."""
    return min(max(BLOCK // max(width, 1), FEWEST), MOST)


def side_by_side(widths: Sequence[int]) -> list[slice]:
    """The columns of each of several parts of a row."""
    stops = torch.tensor(widths).cumsum(0).tolist()
    return [slice(stop - width, stop) for stop, width in zip(stops, widths)]


class Comoments:
    """`sum_i (x_i - mean)(x_i - mean)^T` over rows x (n, width) in float64, of which only some blocks are kept.

    widths: of the parts that a row consists of, side by side.
    wanted: (left, right) ranges of columns; `matrices()` holds the block of each, not divided by n.

    running: (width,) sum of the rows multiplied so far, about a fixed origin; NaN or infinite where one was.

    A running sum, in place: `add` takes the next rows. Rows are moved by the mean of the first block before they are
    multiplied, and what is then left of the mean is taken out of the sums, which costs digits only where the first
    rows are far from the rest: a relative n / block_rows(width) roundings at the very most. A constant column is
    exactly zero.
    """

    def __init__(self, widths: Sequence[int], wanted: Sequence[tuple[slice, slice]], device: torch.device) -> None:
        self.columns, self.wanted, self.n, width = side_by_side(widths), wanted, 0, sum(widths)
        exact = {"dtype": torch.float64, "device": device}
        self._origin = torch.zeros(width, **exact)
        self.running = torch.zeros(width, **exact)
        self._products = [
            torch.zeros(left.stop - left.start, right.stop - right.start, **exact) for left, right in wanted
        ]
        # Rows a power of two apart share cache lines and halve the speed of the products: 8 numbers of padding.
        self._block = torch.empty(block_rows(width), width + 8, **exact)[:, :width]
        self._filled = 0

    def add(self, parts: Sequence[Tensor]) -> None:
        """The next rows, [(m, width_1), ..., (m, width_k)]; they are read at once and not kept."""
        rows, at = len(parts[0]), 0
        while at < rows:
            step = min(rows - at, len(self._block) - self._filled)
            for part, columns in zip(parts, self.columns, strict=True):
                self._block[self._filled : self._filled + step, columns] = part[at : at + step]
            self._filled += step
            at += step
            if self._filled == len(self._block):
                self._multiply()

    def _multiply(self) -> None:
        x = self._block[: self._filled]
        if not self.n:
            self._origin = x[0] + (x - x[0]).mean(0)  # a constant column gives exactly its value
        x -= self._origin
        self.running += x.sum(0)
        for product, (left, right) in zip(self._products, self.wanted):
            if left == right:
                add_square(product, x[:, left])
            else:
                product.addmm_(x[:, left].mT, x[:, right])
        self.n += self._filled
        self._filled = 0

    def flush(self) -> None:
        """Multiply the rows that do not fill a block."""
        if self._filled:
            self._multiply()

    def mean(self) -> Tensor:
        """(width,) mean of all rows so far."""
        self.flush()
        return self._origin + self.running / self.n

    def matrices(self) -> list[Tensor]:
        """The wanted blocks, centred on the mean of all rows so far."""
        self.flush()
        centred = []
        for product, (left, right) in zip(self._products, self.wanted):
            matrix = product.addr(self.running[left], self.running[right], alpha=-1 / self.n)
            centred.append(mirrored(matrix) if left == right else matrix)
        return centred


class Pairwise:
    """Comoments of each of several representations with itself and with every other, over rows that come in batches.

    What is held of a pair is a function of its own rows, to the last bit: every representation has an origin and a
    block of its own, in memory laid out by its width alone, every pair a product of its own over blocks of ROWS rows,
    and it makes no difference how the rows are cut into batches. So it neither matters which others there are nor, but
    for which of the two comes first, in which order they are given.

    A running sum, in place, with the digits of `Comoments`.
    """

    def __init__(self, widths: Sequence[int], device: torch.device) -> None:
        exact = {"dtype": torch.float64, "device": device}
        self.n, self._filled = 0, 0
        # 8 numbers of padding as in Comoments.
        self._blocks = [torch.empty(ROWS, width + 8, **exact)[:, :width] for width in widths]
        self._origins, self._running = ([torch.zeros(width, **exact) for width in widths] for _ in range(2))
        self._products = {
            (i, j): torch.zeros(widths[i], widths[j], **exact)
            for i, j in combinations_with_replacement(range(len(widths)), 2)
        }

    def add(self, parts: Sequence[Tensor]) -> None:
        """The next rows, [(m, width_1), ..., (m, width_k)]; they are read at once and not kept."""
        at = 0
        while at < len(parts[0]):
            step = min(len(parts[0]) - at, ROWS - self._filled)
            for block, part in zip(self._blocks, parts, strict=True):
                block[self._filled : self._filled + step] = part[at : at + step]
            self._filled += step
            at += step
            if self._filled == ROWS:
                self._multiply()

    def _multiply(self) -> None:
        blocks = [block[: self._filled] for block in self._blocks]
        for i, x in enumerate(blocks):
            if not self.n:
                self._origins[i] = x[0] + (x - x[0]).mean(0)  # a constant column gives exactly its value
            x -= self._origins[i]
            self._running[i] += x.sum(0)
        for (i, j), product in self._products.items():
            if i == j:
                add_square(product, blocks[i])
            else:
                product.addmm_(blocks[i].mT, blocks[j])
        self.n += self._filled
        self._filled = 0

    def close(self) -> None:
        """All rows are in: multiply those that do not fill a block, and centre the sums on the means."""
        if self._filled:
            self._multiply()
        self._blocks = []
        for (i, j), product in self._products.items():
            product.addr_(self._running[i], self._running[j], alpha=-1 / self.n)
            if i == j:
                product.copy_(mirrored(product))

    def mean(self, i: int) -> Tensor:
        """(width_i,) mean of all rows."""
        return self._origins[i] + self._running[i] / self.n

    def matrix(self, i: int, j: int) -> Tensor:
        """(width_i, width_j) comoments of representation i with j, about the means of all rows, not divided by n; those
        of j with i are exactly the transposed ones."""
        return self._products[i, j] if i <= j else self._products[j, i].mT


def add_square(product: Tensor, x: Tensor) -> None:
    """product += x.T @ x in its upper half at least, in place."""
    half = len(product) // 2
    if len(product) >= _HALVED:
        product[:half].addmm_(x[:, :half].mT, x)
        product[half:, half:].addmm_(x[:, half:].mT, x[:, half:])
    else:
        product.addmm_(x.mT, x)


def mirrored(matrix: Tensor) -> Tensor:
    """The symmetric matrix of this upper half."""
    return matrix.triu() + matrix.triu(1).mT
