"""Products x^T y of blocks of rows for many pairs of representations, in pieces that threads share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from simbench.moments.threads import Share

#: Rows of a piece of a product.
PANEL = 256
#: Width from which a product with itself is computed in two pieces, without most of its lower half.
WIDE = 128
#: Multiplications from which a thread is worth its start.
_WORTH = 2**23


class Products:
    """Sums of products x^T y over blocks of rows.

    sums: (i, j) -> (p, q), added to in place, of representation i with j; of (i, i) at least the upper half.

    torch would share each product between its threads, which wait for each other longer than they multiply, or gain
    little. Here one thread computes a piece of a product, and each takes pieces of its own. The pieces depend on the
    widths alone, so the number of threads changes no digit.
    """

    def __init__(self, sums: Mapping[tuple[int, int], Tensor]) -> None:
        pieces = [piece for (i, j), total in sums.items() for piece in _pieces(i, j, total)]
        # The largest come first, so that threads end at about the same time.
        self._pieces = sorted(pieces, key=lambda piece: -piece[0].numel())
        self._size = sum(total.numel() for total, *_ in pieces)

    def threads(self, rows: int, most: int) -> int:
        """How many of at most `most` threads are worth their start for so many rows."""
        on_cpu = all(total.device.type == "cpu" for total, *_ in self._pieces[:1])
        return max(1, min(most, rows * self._size // _WORTH)) if on_cpu else 1

    def add(self, blocks: Sequence[Sequence[Tensor]], share: Share) -> None:
        """Add the products of blocks of rows, [(n, p), ...] of each representation, one block after the other."""

        def add(total: Tensor, i: int, left: slice, j: int, right: slice) -> None:
            for x, y in zip(blocks[i], blocks[j], strict=True):
                total.addmm_(x[:, left].mT, y[:, right])

        share(add, self._pieces)


def _pieces(i: int, j: int, total: Tensor) -> Iterator[tuple[Tensor, int, slice, int, slice]]:
    """Parts of a sum: the part, and the features of i and of j that it is of."""
    p, q = total.shape
    if i == j and p >= WIDE:
        parts = [(slice(0, p // 2), slice(0, p)), (slice(p // 2, p), slice(p // 2, p))]
    elif i == j:
        parts = [(slice(0, p), slice(0, p))]
    else:
        parts = [(slice(at, min(p, at + PANEL)), slice(0, q)) for at in range(0, p, PANEL)]
    for left, right in parts:
        yield total[left, right], i, left, j, right
