"""Reals: the dense tensors of real numbers that moments are computed from."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench.errors import InputError


def require_reals(x: Tensor, name: str = "x") -> None:
    """Raise InputError for anything but a dense torch tensor of real numbers.

    Checks the type only: NaN and infinity pass, and results are NaN. `containers.paired_rows` converts other
    containers.
    """
    if not isinstance(x, Tensor):
        raise InputError(f"rows {name} are a {type(x).__name__}; give a torch tensor, such as torch.tensor({name})")
    written = x.layout is torch.strided and not (x.is_meta or x.is_quantized or x.is_nested)
    if not written or isinstance(x, torch.masked.MaskedTensor):
        raise InputError(
            f"rows {name} are a {type(x).__name__} of {x.dtype}, {x.layout}, on {x.device}; give dense "
            "numbers: to_dense() or dequantize() converts them; leave out rows with masked values; "
            "a meta tensor has no numbers"
        )
    if x.is_complex() or x.dtype == torch.bool:
        raise InputError(f"rows {name} have dtype {x.dtype}; real numbers are allowed")
