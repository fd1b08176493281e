"""Checks of what an index claims: its `Claims` and its known answers."""

from __future__ import annotations

import math

import torch

from simbench.check import data
from simbench.check.data import Pair
from simbench.check.index.equidistant import equidistant
from simbench.check.index.value import compute, value, values, within
from simbench.check.outcome import Skip, require
from simbench.check.tolerances import AT_IDENTITY, EXACT, HOLDS, VISIBLE, gap
from simbench.contracts import Index
from simbench.errors import Inapplicable


def range_(index: Index) -> str:
    """Every value lies in the claimed range."""
    pairs = [*data.regular(), data.independent(1), data.identical(), data.opposite(), data.collinear()]
    numbers = []
    for pair, number in values(index, pairs):
        within(index, number, pair)
        numbers.append(number)
    return f"values {min(numbers):.3g} to {max(numbers):.3g} lie in {list(index.claims.range)} on {len(numbers)} pairs"


def direction(index: Index) -> str:
    """A noisy copy is more similar than independent rows and, if the index is reflexive, not more similar than
    identical rows.

    If the index ignores the correspondence of rows, identical rows must be at least as similar as noisy copies and
    independent rows, and visibly more similar than some of these.
    """
    if index.control:
        raise Skip("a control")
    sign, claims = index.claims.direction, index.claims
    if "rows" in claims.invariances_a | claims.invariances_b:
        return _direction_unpaired(index, sign)
    for seed in range(data.DRAWS):
        same, near, far = (
            value(index, pair) for pair in (data.identical(seed), data.noisy(seed), data.independent(seed))
        )
        numbers = f"identical {same:.4g}, noisy copy {near:.4g}, independent {far:.4g}, draw {seed}"
        require(
            sign * (near - far) > 0,
            f"direction {sign:+d} is claimed (+1 a similarity, -1 a distance), but a "
            f"noisy copy is not more similar than independent rows: {numbers}",
        )
        require(
            not claims.reflexive or sign * (same - near) >= -EXACT,
            f"direction {sign:+d}, but identical rows are less similar than a noisy copy: {numbers}",
        )
    return f"direction {sign:+d} orders {numbers} and {data.DRAWS - 1} more"


def _direction_unpaired(index: Index, sign: int) -> str:
    largest = 0.0
    for seed in range(data.DRAWS):
        same, near, far = (
            value(index, pair) for pair in (data.identical(seed), data.noisy(seed), data.independent(seed))
        )
        numbers = f"identical {same:.4g}, noisy copy {near:.4g}, independent {far:.4g}, draw {seed}"
        require(
            min(sign * (same - near), sign * (same - far)) >= -EXACT,
            f"direction {sign:+d}, but identical rows are less similar than others: {numbers}",
        )
        largest = max(largest, sign * (same - near), sign * (same - far))
    require(
        largest > VISIBLE,
        f"direction {sign:+d}, but identical rows are not more similar than noisy copies and independent rows, by more "
        f"than {largest:.2g} in {data.DRAWS} draws",
    )
    return f"direction {sign:+d} of an index that does not see which rows belong together: {numbers}"


def identity(index: Index) -> str:
    """s(A, A) is the most similar end of the range if the index claims to be reflexive, and visibly differs from it
    otherwise.

    This also holds for rows with equal pairwise distances, unless the index refuses such rows.
    """
    extreme, number = most_similar(index), value(index, data.identical())
    if not index.claims.reflexive:
        require(
            gap(number, extreme) > VISIBLE,
            f"claims reflexive=False, but s(a, a) = {number:.9g} is the end of the range: claim reflexive=True",
        )
        return f"s(a, a) = {number:.9g} is not {extreme:g}, the end of the range, and is not claimed to be"
    allowed = at_identity(index)
    require(gap(number, extreme) <= allowed, f"s(a, a) = {number:.9g}; the range claims {extreme:g}")
    return (
        f"s(a, a) = {number:.9g}, the end of the range, and {equidistant(index, number, allowed)} where all rows are "
        "equally far apart"
    )


def most_similar(index: Index) -> float:
    """The most similar end of the range. Raises Skip if there is none."""
    if index.control:
        raise Skip("a control")
    extreme = index.claims.range[1 if index.claims.direction > 0 else 0]
    if math.isinf(extreme):
        open_ = f"the range {index.claims.range} is open where it means most similar"
        require(not index.claims.reflexive, f"{open_}, so that s(a, a) cannot be its end: claim reflexive=False")
        raise Skip(open_)
    return extreme


def at_identity(index: Index) -> float:
    """Allowed difference between s(A, A) and the end of the range. It is relative to the value of independent rows,
    because a distance may have the unit of the rows."""
    try:
        return AT_IDENTITY * max(1.0, abs(value(index, data.independent(4))))
    except Inapplicable:
        return AT_IDENTITY


def symmetry(index: Index) -> str:
    """s(A, B) = s(B, A) if symmetry is claimed; otherwise the two values visibly differ."""
    numbers = values(index, [*data.regular(), data.noisy(0), data.independent(0)])
    largest = max(gap(number, value(index, pair.swap())) for pair, number in numbers)
    measured = f"|s(a, b) - s(b, a)| is at most {largest:.2g} on {len(numbers)} pairs"
    if index.claims.symmetric:
        require(largest <= EXACT, f"claims symmetry, but {measured}")
    elif not index.control:
        require(largest > VISIBLE, f"claims no symmetry, but {measured}: claim symmetric=True")
    return measured + ("" if index.claims.symmetric else ", and no symmetry is claimed")


def invariance(index: Index, side: str, group: str) -> str:
    """Transformations of one side leave the value unchanged if invariance is claimed; otherwise some change it."""
    claimed = group in (index.claims.invariances_a if side == "a" else index.claims.invariances_b)
    largest, where = -1.0, ""
    for pair, before in values(index, data.regular()):
        width = getattr(pair, side).shape[1]
        for draw in range(data.DRAWS):
            after = value(index, pair.moved(side, data.transformation(group, width, draw)))
            if not gap(before, after) <= largest:
                largest, where = gap(before, after), f"{before:.6g} to {after:.6g}, {pair.name}"
    measured = f"{group} maps of {side} change the value by at most {largest:.2g} ({where})"
    if claimed:
        require(largest <= HOLDS, f"claims invariance, but {measured}")
    elif not index.control:
        require(largest > VISIBLE, f"claims no invariance, but {measured}: claim {group} in invariances_{side}")
    return measured + ("" if claimed else ", and no invariance is claimed")


def gradient(index: Index) -> str:
    """Gradients with respect to the rows are finite. They are not identically zero, except perhaps at A = B."""
    if not index.claims.differentiable:
        raise Skip("not claimed differentiable")
    for pair, _ in values(index, data.regular()):
        size = _slope(index, pair)
        require(size > HOLDS, f"gradients are zero ({pair.name})")
    _slope(index, data.identical())
    return f"gradients are finite, also at a = b, and not zero (relative size {size:.2g})"


def _slope(index: Index, pair: Pair) -> float:
    """The smaller of |gradient| |rows| over both sides; Violation when detached or not finite."""
    sides = [pair.a.clone().requires_grad_(), pair.b.clone().requires_grad_()]
    with torch.enable_grad():
        result = compute(index, *(side.clone() for side in sides))
    require(result.requires_grad, f"the value is detached from the rows ({pair.name})")
    sizes = []
    for side, rows, slope in zip("ab", sides, torch.autograd.grad(result, sides, allow_unused=True), strict=True):
        require(slope is not None, f"the value is detached from {side} ({pair.name})")
        require(bool(slope.isfinite().all()), f"the gradient with respect to {side} is not finite ({pair.name})")
        sizes.append(float(slope.norm() * rows.detach().norm()))
    return min(sizes)


def known_answers(index: Index) -> str:
    """The index reproduces its own known answers."""
    answers = index.known_answers()
    if not answers:
        raise Skip("none given; implement known_answers() with a case whose value follows by hand")
    for answer in answers:
        sides = (torch.as_tensor(x, dtype=None if torch.is_tensor(x) else torch.float64) for x in (answer.a, answer.b))
        pair = Pair(answer.why, *sides)
        error = abs(value(index, pair) - answer.value)
        require(error <= answer.tolerance, f"off by {error:.3g} from the known {answer.value:.9g}: {answer.why}")
    return f"{len(answers)} of {len(answers)} come out: {'; '.join(answer.why for answer in answers)}"
