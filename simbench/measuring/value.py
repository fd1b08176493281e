"""The value of an index on a pair of representations: one policy for arrays, layers and cases.

| what occurs | status | value |
|---|---|---|
| a number in the claimed range | ok | the number |
| a number, and `Index.degenerate` gives a reason | degenerate | the number |
| a side is constant | degenerate | none |
| a side varies by no more than the rounding of its numbers | degenerate | none |
| the index raises Undefined | degenerate | none |
| the index raises Inapplicable | skipped | none |
| a side holds NaN or infinite activations | failed | none |
| the answer is NaN, infinite, outside the claimed range or not a real number | failed | none |
| the index changed what it was handed (Spoilt) | failed | none |

Every status but ok has a note, the reason. Sides are examined in order, a before b, and before the index is called. Any
other exception of an index propagates. Three faces show the result:

- `simbench.similarity` (arrays) returns the number; it warns with DegenerateWarning where a number is degenerate, and
  raises InputError where there is none.
- `simbench.similarities` (layers) gives a row; it raises InputError for NaN or infinite activations.
- `Bench.similarity` (cases) gives a row; for `failed` it raises, and `measure` records the row with the traceback.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench.contracts import Claims, Index
from simbench.errors import DegenerateWarning, Inapplicable, InputError, Spoilt, Undefined
from simbench.isolation.answers import number, refusal
from simbench.isolation.loans import lend
from simbench.measuring.evaluate import evaluate
from simbench.moments.containers import paired_rows

if TYPE_CHECKING:
    from torch import Tensor

    from simbench.moments.scatter import Scatter

#: Fewest rows for which every index is defined (the debiased HSIC divides by n - 3).
MIN_ROWS = 4


@dataclass(frozen=True)
class Value:
    """What an index gives for a pair. value: a number, or None. status: ok, degenerate, skipped or failed; each but ok
    has a note. error: for failed, the exception that says so."""

    value: float | None
    status: str = "ok"
    note: str = ""
    error: Exception | None = None


@dataclass(frozen=True)
class Side:
    """What the policy knows of one side. name: how notes call it, such as "a" or "'conv' of b". over: what it is
    constant over, such as " over the test images"."""

    name: str
    constant: bool
    rounding: bool
    finite: bool = True
    over: str = ""

    @classmethod
    def of_rows(cls, name: str, x: Tensor, over: str = "") -> Side:
        """Of rows x (n, p)."""
        import torch

        from simbench.moments.coordinates import rounding_only

        if not bool(torch.isfinite(x).all()):
            return cls(name, False, False, False, over)
        constant = bool((x == x[0]).all())
        return cls(name, constant, not constant and rounding_only(x), True, over)

    @classmethod
    def of_scatter(cls, name: str, x: Scatter, over: str = "") -> Side:
        """Of finite moments."""
        return cls(name, x.constant, x.rounding, True, over)

    def problem(self) -> Value | None:
        """The Value of every pair that this side is in, where no index is defined on it."""
        if not self.finite:
            return failed(ArithmeticError(f"{self.name} holds NaN or infinite activations"))
        if self.constant:
            return Value(None, "degenerate", f"{self.name} is constant{self.over}: undefined")
        if self.rounding:
            how = "varies by no more than the rounding of its numbers"
            return Value(None, "degenerate", f"{self.name} {how}{self.over}: undefined")
        return None


def failed(error: Exception) -> Value:
    """No value, because of an error."""
    return Value(None, "failed", str(error), error)


def value(index: Index, sides: Iterable[Side], answer: Callable[[], tuple[Any, str, Claims | None]]) -> Value:
    """Value, status and note of an index on a pair, by the table above.

    sides: a and b, examined one after the other. answer: asks the index; it returns what the index returned, why that
    is degenerate ("" where it is not), and the claims of the index where they are known.
    """
    for side in sides:
        problem = side.problem()
        if problem is not None:
            return problem
    try:
        returned, reason, claims = answer()
    except Inapplicable as refused:
        return Value(None, "skipped", str(refused))
    except Undefined as undefined:
        return Value(None, "degenerate", str(undefined))
    except Spoilt as change:
        return failed(change)
    problem = refusal(index, returned, claims)
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
    """Value of an index on arrays or tensors, checked first; see `simbench.similarity`."""
    a, b, masked = paired_rows(a, b, view, layout)
    if len(a) < MIN_ROWS:
        counted = f" in which nothing is masked, and {masked} in which something is" if masked else ""
        raise InputError(f"a and b have {len(a)} rows{counted}; at least {MIN_ROWS} are needed")
    found = of_rows(index, a, b)
    if found.value is None:
        raise InputError(
            f"{index.spec} has no value for a and b: {found.note}; {_advice(index, found)}"
        ) from found.error
    if found.note:
        warnings.warn(f"{index.spec}: {found.note}", DegenerateWarning, stacklevel=3)
    return found.value


def _advice(index: Index, found: Value) -> str:
    if found.status == "failed":
        return f"`simbench check {index.name}` tests the index"
    return "give activations that vary over the inputs, or more rows, or a finer precision"
