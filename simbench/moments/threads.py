"""Threads: code in which an operation has one thread of torch, so that threads take pieces of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[int]:
    """A context in which operations of torch have one thread; gives the number that they had.

    Small operations take longer on several threads, which wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
