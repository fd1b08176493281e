"""Indices of moments that take rows, too: where there are more neurons than rows, and rotations change the value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import Inapplicable, Index, Undefined

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Moments

#: Most pairs of neurons that are compared one by one: 134 MB of numbers, and an assignment of seconds.
MOST_PAIRS = 2**24
_EPS = 2.0**-52


class OfHeldRows(Index):
    """An index that implements `from_moments`, with moments that hold the rows as its states."""

    #: Whether the index looks at rows about their mean.
    centred = True

    def prepare(self, rows: Tensor) -> dict[str, Tensor]:
        """`rows`: (n, p) about their mean. `mean`: (p,)."""
        import torch

        from simbench.moments import Scatter

        eps = torch.finfo(rows.dtype).eps if rows.dtype.is_floating_point else _EPS
        side = Scatter.of(rows.to(torch.float64), keep_rows=True, eps=eps)
        if (side if self.centred else side.uncentred()).constant:
            raise Undefined("is constant: no feature varies")
        if self.centred and side.rounding:
            raise Undefined("varies by no more than the rounding of its numbers")
        return {"rows": side.rows, "mean": side.mean}

    def compare(self, a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
        from simbench.moments import Moments, Scatter

        sides = [Scatter(len(x["rows"]), x["mean"], None, _EPS, rows=x["rows"]) for x in (a, b)]
        return self.from_moments(Moments.between(*sides))


def few_enough(m: Moments) -> Moments:
    """These moments. Raises Inapplicable for more pairs of neurons than are compared one by one."""
    p, q = m.a.width, m.b.width
    if p * q > MOST_PAIRS:
        raise Inapplicable(
            f"{p} neurons are compared with {q} one by one; at most {MOST_PAIRS} pairs are allowed: take view spatial "
            "or pooled"
        )
    return m
