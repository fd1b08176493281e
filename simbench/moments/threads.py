"""Threads: code in which an operation has one thread of torch, so that threads take pieces of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

#: Calls a function with every piece of work, once each, and returns when all are done.
Share = Callable[[Callable[..., object], Iterable[tuple[Any, ...]]], None]


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


@contextmanager
def sharing(count: int) -> Iterator[Share]:
    """A context in which operations of torch have one thread, and `count` threads share pieces of work: each takes the
    next one when it has done its last. Which thread takes which changes no digit, if no two write to one place."""
    with one_thread(), ThreadPoolExecutor(max(1, count - 1)) as pool:

        def share(function: Callable[..., object], pieces: Iterable[tuple[Any, ...]]) -> None:
            waiting = deque(pieces)
            inference = torch.is_inference_mode_enabled()  # of a thread, as is whether gradients are recorded

            def work() -> None:
                with torch.inference_mode(inference), torch.no_grad():
                    while True:
                        try:
                            piece = waiting.popleft()
                        except IndexError:
                            return
                        function(*piece)

            others = [pool.submit(work) for _ in range(min(count, len(waiting)) - 1)]
            try:
                work()
            finally:
                waiting.clear()
                for other in others:
                    other.result()

        yield share
