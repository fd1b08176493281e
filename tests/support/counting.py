"""An index of states that counts what it is asked for, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from right_states import RSA

from simbench import Undefined


@dataclass(frozen=True)
class Counting(RSA):
    """RSA that counts its calls. spoils: what its comparisons do to a state: nothing, or "torch" or "numpy" through
    which they change it. refuses: the width of rows that it prepares nothing of."""

    spoils: str = ""
    refuses: int = 0
    raises: int = 0

    name = "counting"
    inner = False
    prepared: ClassVar[list] = []
    compared: ClassVar[list] = []

    def prepare(self, rows):
        self.prepared.append(tuple(rows.shape))
        if rows.shape[1] == self.refuses:
            raise Undefined("has rows of a width that is refused")
        if rows.shape[1] == self.raises:
            raise ValueError("not this width")
        return super().prepare(rows)

    def compare(self, a, b):
        self.compared.append(len(a))
        value = super().compare(a, b)
        if self.spoils == "torch":
            a.mul_(2)
        if self.spoils == "numpy":
            b.numpy()[:] = b.numpy()[::-1].copy()
        return value


class Counts:
    """The calls since the last look."""

    @staticmethod
    def taken() -> tuple[int, int]:
        counts = len(Counting.prepared), len(Counting.compared)
        Counting.prepared.clear()
        Counting.compared.clear()
        return counts


def oracle(a: torch.Tensor, b: torch.Tensor) -> float:
    """The value of the index, in numpy."""
    import numpy as np

    left, right = (1 - np.corrcoef(x.double().numpy()) for x in (a, b))
    upper = np.triu_indices(len(left), 1)
    return float(np.corrcoef(left[upper], right[upper])[0, 1])
