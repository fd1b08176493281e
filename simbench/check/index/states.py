"""Checks of an index with states: `prepare` computes a state from one side, `compare` a value from two states."""

from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass

from torch import Tensor

from simbench.check import data
from simbench.check.index.claims import at_identity, most_similar
from simbench.check.index.value import values, within
from simbench.check.outcome import Skip, require
from simbench.check.side_effects import Snapshot, same_bits
from simbench.check.tolerances import EXACT, HOLDS, gap
from simbench.contracts import Index
from simbench.isolation.states import tensors_of


def state(index: Index) -> str:
    """`prepare` returns tensors that share no memory with the rows: they do not change when the rows change."""
    rows = data.related(6, 6, seed=15).a.clone()
    parts = tensors_of(index, index.prepare(rows))
    require(bool(parts), "prepare returns a state without tensors")
    before = [x.detach().clone() for x in parts]
    rows.neg_().add_(1)
    require(
        all(map(same_bits, parts, before)),
        "the state changes when its rows change: it holds a view of them; clone what it keeps",
    )
    size = sum(x.nbytes for x in parts)
    return f"prepare returns {len(parts)} tensor{'s' if len(parts) > 1 else ''} of {size} bytes for {len(rows)} rows"


def one_side(index: Index) -> str:
    """A state depends on the rows of one side only, not on earlier calls of `prepare` or their order."""
    pairs = [*data.regular(), data.related(6, 6, seed=16)]
    first, second = _anew(index), _anew(index)
    for pair in pairs:
        forwards = [tensors_of(index, first.prepare(x.clone())) for x in (pair.a, pair.b, pair.a)]
        backwards = [tensors_of(index, second.prepare(x.clone())) for x in (pair.b, pair.a)][::-1]
        for name, x, y in zip("aba", forwards, [*backwards, backwards[0]], strict=True):
            require(
                len(x) == len(y) and all(map(same_bits, x, y)),
                f"the state of {name} depends on what was prepared before it ({pair.name}); it must follow from the "
                "rows of one side alone",
            )
    return f"states of {len(pairs)} pairs have the same bits in either order of preparation, and again"


def compare(index: Index) -> str:
    """`compare` gives the value of the index, the identity value for equal states, and the inner product if `inner`."""
    largest = 0.0
    for pair, number in values(index, data.regular()):
        left, right = index.prepare(pair.a.clone()), index.prepare(pair.b.clone())
        other = float(index.compare(left, right))
        require(
            gap(number, other) <= (EXACT if index.needs == "samples" else HOLDS),
            f"compare gives {other:.9g}, and the index {number:.9g} ({pair.name})",
        )
        largest = max(largest, gap(number, other))
        if index.inner:
            _inner(index, left, right, other, pair.name)
    return f"compare differs from the value by at most {largest:.2g}; {_of_itself(index)}"


def _inner(index: Index, left: Tensor, right: Tensor, number: float, name: str) -> None:
    vectors = all(isinstance(x, Tensor) and x.ndim == 1 and x.is_floating_point() for x in (left, right))
    require(vectors, "inner is True, but the state is no vector (d,) of floats")
    require(len(left) == len(right), f"inner is True, but two states have {len(left)} and {len(right)} numbers")
    low, high = index.claims.range
    product = min(max(float(left.double() @ right.double()), low), high)
    require(
        gap(product, number) <= HOLDS,
        f"inner is True, but the inner product of the states is {product:.9g}, and compare gives {number:.9g} ({name})",
    )


def _of_itself(index: Index) -> str:
    pair = data.identical()
    mine = index.prepare(pair.a.clone())
    numbers = [float(index.compare(mine, other)) for other in (mine, index.prepare(pair.b.clone()))]
    require(
        gap(*numbers) <= at_identity(index),
        f"a state gives {numbers[0]:.9g} with itself, {numbers[1]:.9g} with its equal",
    )
    within(index, numbers[0], pair)
    try:
        extreme = most_similar(index)
    except Skip:
        return f"{numbers[0]:.9g} for a state and itself"
    if not index.claims.reflexive:
        return f"{numbers[0]:.9g} for a state and itself"
    require(
        gap(numbers[0], extreme) <= at_identity(index),
        f"a state gives {numbers[0]:.9g} with itself; the range claims {extreme:g}",
    )
    return f"{numbers[0]:.9g} for a state and itself, the end of the range"


def states_untouched(index: Index) -> str:
    """`compare` changes no bit of the states, so that they can be compared again."""
    pair = data.related(6, 6, seed=17)
    states = [index.prepare(x.clone()) for x in (pair.a, pair.b)]
    snapshot = Snapshot(x for each in states for x in tensors_of(index, each))
    numbers = []
    for _ in range(2):
        numbers.append(float(index.compare(*states)))
        require(snapshot.unchanged, "compare changes the states that it is given; work on copies")
    require(numbers[0] == numbers[1], f"compare gives {numbers[0]!r}, then {numbers[1]!r} for the same states")
    return f"states are the same after they were compared, {numbers[0]!r} both times"


def _anew(index: Index) -> Index:
    """A new index with the same parameters."""
    try:
        given = {f.name: getattr(index, f.name) for f in fields(index)} if is_dataclass(index) else {}
        return type(index)(**given)
    except TypeError:
        return copy.deepcopy(index)
