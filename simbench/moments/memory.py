"""Memory: what LayerMoments take, before they are taken."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from simbench.moments.comoments import ROWS


def taken(
    a: Mapping[Hashable, int],
    b: Mapping[Hashable, int],
    bytes: Mapping[Hashable, int],
    batch: int,
    expected: int | None,
    room: int,
) -> tuple[int, int]:
    """Bytes that LayerMoments of all pairs of a with b take at most, including the values of their indices, and the
    `limit` to give them.

    a, b: widths of the representations. bytes: size of one row of each, as it is given. batch: rows in a batch.
    expected: the most rows in all, where that is known; all of them are kept where products would take more than
    `room` bytes and the rows take less.
    """
    widths = {**a, **b}
    most, single = max(widths.values()), len(a) == len(b) == 1
    own, common = sum(p * p for p in widths.values()), [p for key, p in a.items() if key in b]
    # Of two that are on both sides one product is the transpose of the other, and of one with itself there is its own.
    both = sum(a.values()) * sum(b.values()) - (sum(common) ** 2 + sum(p * p for p in common)) // 2
    row, widest = sum(bytes.values()), max(a.values()) * max(b.values())

    def of_rows(n: int) -> int:
        """Where n rows are kept: the rows, the products of the narrower ones, and one decomposition."""
        narrow = sum(5 * p * p for p in widths.values() if p < n)
        return row * (n + batch) + max(bytes.values()) * n + 8 * (narrow + 9 * min(n, most) ** 2 + 4 * n * most)

    # A decomposition of the widest takes some copies of it; its bases stay for the next pair.
    values = 8 * (9 * most * most + 2 * widest) + (0 if single else 8 * 4 * own)
    stream = row * (most + 2 * batch) + 8 * ROWS * sum(p + 8 for p in widths.values())
    products = 8 * (own + both) + max(stream, values)
    if expected is None or expected - batch < most:
        products = max(products, of_rows(most))
    if products > room and expected is not None and of_rows(expected) < products:
        spans = 8 * sum(8 * (p + min(expected, p)) * min(expected, p) for p in widths.values())
        return of_rows(expected) + min(spans, max(room - of_rows(expected), 0)), expected
    return products, 0
