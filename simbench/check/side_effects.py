"""What a plugin is handed, and whether it is still the same afterwards, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from simbench.moments.pair import Moments


class Handed:
    """Tensors as they are now, against what becomes of them.

    Compared by their bits, of which 0 and -0, or two NaNs, may differ, and by the counter that torch moves with every
    change in place: whether numbers that are changed and put back come out the same is luck.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._before = [(x, x.detach().clone(), x._version) for x in tensors]

    @property
    def untouched(self) -> bool:
        return all(x._version == version and same_bits(x, before) for x, before, version in self._before)


def same_bits(x: Tensor, y: Tensor) -> bool:
    """True when two tensors have the same shape, type and bits."""
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    return torch.equal(*(z.detach().contiguous().reshape(-1).view(torch.uint8) for z in (x, y)))


def parts(m: Moments) -> list[Tensor]:
    """The tensors that moments consist of, the bases of both sides as well."""
    bases = [basis for side in (m.a, m.b) for basis in (side.whitened, side.principal)]
    return [
        m.ab,
        m.aa,
        m.bb,
        m.mean_a,
        m.mean_b,
        *(x for basis in bases for x in (basis.values, basis.whitening, basis.loadings)),
    ]
