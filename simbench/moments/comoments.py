"""Comoments: sums of centred products of columns, accumulated over batches of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from simbench.moments.products import Products
from simbench.moments.threads import Share, sharing

#: Rows that are multiplied at a time, for any width; the last digits of every result depend on it. Blocks of six
#: networks of 16 to 32 neurons fit into the processor's cache, and sums over so few rows do not depend on threads.
ROWS = 1024
#: Numbers of all representations that are held before they are multiplied, at most, where that is several blocks.
_HELD = 2**20


def held(widths: Sequence[int], rows: int) -> int:
    """Rows that Comoments of these widths hold before they multiply them, whole blocks, where so many are added at
    once: several blocks of narrow representations, so that threads seldom wait for each other."""
    return ROWS * max(1, min(_HELD // (ROWS * sum(p + 8 for p in widths)), rows // (4 * ROWS)))


class Comoments:
    """`sum_i (x_i - mean_x)(y_i - mean_y)^T` in float64 for pairs (x, y) of several representations of the same rows.

    widths: number of features of each representation.
    pairs: (i, j) for the comoments of representation i with j; (i, i) for the scatter matrix of i.

    A running sum, updated in place: `add` takes the next rows, `close` ends the sum. The mean of the first ROWS rows is
    subtracted before rows are multiplied, and the rest of the mean is subtracted from the sums at the end. This
    costs digits only where the first rows are far from all others: a relative n / ROWS roundings at the very most. The
    scatter of a constant column is exactly zero.

    The result for a pair depends on its own rows alone, to the last bit: each representation has its own origin and its
    own block, whose memory layout depends on its width alone, and each pair has its own product over blocks of ROWS
    rows. Other representations, the sizes of batches and the order of pairs have no influence.
    """

    def __init__(self, widths: Sequence[int], pairs: Iterable[tuple[int, int]], device: torch.device) -> None:
        self.n = self._filled = 0
        self._widths, self._device = list(widths), device
        #: (rows, width) of each representation, made for the first rows.
        self._rows: list[Tensor] = []
        self._origins = [_zeros(width, device=device) for width in widths]
        #: Sums (width,) of rows about the origin; NaN or infinite where a row is.
        self.sums = [_zeros(width, device=device) for width in widths]
        self._matrices = {(i, j): _zeros(widths[i], widths[j], device=device) for i, j in pairs}
        self._products = Products(self._matrices)

    def add(self, parts: Sequence[Tensor]) -> None:
        """Add the next rows, [(m, width_1), ..., (m, width_k)]; they are copied."""
        count = len(parts[0])
        if not self._rows:
            self._rows = [_block(held(self._widths, count), width, self._device) for width in self._widths]
        most = len(self._rows[0])
        with sharing(self._products.threads(self._filled + count, torch.get_num_threads())) as share:
            for at in _ends(most - self._filled, count, most):
                self._take([part[at] for part in parts], share)

    def _take(self, parts: Sequence[Tensor], share: Share) -> None:
        """Copy the next rows, and multiply once no more can be held."""
        start, stop = self._filled, self._filled + len(parts[0])
        full = stop == len(self._rows[0])

        def take(i: int) -> None:
            self._rows[i][start:stop] = parts[i]
            if full:
                self._centre(i, stop)

        share(take, [(i,) for i in range(len(parts))])
        self._filled = stop
        if full:
            self._multiply(share)

    def _centre(self, i: int, filled: int) -> None:
        """Subtract its origin from the rows of a representation, and sum them up."""
        for x in _blocks(self._rows[i][:filled]):
            if not self.n and x.data_ptr() == self._rows[i].data_ptr():
                self._origins[i] = x[0] + (x - x[0]).mean(0)  # a constant column gives exactly its value
            x -= self._origins[i]
            self.sums[i] += x.sum(0)

    def _multiply(self, share: Share) -> None:
        """Add the products of the centred rows."""
        self._products.add([_blocks(x[: self._filled]) for x in self._rows], share)
        self.n += self._filled
        self._filled = 0

    def close(self) -> None:
        """Multiply the last rows and centre the sums on the means. No rows can be added afterwards."""
        with sharing(self._products.threads(max(self._filled, self.n), torch.get_num_threads())) as share:
            if self._filled:
                share(self._centre, [(i, self._filled) for i in range(len(self._rows))])
                self._multiply(share)
            self._rows = []
            share(self._end, list(self._matrices))

    def _end(self, i: int, j: int) -> None:
        """Centre a sum of products on the means."""
        matrix = self._matrices[i, j]
        matrix.addr_(self.sums[i], self.sums[j], alpha=-1 / self.n)
        if i == j:
            matrix.copy_(matrix.triu() + matrix.triu(1).mT)

    def mean(self, i: int) -> Tensor:
        """(width_i,) mean of all rows of representation i; after `close`."""
        return self._origins[i] + self.sums[i] / self.n

    def matrix(self, i: int, j: int) -> Tensor:
        """(width_i, width_j) comoments of representation i with j about the means, not divided by n; after `close`.
        Those of j with i are exactly the transpose. Raises KeyError for a pair that is not in `pairs`."""
        return self._matrices[i, j] if (i, j) in self._matrices else self._matrices[j, i].mT


def _zeros(*shape: int, device: torch.device) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64, device=device)


def _block(rows: int, width: int, device: torch.device) -> Tensor:
    # 8 numbers of padding: rows a power of two apart compete for cache lines, which halves the speed of the products.
    return torch.empty(rows, width + 8, dtype=torch.float64, device=device)[:, :width]


def _blocks(x: Tensor) -> Sequence[Tensor]:
    return [x[at : at + ROWS] for at in range(0, len(x), ROWS)]


def _ends(first: int, count: int, most: int) -> Iterator[slice]:
    """`count` rows in order: `first` of them, and then `most` at a time."""
    at = 0
    while at < count:
        step = min(count - at, most if at else first)
        yield slice(at, at + step)
        at += step
