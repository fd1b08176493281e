"""The window: the bench as an experiment sees it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from simbench.contracts.bench import Bench
from simbench.isolation.loans import Loan
from simbench.system.surroundings import at_home

#: Names in the protocol `Bench`.
OFFERED = tuple(sorted({*Bench.__annotations__, *(name for name in vars(Bench) if not name.startswith("_"))}))
#: Methods that return a new object at every call, or one that the experiment itself made. Their results are not copied.
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
    """A bench reduced to the protocol `simbench.Bench`. Methods run with the settings of the host and return copies.

    A copy of a case, or of a part of a case, is accepted as argument and replaced by the original. Raises
    AttributeError for a name that the protocol does not have.
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
    """new: the result belongs to the caller alone and is not copied."""
    name = method.__name__

    @wraps(method)
    def called(*args, **kwargs):
        with at_home():
            result = method(*map(back, args), **{key: back(value) for key, value in kwargs.items()})
            return result if new else loan.copy(result, name)

    return called
