"""The answer of an index, checked: a real number in the claimed range, or the reason why it is not one."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from simbench.isolation.loans import lend
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.contracts import Claims, Index
    from simbench.moments.pair import Moments


def ask(index: Index, m: Moments) -> tuple[Any, str, Claims]:
    """What an index of moments returns, the reason why that is degenerate, or "", and the claims of the index."""
    return lend(index, lambda m: (index.from_moments(m), index.degenerate(m) or "", index.claims), m)


def problem_of(index: Index, answer: Any, claims: Claims | None = None) -> str:
    """Why the answer is not one finite real number in the claimed range, up to rounding; "" if it is.
    claims: of the index, if they are known."""
    x = _real(answer)
    if x is None:
        return f"index {index.spec} returned {_described(answer)}; it must return a 0-dim tensor with a real number"
    if not abs(x) < float("inf"):
        return f"index {index.spec} returned {x}"
    if claims is None:
        with abroad():
            claims = index.claims
    if not claims.admits(x):
        low, high = claims.range
        return f"index {index.spec} returned {x:.6g}, which is outside its claimed range [{low:g}, {high:g}]"
    return ""


def number(index: Index, answer: Any, claims: Claims | None = None) -> float:
    """The answer of an index as a float, moved into the claimed range if rounding took it outside.
    Raises ArithmeticError if `problem_of` finds a problem."""
    if claims is None:
        with abroad():
            claims = index.claims
    problem = problem_of(index, answer, claims)
    if problem:
        raise ArithmeticError(problem)
    x, (low, high) = _real(answer), claims.range
    return min(max(x, low), high)


def _real(answer: Any) -> float | None:
    """The answer as a float; None if it is not one real number."""
    if getattr(answer, "ndim", 0) != 0 or isinstance(answer, bool):
        return None
    if hasattr(answer, "dtype"):  # of torch or numpy
        dtype = str(answer.dtype).removeprefix("torch.")
        if not dtype.startswith(("float", "bfloat", "int", "uint")):
            return None
        return float(answer.detach() if hasattr(answer, "detach") else answer)
    return float(answer) if isinstance(answer, numbers.Real) else None


def _described(answer: Any) -> str:
    """A few words for an answer that is not a number."""
    if hasattr(answer, "shape") and hasattr(answer, "dtype"):
        return f"a {type(answer).__name__} of shape {tuple(answer.shape)}, {answer.dtype}"
    text = " ".join(repr(answer).split())
    return f"{text[:60]}{'...' if len(text) > 60 else ''} ({type(answer).__name__})"
