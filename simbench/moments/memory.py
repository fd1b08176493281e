"""Memory: an upper bound of the memory of LayerMoments, known before it is allocated."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from simbench.moments.comoments import held


def bases(widths: Iterable[int]) -> int:
    """Bytes of the decompositions of representations, which are kept for the next pair or index."""
    return 8 * 4 * sum(p * p for p in widths)


def taken(
    a: Mapping[Hashable, int],
    b: Mapping[Hashable, int],
    bytes: Mapping[Hashable, int],
    batch: int,
    expected: int | None,
    room: int,
) -> tuple[int, int]:
    """An upper bound in bytes of the memory of LayerMoments of all pairs of a with b, including the computation of
    indices, and the `limit` to pass to them.

    a, b: widths of the representations. bytes: size of one row of each, as it is given. batch: rows in a batch.
    expected: the largest total number of rows, if known; all rows are stored where products would take more than
    `room` bytes and the rows take less.
    """
    widths = {**a, **b}
    most, single = max(widths.values()), len(a) == len(b) == 1
    own, common = sum(p * p for p in widths.values()), [p for key, p in a.items() if key in b]
    # Representations on both sides share products: (j, i) is the transpose of (i, j), and (i, i) is its own scatter.
    both = sum(a.values()) * sum(b.values()) - (sum(common) ** 2 + sum(p * p for p in common)) // 2
    row, widest = sum(bytes.values()), max(a.values()) * max(b.values())

    def of_rows(n: int) -> int:
        """Bytes where n rows are stored: the rows, the products of the narrower ones, and one decomposition."""
        narrow = sum(5 * p * p for p in widths.values() if p < n)
        return row * (n + batch) + max(bytes.values()) * n + 8 * (narrow + 9 * min(n, most) ** 2 + 4 * n * most)

    # A decomposition of the widest representation takes several copies; its bases are kept for the next pair.
    values = 8 * (9 * most * most + 2 * widest) + (0 if single else bases(widths.values()))
    stream = row * (most + 2 * batch) + 8 * held([*widths.values()], batch) * sum(p + 8 for p in widths.values())
    products = 8 * (own + both) + max(stream, values)
    if expected is None or expected - batch < most:
        products = max(products, of_rows(most))
    if products > room and expected is not None and of_rows(expected) < products:
        spans = 8 * sum(8 * (p + min(expected, p)) * min(expected, p) for p in widths.values())
        return of_rows(expected) + min(spans, max(room - of_rows(expected), 0)), expected
    return products, 0
