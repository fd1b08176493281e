"""The window: the host as an experiment sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from functools import wraps
from typing import Any

from simbench.isolation.loans import Loan
from simbench.measuring.activations import Activations
from simbench.system.surroundings import at_home

#: Methods of a context whose results are new at every call, or made by the experiment itself.
NEW = frozenset(
    {"similarity", "fit", "logits", "score", "stitched", "scored", "once", "stitched_similarity", "samples", "accuracy"}
)


class Window:
    """The public methods of a `Context` or of `Activations`, which run in the surroundings of the host and give copies.

    A case that was handed out, and what it is made of, is taken back as what it is a copy of.
    """

    def __init__(self, host: object, loan: Loan, back: Callable[[Any], Any], new: Set[str] = NEW) -> None:
        def look(name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(f"{type(host).__name__} has no public {name!r}")
            value = getattr(host, name)
            if isinstance(value, Activations):
                return Window(value, loan, back, frozenset())
            return _method(value, name in new, loan, back) if callable(value) else loan.copy(value, name)

        self._look = look

    def __getattr__(self, name: str) -> Any:
        return self._look(name)


def _method(method: Callable, new: bool, loan: Loan, back: Callable[[Any], Any]) -> Callable:
    """new: what it returns is the caller's alone, and not copied."""
    name = method.__name__

    @wraps(method)
    def called(*args, **kwargs):
        with at_home():
            found = method(*map(back, args), **{key: back(value) for key, value in kwargs.items()})
            if new:
                return found
            return _each(found, name, loan) if isinstance(found, Iterator) else loan.copy(found, name)

    return called


def _each(items: Iterator, name: str, loan: Loan) -> Iterator:
    while True:
        with at_home():
            try:
                item = loan.copy(next(items), name)
            except StopIteration:
                return
        yield item
