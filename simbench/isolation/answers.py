"""What an index answers: a number in the range it claims, or why what it returned is none."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING, Any

from simbench.isolation.loans import lend
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.contracts import Claims, Index
    from simbench.moments.pair import Moments


def refusal(index: Index, value: Any, claims: Claims | None = None) -> str:
    """Why what an index returned is not one finite real number in the range that it claims, up to rounding; or "".
    claims: of the index, where they are known."""
    found = _real(value)
    if found is None:
        return f"index {index.spec} returned {_told(value)}; a 0-dim tensor with a real number is wanted"
    if not abs(found) < float("inf"):
        return f"index {index.spec} returned {found}"
    if claims is None:
        with abroad():
            claims = index.claims
    if not claims.admits(found):
        low, high = claims.range
        return f"index {index.spec} returned {found:.6g}, which is outside the range [{low:g}, {high:g}] that it claims"
    return ""


def number(index: Index, value: Any, claims: Claims | None = None) -> float:
    """The value that an index returned, as a float; at the end of the claimed range where rounding took it beyond.
    Raises ArithmeticError where it is refused."""
    if claims is None:
        with abroad():
            claims = index.claims
    reason = refusal(index, value, claims)
    if reason:
        raise ArithmeticError(reason)
    found, (low, high) = _real(value), claims.range
    return min(max(found, low), high)  # it lies outside by rounding at most


def nan(value: Any) -> bool:
    """Whether a value is the number that is none."""
    found = _real(value)
    return found is not None and found != found


def asked(index: Index, m: Moments) -> tuple[Any, str, Claims]:
    """What an index of moments returns, why it carries no information, or "", and its claims."""
    return lend(index, lambda m: (index.from_moments(m), index.degenerate(m) or "", index.claims), m)


def _real(value: Any) -> float | None:
    """None for what is not one real number."""
    if getattr(value, "ndim", 0) != 0 or isinstance(value, bool):
        return None
    if hasattr(value, "dtype"):  # of torch or numpy
        kind = str(value.dtype).removeprefix("torch.")
        if not kind.startswith(("float", "bfloat", "int", "uint")):
            return None
        return float(value.detach() if hasattr(value, "detach") else value)
    return float(value) if isinstance(value, numbers.Real) else None


def _told(value: Any) -> str:
    """A few words for what is not a number."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}, {value.dtype}"
    told = " ".join(repr(value).split())
    return f"{told[:60]}{'...' if len(told) > 60 else ''} ({type(value).__name__})"
