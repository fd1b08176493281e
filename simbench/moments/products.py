"""Products x^T y of blocks of rows for many pairs of narrow representations, shared between threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from simbench.moments.threads import one_thread

#: Width from which several threads on one product gain something.
WIDE = 128
#: Multiplications from which a thread is worth its start.
_WORTH = 2**23


def narrow(total: Tensor) -> bool:
    """Whether a sum of products (p, q) may be among `Products`."""
    return total.device.type == "cpu" and max(total.shape) < WIDE


class Products:
    """Sums of products x^T y over blocks of rows, on the CPU.

    sums: (i, j) -> (p, q), added to in place, of representation i with j.

    torch would share each product between its threads, which wait for each other longer than they multiply. Here one
    thread computes a product, and each takes products of its own. Their number changes no digit.
    """

    def __init__(self, sums: Mapping[tuple[int, int], Tensor]) -> None:
        self._terms = [(i, j, total) for (i, j), total in sums.items()]
        self._size = sum(total.numel() for total in sums.values())

    def add(self, blocks: Sequence[Tensor], threads: int) -> None:
        """Add the products of a block of rows, (n, p) of each representation. threads: that share them."""
        count = max(1, min(threads, len(blocks[0]) * self._size // _WORTH))
        inference = torch.is_inference_mode_enabled()  # of a thread, as is whether gradients are recorded

        def add(first: int) -> None:
            with torch.inference_mode(inference), torch.no_grad():
                for i, j, total in self._terms[first::count]:
                    total.addmm_(blocks[i].mT, blocks[j])

        with one_thread(), ThreadPoolExecutor(count) as pool:
            others = [pool.submit(add, first) for first in range(1, count)]
            add(0)
            for other in others:
                other.result()
