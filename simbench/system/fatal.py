"""Work that killed its process: known by the mark that it left, and tried in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.started import Started
from simbench.system.trial import death

_TRIAL = """
import pickle, torch
function, given, threads = pickle.load(sys.stdin.buffer)
torch.set_num_threads(threads)
function(*given)
"""


class Died(Exception):
    """A process died of some work, and so did the one that tried it again. Its text: how, as the end of "it ..."."""


@contextlib.contextmanager
def marked(work: list[Any], function: Callable, *given: Any, wary: bool = False) -> Iterator[bool]:
    """Mark work, plain data that names it, as under way inside. Where nothing can be written there are no marks.

    Where a process has died of this work, or with `wary`, `function(*given)`, which does it, is called in another
    process first. Raises Died if that one dies. Yields whether it was tried so; what cannot be sent there is not.
    """
    marks, key, left = Started(cache_folder()), digest(work), {}
    try:
        with contextlib.suppress(OSError):
            left = marks.left()
        tried = (wary or key in left) and _tried(function, given)
        if tried and key in left:
            with contextlib.suppress(OSError):
                left[key].unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            marks.begin(key)
        yield tried
    finally:
        with contextlib.suppress(OSError):
            marks.close()


def _tried(function: Callable, given: tuple) -> bool:
    import cloudpickle
    import torch

    try:
        packed = cloudpickle.dumps((function, given, torch.get_num_threads()))
    except Exception:  # of what a plugin holds
        return False
    died = death(_TRIAL, stdin=packed)
    if died:
        raise Died(died)
    return True
