"""The window: the bench as an experiment sees it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from simbench.contracts.bench import Bench
from simbench.isolation.loans import Loan
from simbench.system.surroundings import at_home

#: What the protocol offers.
OFFERED = tuple(sorted({*Bench.__annotations__, *(name for name in vars(Bench) if not name.startswith("_"))}))
#: Methods whose results are new at every call, or made by the experiment itself: they are not copied.
NEW = frozenset(
    {
        "similarity",
        "null",
        "fit",
        "logits",
        "score",
        "stitched",
        "scored",
        "residual",
        "outcomes",
        "own_outcomes",
        "once",
        "stitched_similarity",
        "samples",
        "accuracy",
    }
)


class Window:
    """What `simbench.Bench` offers of a bench; it runs in the surroundings of the host, and gives copies.

    A case that was handed out, and what it is made of, is taken back as what it is a copy of. AttributeError for
    anything that the protocol does not offer.
    """

    def __init__(self, bench: Bench, loan: Loan, back: Callable[[Any], Any]) -> None:
        def look(name: str) -> Any:
            if name not in OFFERED:
                raise AttributeError(f"a bench offers no {name!r}; see simbench.Bench: {', '.join(OFFERED)}")
            value = getattr(bench, name)
            return _method(value, name in NEW, loan, back) if callable(value) else loan.copy(value, name)

        self._look = look

    def __getattr__(self, name: str) -> Any:
        return self._look(name)


def _method(method: Callable, new: bool, loan: Loan, back: Callable[[Any], Any]) -> Callable:
    """new: what it returns is the caller's alone, and not copied."""
    name = method.__name__

    @wraps(method)
    def called(*args, **kwargs):
        with at_home():
            result = method(*map(back, args), **{key: back(value) for key, value in kwargs.items()})
            return result if new else loan.copy(result, name)

    return called
