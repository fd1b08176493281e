"""Comoments: sums of centred products of columns, accumulated over batches of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from simbench.moments.products import Products, narrow
from simbench.moments.threads import one_thread

#: Rows that are multiplied at a time, for any width; the last digits of every result depend on it. Blocks of six
#: networks of 16 to 32 neurons fit into the processor's cache, and sums over so few rows do not depend on threads.
ROWS = 1024


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
        self._blocks = [_block(width, device) for width in widths]
        self._origins = [_zeros(width, device=device) for width in widths]
        #: Sums (width,) of rows about the origin; NaN or infinite where a row is.
        self.sums = [_zeros(width, device=device) for width in widths]
        self._products = {(i, j): _zeros(widths[i], widths[j], device=device) for i, j in pairs}
        small = {pair: product for pair, product in self._products.items() if narrow(product)}
        self._wide = self._products.keys() - small.keys()
        self._narrow = Products(small)

    def add(self, parts: Sequence[Tensor]) -> None:
        """Add the next rows, [(m, width_1), ..., (m, width_k)]; they are copied."""
        threads, at = torch.get_num_threads(), 0
        with nullcontext() if self._wide else one_thread():
            while at < len(parts[0]):
                step = min(len(parts[0]) - at, ROWS - self._filled)
                for block, part in zip(self._blocks, parts, strict=True):
                    block[self._filled : self._filled + step] = part[at : at + step]
                self._filled += step
                at += step
                if self._filled == ROWS:
                    self._multiply(threads)

    def _multiply(self, threads: int) -> None:
        blocks = [block[: self._filled] for block in self._blocks]
        for i, x in enumerate(blocks):
            if not self.n:
                self._origins[i] = x[0] + (x - x[0]).mean(0)  # a constant column gives exactly its value
            x -= self._origins[i]
            self.sums[i] += x.sum(0)
        self._narrow.add(blocks, threads)
        for i, j in self._wide:
            if i == j:
                _add_square(self._products[i, j], blocks[i])
            else:
                self._products[i, j].addmm_(blocks[i].mT, blocks[j])
        self.n += self._filled
        self._filled = 0

    def close(self) -> None:
        """Multiply the last, partial block and centre the sums on the means. No rows can be added afterwards."""
        if self._filled:
            self._multiply(torch.get_num_threads())
        self._blocks = []
        for (i, j), product in self._products.items():
            product.addr_(self.sums[i], self.sums[j], alpha=-1 / self.n)
            if i == j:
                product.copy_(product.triu() + product.triu(1).mT)

    def mean(self, i: int) -> Tensor:
        """(width_i,) mean of all rows of representation i; after `close`."""
        return self._origins[i] + self.sums[i] / self.n

    def matrix(self, i: int, j: int) -> Tensor:
        """(width_i, width_j) comoments of representation i with j about the means, not divided by n; after `close`.
        Those of j with i are exactly the transpose. Raises KeyError for a pair that is not in `pairs`."""
        return self._products[i, j] if (i, j) in self._products else self._products[j, i].mT


def _zeros(*shape: int, device: torch.device) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64, device=device)


def _block(width: int, device: torch.device) -> Tensor:
    # 8 numbers of padding: rows a power of two apart compete for cache lines, which halves the speed of the products.
    return torch.empty(ROWS, width + 8, dtype=torch.float64, device=device)[:, :width]


def _add_square(product: Tensor, x: Tensor) -> None:
    """Add x.T @ x to `product` in place, at least in its upper half."""
    half = len(product) // 2
    product[:half].addmm_(x[:, :half].mT, x)
    product[half:, half:].addmm_(x[:, half:].mT, x[:, half:])
