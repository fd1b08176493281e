"""Runs side by side in one results folder: each case is measured by one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from simbench.contracts.case import Case
from simbench.system import interrupts
from simbench.system.underway import Claim, UnderWay

#: Seconds after which it is looked again whether others are through.
LOOK = 0.5
Work = TypeVar("Work")


class Sharing(Generic[Work]):
    """What this run measures of its cases, beside other runs.

    A run claims the cases of a unit before it measures them, and gives the claim back when they are on record. What
    another run has under way is put aside until it is on record, or until that run is gone without it.

    recorded: whether a case has come on record since the job was prepared. folder: of results; None claims nothing.
    look: called before work is tried again that was put aside.
    """

    def __init__(self, folder: Path | None, recorded: Callable[[Case], bool], look: Callable[[], None]) -> None:
        self._recorded, self._look = recorded, look
        self._under_way = None if folder is None else UnderWay(folder)
        self._aside: list[tuple[Work, int]] = []

    def claim(self, cases: Iterable[Case]) -> tuple[Claim, list[Case], list[Case]]:
        """(claim, cases that are left to measure here, cases that another run has under way)."""
        cases = list(cases)
        keys = frozenset(case.key for case in cases)
        claim = Claim(keys) if self._under_way is None else self._under_way.claim(keys)
        own, others = [], []
        for case in cases:
            if not self._recorded(case):  # looked at when it is claimed: others record before they give back
                (own if case.key in claim.keys else others).append(case)
        return claim, own, others

    def end(self, claim: Claim | None) -> None:
        """The cases of a claim are on record, or are given back."""
        if claim is not None and self._under_way is not None:
            self._under_way.end(claim)

    def aside(self, work: Work, cases: int) -> None:
        """Put work of so many cases aside, which another run has under way."""
        self._aside.append((work, cases))

    def rounds(self, say: Callable[[str], None]) -> Iterator[list[Work]]:
        """What was put aside, again and again while something is: a round may put it aside anew."""
        said = False
        while self._aside:
            work, self._aside = self._aside, []
            self._look()
            yield [each for each, _ in work]
            if not self._aside:
                return
            left = sum(number for _, number in self._aside)
            if not said:
                who = ", ".join(sorted(set(self._under_way.others.values())))
                say(f"{left} cases are being measured by {who or 'another run'} in this folder; waiting for them")
                said = True
            if left == sum(number for _, number in work):
                time.sleep(LOOK)
            interrupts.check()

    def close(self) -> None:
        """Give back all claims."""
        if self._under_way is not None:
            self._under_way.close()


@contextmanager
def sharing(
    folder: Path | None, recorded: Callable[[Case], bool], look: Callable[[], None] = lambda: None
) -> Iterator[Sharing]:
    """A context at whose end all claims are given back."""
    shared: Sharing = Sharing(folder, recorded, look)
    try:
        yield shared
    finally:
        shared.close()
