"""The heap: memory that was freed and that the C library has not given back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


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
