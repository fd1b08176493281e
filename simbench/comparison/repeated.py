"""Several passes over the same batches: whether each gives the same inputs in the same order."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from simbench.errors import InputError
from simbench.tracing.inputs import tensors


class Repeated:
    """Watches passes over batches. The first batch of each is compared by its content, and all by the number of inputs:
    blocks of pairs of layers come from different passes, and their rows must be the same."""

    def __init__(self) -> None:
        self._beginnings: list[str] = []
        self._counts: list[int] = []
        self._within = False

    def batch(self, batch: Any) -> None:
        """Called with every batch. Raises InputError where a pass begins otherwise than the first one."""
        if self._within:
            return
        self._within = True
        sha = hashlib.sha256()
        for x in tensors(batch):
            x = x.detach().cpu().contiguous()
            sha.update(f"{tuple(x.shape)} {x.dtype}".encode())
            sha.update(x.reshape(-1).view(torch.uint8).numpy().tobytes())
        self._beginnings.append(sha.hexdigest())
        if self._beginnings[-1] != self._beginnings[0]:
            raise InputError(
                "batches began with other inputs in another pass than in the first; give a DataLoader with "
                "shuffle=False and without random augmentation, or more memory for one pass"
            )

    def end(self, count: int) -> None:
        """Called at the end of a pass. count: of its inputs. Raises InputError where the first pass gave another."""
        self._within = False
        self._counts.append(count)
        if count != self._counts[0]:
            raise InputError(
                f"batches gave {self._counts[0]} inputs in the first pass and {count} in another; give an "
                "iterable that can be read again, or more memory for one pass"
            )
