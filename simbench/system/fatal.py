"""Work that killed its process: known by the mark that it left, and tried in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from simbench.system.cache import cache_folder
from simbench.system.provenance import digest
from simbench.system.started import Started
from simbench.system.trial import attempt

#: What the other process writes once it has loaded the work.
_LOADED = b"\0loaded\0"
_TRIAL = f"""
import pickle, torch
function, given, threads = pickle.load(sys.stdin.buffer)
sys.__stdout__.buffer.write({_LOADED!r}), sys.__stdout__.flush()
torch.set_num_threads(threads)
function(*given)
"""


class Died(Exception):
    """A process died of some work, and so did the one that tried it again. Its text: how, as the end of "it ..."."""


@contextlib.contextmanager
def marked(work: list[Any], function: Callable, *given: Any, wary: bool = False) -> Iterator[bool]:
    """Mark work, plain data that names it, as under way inside. Where nothing can be written there are no marks.

    Where a process has died of this work, or with `wary`, `function(*given)`, which does it, is called in another
    process first. Raises Died if that one dies. Yields whether it was tried so. What cannot be sent there, or not be
    loaded there, is done here once more; Died where it has killed two processes.
    """
    marks, key, left = Started(cache_folder()), digest(work), dict[str, list[Path]]()
    try:
        with contextlib.suppress(OSError):
            for each, mark in marks.dead():
                left.setdefault(each, []).append(mark)
        tried = (wary or key in left) and _tried(function, given)
        if tried:
            with contextlib.suppress(OSError):
                for mark in left.get(key, ()):
                    mark.unlink(missing_ok=True)
        elif len(left.get(key, ())) > 1:
            raise Died(
                "killed two processes, and cannot be tried in another one, which cannot load it; remove "
                f"{str(marks.folder)!r} to do it here all the same"
            )
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
    died, said = attempt(_TRIAL, stdin=packed)
    if died:
        raise Died(died)
    return _LOADED in said
