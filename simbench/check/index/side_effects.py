"""Checks that an index has no side effects: it does not change its input, and repeated calls give the same value."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from simbench.check import data
from simbench.check.data import Pair
from simbench.check.outcome import require
from simbench.check.side_effects import Snapshot, parts, still_generator, untouched
from simbench.contracts import Index
from simbench.moments.pair import Moments


def inputs_untouched(index: Index) -> str:
    """A call changes no bit of the rows, or of the moments with their cached properties.

    A change is detected however it is made: in place, through numpy, or by setting attributes.
    """
    pair = data.related(6, 6, seed=11)
    arguments = _arguments(index, pair)
    if index.needs == "moments":
        arguments["degenerate"] = arguments["from_moments"]
    if index.minibatches is not None:
        arguments["of_batch"] = (pair.a[: index.minibatches],)
    for name, given in arguments.items():
        untouched(index, name, *given)
    for name, snapshot, call in _calls(index, pair):
        call()
        require(snapshot.unchanged, f"{name} modifies its input")
    return f"the input is the same after {', '.join(arguments)}"


def deterministic(index: Index) -> str:
    """Two calls with the same input, and one with a copy of it, give the same bits.

    The call neither uses nor seeds torch's global generator. The check also fails if the first call modifies its input.
    """
    pair = data.related(6, 6, seed=12)
    for (name, snapshot, call), (*_, again) in zip(_calls(index, pair), _calls(index, pair), strict=True):
        with still_generator(name):
            first, second, third = float(call()), float(call()), float(again())
        require(first == second, f"{name} gives {first!r}, then {second!r}")
        require(first == third, f"{name} gives {first!r}, and {third!r} for a copy of the same input")
        require(snapshot.unchanged, f"{name} modifies its input, so that a second call computes from other numbers")
    return f"two calls give {first!r}"


def _arguments(index: Index, pair: Pair) -> dict[str, tuple]:
    """Method by which the index can be computed -> its arguments."""
    by_moments, by_samples = {"from_moments": (Moments.of(pair.a, pair.b),)}, {"from_samples": (pair.a, pair.b)}
    if index.prepares:
        by_samples = {"prepare": (pair.a,)} | by_samples
    if index.needs != "moments":
        return by_samples
    return by_moments | (by_samples if index.takes_samples else {})


def _calls(index: Index, pair: Pair) -> list[tuple[str, Snapshot, Callable[[], Tensor]]]:
    """(method, snapshot of its arguments, the call) for every method by which the index can be computed."""
    a, b, m = pair.a.clone(), pair.b.clone(), Moments.of(pair.a, pair.b)
    by_moments = ("from_moments", Snapshot(parts(m)), lambda: index.from_moments(m))
    by_samples = ("from_samples", Snapshot([a, b]), lambda: index.from_samples(a, b))
    if index.needs == "samples":
        return [by_samples]
    return [by_moments, by_samples] if index.takes_samples else [by_moments]
