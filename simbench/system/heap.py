"""The heap: memory that was freed and that the C library has not given back to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

#: Parameters of glibc's `mallopt`: the free bytes at the end of the heap from which they are given back to the system,
#: and the size from which a block is taken from the system alone, and given back at once.
_TRIM, _MAP = -1, -3
#: Their values while freed memory is kept, and those that glibc arrives at by itself after a block of 32 MB was freed.
_KEPT, _USUAL = {_TRIM: 2**31 - 1, _MAP: 2**30}, {_TRIM: 2**26, _MAP: 2**25}


def trim() -> None:
    """Give the free pages of the heap back to the system, wherever they lie. It takes milliseconds.

    Between blocks that are in use, glibc keeps what was freed, and takes new memory for blocks that do not fit there.
    Without glibc nothing is done.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return getattr(library, "malloc_trim", lambda kept: 0)


@contextmanager
def kept() -> Iterator[None]:
    """A context in which the C library keeps what was freed, up to 2 GB, for the blocks that come next.

    A network frees its activations one by one, and glibc would give many back to the system, which clears each page
    that it hands out again. After the context, the next block that is freed gives back what is free. Without glibc, or
    where the user has set how it allocates, nothing is changed."""
    limits = {} if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ) else _KEPT
    for parameter, size in limits.items():
        _limit()(parameter, size)
    try:
        yield
    finally:
        for parameter in limits:
            _limit()(parameter, _USUAL[parameter])


@cache
def _limit() -> Callable[[int, int], object]:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    return getattr(library, "mallopt", lambda parameter, size: 0)
