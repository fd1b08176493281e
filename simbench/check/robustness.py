"""Checks of what every index must do, whatever it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from simbench.check import data, extremes
from simbench.check.claims import EXACT, HOLDS, within
from simbench.check.contract import implements
from simbench.check.data import Pair
from simbench.check.handed import Handed, parts
from simbench.check.outcome import Skip, Violation, require
from simbench.check.roundings import roundings
from simbench.check.values import compute, gap, value, values
from simbench.contracts import Index, Plugin
from simbench.errors import Inapplicable, InputError, Spoilt
from simbench.isolation.handed import lend
from simbench.measuring.evaluate import evaluate
from simbench.measuring.value import compare
from simbench.moments.pair import Moments

#: Means of about 1000 standard deviations cost the digits above 1e-5 in float32 where rows are not centred first, and
#: those below 1e-7 where they are: 1e-6 tells the two apart on any processor.
FLOAT32, OFFSET = 1e-6, 1000.0


def widths(index: Index) -> str:
    """Representations of different widths have a value, whichever is wider."""
    found = values(index, data.regular()[1:])
    return "; ".join(f"{number:.4g} ({pair.name})" for pair, number in found)


def dead_features(index: Index) -> str:
    """Constant features give a finite value in range; where translation is claimed their level is irrelevant."""
    claims = index.claims
    free = ["translation" in claims.invariances_a, "translation" in claims.invariances_b]
    for level in (0.1, 1000.0):
        for pair, zero, moves in zip(data.dead(level), data.dead(0.0), (*free, all(free))):
            number = value(index, pair)
            within(index, number, pair)
            change = gap(number, value(index, zero)) if moves else 0.0
            require(
                change <= HOLDS,
                f"claims translation, but constants at {level:g} instead of 0 change the value "
                f"by {change:.2g} ({pair.name})",
            )
    return f"constants of 0.1 and 1000 in a, b and both give values in {list(claims.range)}"


def fewer_rows(index: Index) -> str:
    """Fewer rows than features give a value in range, the same by simbench.similarity, which takes another road
    there, or an InputError or Inapplicable: never NaN."""
    said = []
    for pair in data.few_rows():
        try:
            number = value(index, pair)
        except (InputError, Inapplicable) as refusal:
            said.append(f"refused: {refusal} ({pair.name})")
            continue
        within(index, number, pair)
        _agrees(index, number, pair)
        said.append(f"{number:.4g} ({pair.name})")
    return "; ".join(said)


def merge_order(index: Index) -> str:
    """Moments merged from batches in any order, or rounded otherwise, give the same value, on singular data as well."""
    if index.needs != "moments":
        raise Skip("computed from samples")
    largest = 0.0
    for pair, _ in values(index, [*data.regular(), data.noisy(0), data.duplicated()]):
        found = torch.tensor([float(index.from_moments(m)) for m in roundings(pair)], dtype=torch.float64)
        change = gap(found.amin(), found.amax())
        require(
            change <= EXACT,
            "batches merged in another order, or the last bits of the moments, change the value "
            f"by {change:.2g} ({pair.name})",
        )
        largest = max(largest, change)
    return f"other orders of the batches and other last bits change the value by at most {largest:.2g}"


def routes(index: Index) -> str:
    """from_moments and from_samples agree where both are there, and so do sums of of_batch."""
    if index.minibatches is not None:
        return extremes.sums(index)
    if index.needs != "moments" or not implements(index, "from_samples"):
        raise Skip(f"computed from {index.needs} only")
    largest = 0.0
    for pair, number in values(index, data.regular()):
        other = float(index.from_samples(pair.a.clone(), pair.b.clone()))
        require(gap(number, other) <= HOLDS, f"from_moments gives {number:.9g}, from_samples {other:.9g} ({pair.name})")
        largest = max(largest, gap(number, other))
    return f"from_moments and from_samples differ by at most {largest:.2g}"


def inputs_untouched(index: Index) -> str:
    """The rows, or the moments with all that is computed from them once, are the same after the call, bit for bit, by
    whatever road they are reached: in place, through numpy, or by attributes."""
    pair = data.related(6, 6, seed=11)
    roads = _roads(index, pair)
    if index.needs == "moments":
        roads["degenerate"] = roads["from_moments"]
    if index.minibatches is not None:
        roads["of_batch"] = (pair.a[: index.minibatches],)
    for name, given in roads.items():
        untouched(index, name, *given)
    for name, handed, call in _calls(index, pair):
        call()
        require(handed.untouched, f"{name} modifies its input")
    return f"the input is the same after {', '.join(roads)}"


def untouched(plugin: Plugin, name: str, *given: object) -> None:
    """Require that a method of a plugin leaves what it is given as it is."""
    try:
        lend(plugin, getattr(plugin, name), *given)
    except Spoilt as change:
        raise Violation(f"{name} modifies its input: {change}") from None


def _roads(index: Index, pair: Pair) -> dict[str, tuple]:
    """Every method that the index computes by, and what it is given."""
    by_moments, by_samples = {"from_moments": (Moments.of(pair.a, pair.b),)}, {"from_samples": (pair.a, pair.b)}
    if index.needs != "moments":
        return by_samples
    return by_moments | (by_samples if implements(index, "from_samples") else {})


def _calls(index: Index, pair: Pair) -> list[tuple[str, Handed, Callable[[], Tensor]]]:
    """(method, what it is handed, the call) of every method that the index computes by."""
    a, b, m = pair.a.clone(), pair.b.clone(), Moments.of(pair.a, pair.b)
    by_moments = ("from_moments", Handed(parts(m)), lambda: index.from_moments(m))
    by_samples = ("from_samples", Handed([a, b]), lambda: index.from_samples(a, b))
    if index.needs == "samples":
        return [by_samples]
    return [by_moments, by_samples] if implements(index, "from_samples") else [by_moments]


def deterministic(index: Index) -> str:
    """Two calls with the same input, and one with a copy of it, give the same bits, and torch's global generator is
    neither used nor seeded. An input that the first call has modified is another one."""
    pair = data.related(6, 6, seed=12)
    for (name, handed, call), (*_, anew) in zip(_calls(index, pair), _calls(index, pair), strict=True):
        with still_generator(name):
            first, second, third = float(call()), float(call()), float(anew())
        require(first == second, f"{name} gives {first!r}, then {second!r}")
        require(first == third, f"{name} gives {first!r}, and {third!r} for a copy of the same input")
        require(handed.untouched, f"{name} modifies its input, so that a second call computes from other numbers")
    return f"two calls give {first!r}"


@contextmanager
def still_generator(name: str) -> Iterator[None]:
    """Require that what runs inside leaves torch's global generator as it is; it is restored in any case."""
    with torch.random.fork_rng(devices=[]):
        torch.rand(())  # off the state that any seed leads to
        state = torch.get_rng_state()
        yield
        require(
            torch.equal(state, torch.get_rng_state()),
            f"{name} moves torch's global random generator; use one of its own",
        )


def float32(index: Index) -> str:
    """Rows in float32 far from zero give what the same numbers give in float64, and so do rows in half precision."""
    largest = 0.0
    for pair in data.regular():
        a, b = ((x + OFFSET).to(torch.float32) for x in (pair.a, pair.b))
        try:
            single, double = float(compute(index, a, b)), float(compute(index, a.double(), b.double()))
        except Inapplicable:
            continue
        require(
            gap(single, double) <= FLOAT32,
            f"float32 rows give {single:.9g}, the same in float64 {double:.9g} "
            f"({pair.name}, means at {OFFSET:g}): compute in float64",
        )
        largest = max(largest, gap(single, double))
    return (
        f"float32 rows differ from float64 by at most {largest:.2g}, rows in half precision by at most "
        f"{extremes.halves(index):.2g}"
    )


def similarity_agrees(index: Index) -> str:
    """simbench.similarity, which keeps the rows, gives the streamed value."""
    largest = max(_agrees(index, number, pair) for pair, number in values(index, [*data.regular(), data.identical()]))
    return f"simbench.similarity differs by at most {largest:.2g}"


def _agrees(index: Index, number: float, pair: Pair) -> float:
    """How far what simbench.similarity evaluates is from the streamed value; Violation when visibly. Of an index that
    changes what it is handed, and so has no value there, `inputs_untouched` speaks."""
    try:
        other = float(evaluate(index, pair.a.clone(), pair.b.clone())[0])
    except Spoilt:
        return 0.0
    require(
        gap(number, other) <= HOLDS,
        f"simbench.similarity gives {other:.9g}, the plugin itself {number:.9g} ({pair.name})",
    )
    return gap(number, other)


def bad_input(index: Index) -> str:
    """simbench.similarity rejects NaN, infinity and different numbers of rows with an InputError."""
    pair = data.related(6, 6, seed=13)
    broken = {
        "NaN in a": (_with(pair.a, float("nan")), pair.b),
        "infinity in b": (pair.a, _with(pair.b, float("inf"))),
        "one row more in a": (pair.a, pair.b[:-1]),
    }
    for name, (a, b) in broken.items():
        try:
            number = compare(index, a, b, "spatial")
        except InputError:
            continue
        raise Violation(f"{name} is accepted and gives {number}")
    return f"{', '.join(broken)} are rejected"


def _with(x: Tensor, number: float) -> Tensor:
    """A copy of x with one entry replaced."""
    x = x.clone()
    x[3, 2] = number
    return x
