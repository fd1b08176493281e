"""States of sides: plain tensors that an index prepared, sealed, and lent to its comparisons without copies.

A state may take 32 MB and be compared a hundred times, so a comparison is lent the numbers themselves, as tensors of
its own over the same memory. Afterwards both states are held against their seals: the counter that torch raises with
every change in place, and a sum of all bits, each weighted by its place, which a change through numpy alters, too. An
index that changed a state has failed, and the state must be forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from simbench.errors import Spoilt
from simbench.isolation.loans import lend
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    import torch

    from simbench.contracts import Index, State

#: Numbers that are weighed at a time, few enough to stay in the processor's cache.
BLOCK = 2**16


@dataclass(frozen=True, eq=False)
class Sealed:
    """A state (n tensors) and its seal."""

    state: State
    seal: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, index: Index, state: Any) -> Sealed:
        """What `prepare` returned, with memory of its own. TypeError if it holds anything but tensors."""
        tensors_of(index, state)
        own = _each(state, _own)
        return cls(own, _seal(own))

    @property
    def nbytes(self) -> int:
        return sum(x.nbytes for x in _parts(self.state))

    @property
    def lent(self) -> State:
        """The state as tensors over the same memory, whose shape and gradient concern nobody else."""
        return _each(self.state, lambda x: x.detach())

    @property
    def unchanged(self) -> bool:
        return _seal(self.state) == self.seal


def prepared(index: Index, rows: torch.Tensor, dtype: torch.dtype | None = None, own: bool = False) -> Sealed:
    """The state of one side's rows (n, p). dtype, own: as for `lend`. Raises what `prepare` raises."""
    return Sealed.of(index, lend(index, index.prepare, rows, dtype=dtype, own=own))


def compared(index: Index, a: Sealed, b: Sealed) -> torch.Tensor:
    """What `compare` returns for two states. Raises Spoilt where one of them is changed."""
    error: Exception | None = None
    value: Any = None
    try:
        with abroad():
            value = index.compare(a.lent, b.lent)
    except Exception as raised:
        error = raised
    if not (a.unchanged and b.unchanged):
        raise Spoilt(
            f"index {index.spec} changed a state, so its result is not taken; compare works on copies (x.clone()), "
            "and not in place"
        ) from error
    if error is not None:
        raise error
    return value


def tensors_of(index: Index, state: Any) -> list[torch.Tensor]:
    """The tensors of a state. TypeError if it is not a tensor, a tuple or a mapping of tensors."""
    import torch

    parts = _parts(state)
    strangers = [x for x in parts if not isinstance(x, torch.Tensor)]
    if strangers:
        raise TypeError(
            f"index {index.spec} prepared a state with {type(strangers[0]).__name__} in it; it must be a tensor, or a "
            "tuple or mapping of tensors"
        )
    return parts


def _parts(state: Any) -> list:
    if isinstance(state, Mapping):
        return list(state.values())
    return list(state) if isinstance(state, (tuple, list)) else [state]


def _each(state: Any, change: Any) -> Any:
    """The state with every tensor changed, in containers of its own."""
    if isinstance(state, Mapping):
        return {key: change(x) for key, x in state.items()}
    return tuple(map(change, state)) if isinstance(state, (tuple, list)) else change(state)


def _own(x: torch.Tensor) -> torch.Tensor:
    """Without a graph, and without the rest of a larger piece of memory."""
    x = x.detach()
    return x.clone() if x.is_inference() or x.untyped_storage().nbytes() > x.nbytes else x


def _seal(state: Any) -> tuple[tuple[int, int], ...]:
    """Of each tensor: how often it was changed, and the sum of its bits."""
    return tuple((x._version, weighed(x)) for x in _parts(state))


def weighed(x: torch.Tensor) -> int:
    """The sum of the numbers' bits, each times an odd random factor of its place, modulo 2^64."""
    import torch

    bits = x.detach().contiguous().view(-1)
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.int64}
    bits = bits.view(whole[x.element_size()]).to(torch.int64)
    factors, blocks = _factors(str(x.device)), len(bits) // BLOCK
    head, tail = bits[: blocks * BLOCK].view(blocks, BLOCK), bits[blocks * BLOCK :]
    on_cpu = x.device.type == "cpu"  # which alone multiplies matrices of whole numbers
    sums = torch.mv(head, factors) if on_cpu and blocks else (head * factors).sum(1)
    rest = (tail * factors[: len(tail)]).sum()
    places = 2 * torch.arange(blocks, device=x.device) + 3
    return int((sums * places).sum() + rest) % 2**64


@cache
def _factors(device: str) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(-(2**62), 2**62, (BLOCK,), generator=generator, dtype=torch.int64)
    return (2 * drawn + 1).to(device)
