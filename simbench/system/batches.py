"""Batches: what a long pass over them tells whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
#: Called with a line such as `resnet18-0: batch 12 of 79`.
Listener = Callable[[str], None]
#: Seconds before a pass tells something, and between two lines.
PATIENCE, PAUSE = 2.0, 1.0


class _Heard:
    """listener: of the passes of this process."""

    listener: Listener | None = None


@contextmanager
def heard(listener: Listener | None) -> Iterator[None]:
    """Call the listener inside about once a second while a pass takes longer than two seconds; None hears nothing."""
    before, _Heard.listener = _Heard.listener, listener
    try:
        yield
    finally:
        _Heard.listener = before


def counted(batches: Iterable[T], name: str, total: int) -> Iterator[T]:
    """The batches, of which there are `total`. name: of what is passed through. A batch counts once the next is asked
    for."""
    start = last = time.monotonic()
    for done, batch in enumerate(batches):
        now = time.monotonic()
        if done and now - start > PATIENCE and now - last >= PAUSE and _Heard.listener is not None:
            last = now
            _Heard.listener(f"{name}: batch {done} of {total}")
        yield batch
