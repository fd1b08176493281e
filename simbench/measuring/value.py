"""The value of an index on a pair of representations, by one policy for arrays, layers and cases.

| condition | status | value |
|---|---|---|
| a number in the claimed range | ok | the number |
| a number, and `Index.degenerate` gives a reason | degenerate | the number |
| a side has fewer than 4 rows | degenerate | none |
| a side is constant | degenerate | none |
| a side varies by no more than the rounding of its numbers | degenerate | none |
| the index raises Undefined | degenerate | none |
| the index raises Inapplicable | skipped | none |
| a side holds NaN or infinite activations | failed | none |
| the index returns NaN, infinity, a number outside its claimed range, or no real number | failed | none |
| the index changed its arguments (Spoilt) | failed | none |

Every status except ok has a note with the reason. Sides are examined in order, a before b, and before the index is
called. Any other exception of an index propagates. Three functions present the result:

- `simbench.similarity` (arrays) returns the number. It warns with DegenerateWarning if the number is degenerate, and
  raises InputError if there is none.
- `simbench.similarities` (layers) returns a row. It raises InputError for NaN or infinite activations.
- `Bench.similarity` (cases) returns a row. For `failed` it raises, and `measure` records the row with the traceback.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench.contracts import Claims, Index
from simbench.errors import DegenerateWarning, Inapplicable, InputError, Spoilt, Undefined
from simbench.isolation.answers import number, problem_of
from simbench.isolation.loans import lend
from simbench.measuring.evaluate import evaluate
from simbench.moments.containers import paired_rows

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments.scatter import Scatter

#: Fewest rows for which every index is defined (the debiased HSIC divides by n - 3).
MIN_ROWS = 4
#: What to do with an index of cases.
MEASURED = "`simbench run --indices` measures it"


@dataclass(frozen=True)
class Value:
    """Value of an index on a pair: a number, or None. status: ok, degenerate, skipped or failed; each except ok has a
    note. error: the exception behind `failed`."""

    value: float | None
    status: str = "ok"
    note: str = ""
    error: Exception | None = None


@dataclass(frozen=True)
class Side:
    """Properties of one side that the policy depends on. name: of the side in notes, such as "a" or "'conv' of b".
    over: where it is constant, such as " over the test images". rows: their number, None if it is checked elsewhere."""

    name: str
    constant: bool
    rounding: bool
    finite: bool = True
    over: str = ""
    rows: int | None = None

    @classmethod
    def of_rows(cls, name: str, x: Tensor, over: str = "") -> Side:
        """Of rows x (n, p)."""
        import torch

        from simbench.moments.coordinates import rounding_only

        if not bool(torch.isfinite(x).all()):
            return cls(name, False, False, False, over, len(x))
        constant = bool((x == x[:1]).all())
        return cls(name, constant, not constant and rounding_only(x), True, over, len(x))

    @classmethod
    def of_scatter(cls, name: str, x: Scatter, over: str = "") -> Side:
        """Of finite moments."""
        return cls(name, x.constant, x.rounding, True, over, x.n)

    def problem(self) -> Value | None:
        """The Value of every pair with this side if no index is defined on it, else None."""
        if not self.finite:
            return failed(ArithmeticError(not_finite(self.name)))
        if self.rows is not None and self.rows < MIN_ROWS:
            return Value(None, "degenerate", f"{self.name} has {self.rows} rows; at least {MIN_ROWS} are needed")
        if self.constant:
            return Value(None, "degenerate", f"{self.name} is constant{self.over}: undefined")
        if self.rounding:
            variation = "varies by no more than the rounding of its numbers"
            return Value(None, "degenerate", f"{self.name} {variation}{self.over}: undefined")
        return None


def not_finite(name: str) -> str:
    """The note for a side with NaN or infinite activations."""
    return f"{name} holds NaN or infinite activations"


def unpaired(a: tuple[str, tuple[int, ...]], b: tuple[str, tuple[int, ...]]) -> str:
    """The note for two sides, each a name and its (height, width), whose rows do not pair in view spatial.

    >>> unpaired(("a", (8, 8)), ("b", (4, 4)))
    "a is 8 x 8 and b is 4 x 4: their rows do not pair in view spatial; view 'pooled' pairs them"
    """
    sizes = [f"{name} is {' x '.join(map(str, size)) or 'a vector'}" for name, size in (a, b)]
    return f"{' and '.join(sizes)}: their rows do not pair in view spatial; view 'pooled' pairs them"


def failed(error: Exception) -> Value:
    """No value, because of an error."""
    return Value(None, "failed", str(error), error)


def value(index: Index, sides: Iterable[Side], answer: Callable[[], tuple[Any, str, Claims | None]]) -> Value:
    """Value, status and note of an index on a pair, by the table above.

    sides: a and b, examined one after the other. answer: calls the index; it returns what the index returned, the
    reason why that is degenerate, or "", and the claims of the index if they are known.
    """
    for side in sides:
        problem = side.problem()
        if problem is not None:
            return problem
    try:
        returned, reason, claims = answer()
    except Inapplicable as error:
        return Value(None, "skipped", str(error))
    except Undefined as error:
        return Value(None, "degenerate", str(error))
    except Spoilt as error:
        return failed(error)
    problem = problem_of(index, returned, claims)
    if problem:
        return failed(ArithmeticError(problem))
    return Value(number(index, returned, claims), "degenerate" if reason else "ok", reason)


def of_rows(index: Index, a: Tensor, b: Tensor, names: tuple[str, str] = ("a", "b")) -> Value:
    """Value of an index on rows a (n, p), b (n, q) of any real dtype; see `evaluate`."""

    def answer() -> tuple[Any, str, None]:
        returned, m = evaluate(index, a, b)
        return returned, (lend(index, index.degenerate, m, own=True) or "" if m is not None else ""), None

    return value(index, (Side.of_rows(name, x) for name, x in zip(names, (a, b), strict=True)), answer)


def compare(index: Index, a, b, view: str, layout: str | tuple[str | None, str | None] | None = None) -> float:
    """Value of an index on arrays or tensors, which are checked first; see `simbench.similarity`."""
    if index.needs == "case":
        raise InputError(f"{index.spec} is computed from networks and layers, not from rows; {MEASURED}")
    return checked(index, *paired_rows(a, b, view, layout), stacklevel=4)


def checked(index: Index, a: Tensor, b: Tensor, masked: int, stacklevel: int) -> float:
    """Value of an index on rows a (n, p), b (n, q), of which `masked` were left out. stacklevel: of the warning."""
    if len(a) < MIN_ROWS:
        unmasked = f" in which nothing is masked, and {masked} in which something is" if masked else ""
        raise InputError(f"a and b have {len(a)} rows{unmasked}; at least {MIN_ROWS} are needed")
    result = of_rows(index, a, b)
    if result.value is None:
        raise InputError(
            f"{index.spec} has no value for a and b: {result.note}; {_advice(index, result)}"
        ) from result.error
    if result.note:
        warnings.warn(f"{index.spec}: {result.note}", DegenerateWarning, stacklevel=stacklevel)
    return result.value


def _advice(index: Index, result: Value) -> str:
    if result.status == "failed":
        return f"`simbench check {index.name}` tests the index"
    return "give activations that vary over the inputs, or more rows, or a finer precision"
