"""Inputs: the arguments that a network is called with for each batch, as copies."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from simbench.errors import InputError
from simbench.tracing.twins import seen_through

#: A user's function: batch -> inputs, as a tensor, a tuple of arguments, or a mapping of keyword arguments.
Choose = Callable[[Any], Any]
#: Keys of a batch that are left out where `forward` does not take them.
LABELS = ("labels", "label")
_REMEDY = (
    "give inputs=, a function of a batch that returns a tensor, a tuple of arguments or a dict of keyword arguments"
)


@dataclass(frozen=True)
class Call:
    """The arguments of one forward pass, and the number of inputs in them. dtype: floats are converted to it."""

    args: tuple
    kwargs: dict[str, Any]
    rows: int
    dtype: torch.dtype | None = None

    @property
    def mask(self) -> Tensor | None:
        """(n, t) booleans, the tokens that are not padding, by the keyword argument `attention_mask`; or None."""
        mask = self.kwargs.get("attention_mask")
        return mask.detach() != 0 if isinstance(mask, Tensor) and mask.ndim == 2 else None

    def copied(self, device: torch.device | None, last: bool) -> tuple[tuple, dict[str, Any]]:
        """Copies on a device, which a network may overwrite. last: (n, c, h, w) in channels-last memory."""
        known: dict[int, Tensor] = {}

        def own(x: Tensor) -> Tensor:
            if id(x) not in known:  # a tensor that occurs twice is copied once
                y = x.detach().to(device, self.dtype if x.is_floating_point() else None)
                if last and y.ndim == 4:
                    y = y.contiguous(memory_format=torch.channels_last)
                known[id(x)] = y.clone() if y.data_ptr() == x.data_ptr() else y
            return known[id(x)]

        return _mapped(self.args, own), _mapped(self.kwargs, own)


class Inputs:
    """Selects the arguments of a network from batches, by the signature of its `forward` or a user's function."""

    def __init__(self, net: nn.Module, choose: Choose | None, side: str) -> None:
        """choose: a function of a batch, or None; side: what messages call the network."""
        if choose is not None and not callable(choose):
            raise InputError(f"inputs is a {type(choose).__name__}; {_REMEDY}, or a pair of them, for a and for b")
        net = seen_through(net)
        kinds = {weight.dtype for weight in net.parameters() if weight.is_floating_point()}
        self._dtype = next(iter(kinds)) if len(kinds) == 1 else None
        self._choose, self._side = choose, side
        try:
            self._signature = inspect.signature(net.forward)
        except (TypeError, ValueError):
            self._signature = None

    def __call__(self, batch: Any) -> Call:
        """The call of the network for a batch.

        A tensor is the only argument, and a mapping holds the keyword arguments. The first item of a sequence such as
        (inputs, labels) is used if `forward` takes a single positional argument. Raises InputError for ambiguous
        batches, for arguments that `forward` does not take, and for batches without a tensor.
        """
        args, kwargs = self._chosen(batch) if self._choose is not None else self._unambiguous(batch)
        self._fits(args, kwargs)
        given = [x for x in tensors([args, kwargs]) if x.ndim]
        if not given or len(given[0]) == 0:
            what = f"shape {tuple(given[0].shape)}" if given else f"type {_kinds(args or tuple(kwargs.values()))}"
            raise InputError(
                f"a batch has inputs of {what}; give tensors (n, ...), or (inputs, labels), "
                f"or {_REMEDY.removeprefix('give ')}"
            )
        return Call(args, kwargs, len(given[0]), self._dtype)

    def _chosen(self, batch: Any) -> tuple[tuple, dict[str, Any]]:
        """Arguments that the user's function selects from a batch."""
        given = self._choose(batch)
        if isinstance(given, Mapping):
            return (), self._named(given)
        return (tuple(given) if isinstance(given, (tuple, list)) else (given,)), {}

    def _unambiguous(self, batch: Any) -> tuple[tuple, dict[str, Any]]:
        """Arguments in a batch without a function of the user."""
        if isinstance(batch, Mapping):
            return (), self._unlabelled(batch)
        if not isinstance(batch, (tuple, list)) or not len(batch):
            return (batch,), {}
        if len(batch) > 1 and self._most() > 1:
            raise InputError(
                f"a batch is ({_kinds(batch)}), and {self._forward()} may take more than the first; "
                f"{_REMEDY}, such as inputs=lambda batch: batch[0]"
            )
        return ((), self._unlabelled(batch[0])) if isinstance(batch[0], Mapping) else ((batch[0],), {})

    def _named(self, given: Mapping) -> dict[str, Any]:
        if not all(isinstance(name, str) for name in given):
            raise InputError(f"a batch is a mapping whose keys are not names of arguments; {_REMEDY}")
        return dict(given)

    def _unlabelled(self, given: Mapping) -> dict[str, Any]:
        """The keyword arguments in a mapping, without labels that `forward` does not take."""
        taken = LABELS if self._signature is None else self._signature.parameters
        return self._named({key: x for key, x in given.items() if key not in LABELS or key in taken})

    def _most(self) -> float:
        """How many positional arguments `forward` could take."""
        if self._signature is None:
            return float("inf")
        kinds = [parameter.kind for parameter in self._signature.parameters.values()]
        if inspect.Parameter.VAR_POSITIONAL in kinds:
            return float("inf")
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        return sum(kind in positional for kind in kinds)

    def _fits(self, args: tuple, kwargs: dict[str, Any]) -> None:
        """Raise InputError where `forward` cannot be called with these arguments."""
        if self._signature is None:
            return
        parameters = self._signature.parameters
        extra = [name for name in kwargs if name not in parameters]
        if extra and not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            raise InputError(
                f"a batch has {', '.join(map(repr, extra))}, which {self._forward()} does not take; {_REMEDY}"
            )
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InputError(
                f"{self._forward()} cannot be called with the arguments in a batch ({error}); {_REMEDY}"
            ) from None

    def _forward(self) -> str:
        names = (
            "..."
            if self._signature is None
            else ", ".join(
                str(each.replace(annotation=inspect.Parameter.empty)) for each in self._signature.parameters.values()
            )
        )
        return f"forward({names}) of {self._side}"


def batches_of(batches: Iterable) -> Iterator:
    """An iterator over batches. Raises InputError for anything but an iterable of batches."""
    if isinstance(batches, (Tensor, str, Mapping)) or not isinstance(batches, Iterable):
        raise InputError(
            f"batches is a {type(batches).__name__}; give an iterable of batches, such as a DataLoader or [inputs]"
        )
    return iter(batches)


def _mapped(value: Any, own: Callable[[Tensor], Tensor]) -> Any:
    """A copy of a value, with `own` applied to each tensor in it."""
    if isinstance(value, Tensor):
        return own(value)
    if isinstance(value, (tuple, list)):
        parts = [_mapped(part, own) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts) if isinstance(value, tuple) else parts
    if isinstance(value, Mapping):
        return {key: _mapped(part, own) for key, part in value.items()}
    return copy.deepcopy(value)


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a batch."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list, Mapping)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(part)


def _kinds(values: Iterable) -> str:
    return ", ".join(type(value).__name__ for value in values)
