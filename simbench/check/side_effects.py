"""What a call of a plugin must leave as it is: its input, bit for bit, and torch's global random generator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from simbench.check.outcome import Violation, require
from simbench.contracts import Plugin
from simbench.errors import Spoilt
from simbench.isolation.loans import lend
from simbench.moments.pair import Moments


class Snapshot:
    """Tensors as they are now, to compare with what they are after a call.

    They are compared by their bits, which tell 0 from -0, and by the counter that torch raises with every change in
    place: numbers that are changed and changed back may or may not come out the same.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._before = [(x, x.detach().clone(), x._version) for x in tensors]

    @property
    def unchanged(self) -> bool:
        return all(x._version == version and same_bits(x, before) for x, before, version in self._before)


def same_bits(x: Tensor, y: Tensor) -> bool:
    """True when two tensors have the same shape, dtype and bits.

    >>> same_bits(torch.tensor(0.0), torch.tensor(-0.0))
    False
    """
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    return torch.equal(*(z.detach().contiguous().reshape(-1).view(torch.uint8) for z in (x, y)))


def parts(m: Moments) -> list[Tensor]:
    """The tensors of moments, including the bases of both sides."""
    bases = [basis for side in (m.a, m.b) for basis in (side.whitened, side.principal)]
    return [
        m.ab,
        m.aa,
        m.bb,
        m.mean_a,
        m.mean_b,
        *(x for basis in bases for x in (basis.values, basis.whitening, basis.loadings)),
    ]


def untouched(plugin: Plugin, name: str, *given: object) -> None:
    """Require that a method of a plugin leaves its arguments as they are."""
    try:
        lend(plugin, getattr(plugin, name), *given)
    except Spoilt as change:
        raise Violation(f"{name} modifies its input: {change}") from None


@contextmanager
def still_generator(name: str) -> Iterator[None]:
    """Require that the code inside leaves torch's global generator as it is; it is restored in any case."""
    with torch.random.fork_rng(devices=[]):
        torch.rand(())  # away from the state that any seed leads to
        state = torch.get_rng_state()
        yield
        require(
            torch.equal(state, torch.get_rng_state()),
            f"{name} moves torch's global random generator; use one of its own",
        )
