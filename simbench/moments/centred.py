"""Centred rows: a representation in float64 about a fixed origin, block by block, and the sums of its products."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from simbench.moments.comoments import add_square, block_rows, mirrored
from simbench.moments.scatter import Scatter

#: Rows after which an origin is fixed, and by which all representations move on together.
STEP = 512


def span_of(width: int) -> int:
    """Rows of a block of this width: a power of two from STEP on."""
    return 1 << (max(block_rows(width), STEP).bit_length() - 1)


class CentredRows:
    """The rows of one representation, about the mean of its first STEP, of which the last block is held.

    Blocks begin at multiples of their length, which the width alone decides, and lie in memory of their own: what is
    computed from them is the same to the last bit whatever else is computed beside it.
    """

    def __init__(self, width: int, eps: float, device: torch.device) -> None:
        """eps: machine epsilon of the rows as they were measured."""
        exact = {"dtype": torch.float64, "device": device}
        self.n, self.span, self.eps = 0, span_of(width), eps
        self._product = torch.zeros(width, width, **exact)
        self._origin: Tensor | None = None
        self.running = torch.zeros(width, **exact)
        self._block = _block(self.span, width, device)
        self._folded = self._settled = 0

    def put(self, x: Tensor) -> None:
        """The next rows, at most up to the next multiple of STEP."""
        at = self.n % self.span
        self._block[at : at + len(x)] = x
        self.n += len(x)
        if self.n % STEP == 0:
            self._settle()

    def _settle(self) -> None:
        """Take the origin off the rows since the last step."""
        x = self.last(self.n - self._settled)
        if self._origin is None:
            self._origin = x[0] + (x - x[0]).mean(0)  # a constant column gives exactly its value
        x -= self._origin
        self._settled = self.n
        if self.n - self._folded == self.span:
            self._fold()

    def last(self, count: int) -> Tensor:
        """The last `count` rows, centred on the origin; at most those since a block began."""
        end = (self.n - 1) % self.span + 1
        return self._block[end - count : end]

    def _fold(self) -> None:
        x, product = self.last(self.n - self._folded), self._product
        self.running += x.sum(0)
        add_square(product, x)
        self._folded = self.n

    def finish(self) -> None:
        """All rows are in."""
        if self._settled < self.n:
            self._settle()
        if self._folded < self.n:
            self._fold()

    def forget(self) -> None:
        """Hold no rows any more."""
        self._block = self._block[:0].clone()

    def scatter(self) -> Scatter:
        """The Scatter of all rows; the sums are no longer those of a stream afterwards."""
        product = self._product
        product.addr_(self.running, self.running, alpha=-1 / self.n)
        product.copy_(mirrored(product))
        return Scatter(self.n, self._origin + self.running / self.n, product, self.eps)

    def again(self, rows: Tensor, step: int) -> Iterable[Tensor]:
        """All rows once more, from where they are kept, centred on the origin, in blocks of `step`."""
        block = _block(step, rows.shape[1], rows.device)
        for part in rows.split(step):
            block[: len(part)] = part
            yield block[: len(part)].sub_(self._origin)


class Cross:
    """`sum_i (a_i - mean_a)(b_i - mean_b)^T` (p, q) of two representations that move on together."""

    def __init__(self, a: CentredRows, b: CentredRows) -> None:
        self._a, self._b, self._step, self._folded = a, b, min(a.span, b.span), 0
        self._sum = torch.zeros(len(a.running), len(b.running), dtype=torch.float64, device=a.running.device)

    def follow(self, last: bool = False) -> None:
        """Multiply the rows that came, where a block of both is full or they are the last."""
        count = self._a.n - self._folded
        if count and (last or count == self._step):
            self._sum.addmm_(self._a.last(count).mT, self._b.last(count))
            self._folded += count

    def again(self, a: Tensor, b: Tensor) -> None:
        """Multiply all rows of a and b, from where they are kept."""
        for x, y in zip(self._a.again(a, self._step), self._b.again(b, self._step), strict=True):
            self._sum.addmm_(x.mT, y)

    def matrix(self) -> Tensor:
        """The comoments of all rows; once."""
        return self._sum.addr_(self._a.running, self._b.running, alpha=-1 / self._a.n)


def _block(rows: int, width: int, device: torch.device) -> Tensor:
    # Rows a power of two apart share cache lines and halve the speed of the products: 8 numbers of padding.
    return torch.empty(rows, width + 8, dtype=torch.float64, device=device)[:, :width]
