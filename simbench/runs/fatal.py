"""Trainings that killed their process: known by the marks that it left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from simbench.results.started import Started
from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.trial import death

_TRIAL = """
import pickle, torch
function, given, threads = pickle.load(sys.stdin.buffer)
torch.set_num_threads(threads)
function(*given)
"""


@contextlib.contextmanager
def marked(work: list[Any]) -> Iterator[Callable[[], None] | None]:
    """Mark work, plain data that names it, as under way inside. Yields None, or where a process has died of it a
    function that removes its mark. Where nothing can be written there are no marks."""
    marks, key, left = Started(cache_folder()), digest(work), {}
    try:
        with contextlib.suppress(OSError):
            left = marks.left()
            marks.begin(key)
        yield (lambda: left[key].unlink(missing_ok=True)) if key in left else None
    finally:
        with contextlib.suppress(OSError):
            marks.close()


def tried(function: Callable, *given: Any) -> str:
    """How another process died of calling the function, as the end of "it ...", or ""; "", too, for what cannot be
    sent there."""
    import cloudpickle
    import torch

    try:
        packed = cloudpickle.dumps((function, given, torch.get_num_threads()))
    except Exception:  # of what a plugin holds
        return ""
    return death(_TRIAL, stdin=packed)
