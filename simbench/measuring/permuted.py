"""Values of an index for inputs of b in random orders, which destroy the correspondence between the inputs of a and b.

Whole inputs are permuted. In view spatial, the pixels of an input stay together and keep their positions: pixels of one
image are similar to each other, and permuting single pixels would make any value look significant.

Permutations leave the representations themselves unchanged, so their moments, ranks and bases are computed once. For an
index of moments, only the comoments of a with b are computed for each order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from simbench.contracts import Index
from simbench.contracts.null import Null
from simbench.errors import InputError
from simbench.isolation.answers import number
from simbench.isolation.loans import lend
from simbench.moments.pair import Moments
from simbench.system.surroundings import abroad

#: Smallest number of inputs that can be permuted.
FEWEST = 4
#: Maximum size in bytes of the comoments that are in memory together.
HELD = 2**27
#: Number of rows in one matrix product.
_ROWS = 2**14


def orders(inputs: int, permutations: int, seed: int) -> Tensor:
    """(permutations, inputs) random orders. They depend on the three arguments only, so every index and every pair gets
    the same. Raises InputError for fewer than one permutation or fewer than FEWEST inputs."""
    if permutations != int(permutations) or permutations < 1:
        raise InputError(f"permutations is {permutations}; a whole number from 1 is allowed")
    if inputs < FEWEST:
        raise InputError(f"there are {inputs} inputs to permute; at least {FEWEST} are needed")
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randperm(inputs, generator=generator) for _ in range(int(permutations))])


def of_rows(order: Tensor, rows: int) -> Tensor:
    """(rows,) order of the rows that follows from an order of the inputs. Every input has the same number of
    consecutive rows.

    >>> of_rows(torch.tensor([1, 0]), 4).tolist()
    [2, 3, 0, 1]
    """
    each = rows // len(order)
    return (order[:, None] * each + torch.arange(each)).flatten()


def null(index: Index, value: float, answers: Iterable[Any]) -> Null:
    """The value of an index together with its values for inputs in random orders. Raises ArithmeticError if an answer
    is not a finite number in the claimed range."""
    with abroad():
        claims = index.claims
    best = claims.range[1 if claims.direction > 0 else 0]
    return Null(value, tuple(number(index, answer, claims) for answer in answers), claims.direction, float(best))


def size(m: Moments, orders: Tensor) -> int:
    """Size in bytes of the comoments of a with b in all orders."""
    return 8 * len(orders) * m.a.width * m.b.width


def moments(m: Moments, x: Tensor, y: Tensor, orders: Tensor) -> Iterator[Moments]:
    """The moments m of rows x (n, p) and y (n, q), with b in each order (permutations, inputs)."""
    for some in orders.split(max(1, HELD // size(m, orders[:1]))):
        yield from (Moments(m.a, m.b, ab) for ab in _comoments(m, x, y, some))


def _comoments(m: Moments, x: Tensor, y: Tensor, orders: Tensor) -> Tensor:
    """(permutations, p, q) comoments of a with b in each order. Centring a is sufficient."""
    inputs = orders.shape[1]
    x, y = (rows.reshape(inputs, -1, rows.shape[1]) for rows in (x, y))
    total = torch.zeros(len(orders), m.a.width, m.b.width, dtype=torch.float64, device=x.device)
    step = max(1, _ROWS // x.shape[1])
    for at in range(0, inputs, step):
        left = (x[at : at + step].to(torch.float64) - m.mean_a).flatten(0, 1).mT
        for product, order in zip(total, orders[:, at : at + step].to(x.device), strict=True):
            product.addmm_(left, y[order].flatten(0, 1).to(torch.float64))
    return total


def of_exact(index: Index, m: Moments, orders: Iterable[Tensor]) -> Iterator[Any]:
    """Answers of an index of moments, with b in each order. m stores its rows."""
    lend(index, index.from_moments, m, own=True)  # computes the bases, which all orders share
    for order in orders:
        yield lend(index, index.from_moments, Moments.between(m.a, m.b.reordered(of_rows(order, m.n))), own=True)


def of_samples(index: Index, a: Tensor, b: Callable[[Tensor], Tensor], orders: Iterable[Tensor]) -> Iterator[Any]:
    """Answers of an index of samples for rows a (n, p) and rows b(order) (n, q) for each order. The state of a is
    prepared once."""
    if not index.prepares:
        yield from (lend(index, index.from_samples, a, b(order)) for order in orders)
        return
    state = lend(index, index.prepare, a)
    for order in orders:
        yield lend(index, index.compare, state, lend(index, index.prepare, b(order)))
