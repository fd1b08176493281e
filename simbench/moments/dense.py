"""Dense: the numbers of any tensor, array, list or data frame, written out as a dense tensor of floats."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

from simbench.errors import InputError
from simbench.moments.frames import is_frame, numbers_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: Most numbers that a sparse array is written out to: 4 GB of float64.
MOST_DENSE = 2**29
#: What an object of another library, or torch, raises where it cannot be read.
UNREADABLE = (TypeError, ValueError, RuntimeError, ArithmeticError, BufferError)


def dense(x: Any) -> tuple[Tensor, Tensor | None]:
    """The numbers of x as dense floats, 0 where they are masked, and the mask, if any. InputError, without the name of
    x, for numbers that are not real; one of `UNREADABLE` for what holds no numbers."""
    import torch

    return _of_tensor(x) if isinstance(x, torch.Tensor) else _of_array(x)


def _of_tensor(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The numbers of a tensor as dense floats, 0 where they are masked, and the mask, if any."""
    import torch

    if isinstance(x, torch.masked.MaskedTensor):
        mask = ~x.get_mask().to_dense()  # type: ignore[no-untyped-call]
        return _of_tensor(x.get_data())[0].masked_fill(mask, 0), mask  # type: ignore[no-untyped-call]
    if x.is_nested:
        raise InputError("is a nested tensor, whose rows differ in length; give rows of one length")
    if x.is_meta:
        raise InputError("is on the meta device and holds no numbers; give activations that were computed")
    x = x.detach()
    x = _dequantised(x) if x.is_quantized else x
    if x.layout is not torch.strided:
        _affordable(x.shape)
        x = x.to_dense()
    if x.is_complex() or x.dtype == torch.bool:
        raise InputError(f"has dtype {x.dtype}; real numbers are allowed")
    if x.device.type == "mps":  # has no float64
        x = x.cpu()
    if not x.is_floating_point():
        return x.to(torch.float64), None
    return (x.to(torch.float32) if x.dtype.itemsize == 1 else x), None  # float8 has no arithmetic


def _dequantised(x: Tensor) -> Tensor:
    """The numbers that a quantised tensor represents."""
    import torch

    if x.dtype is not torch.qint32 or x.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return x.dequantize()
    # torch 2.14 ends the process with an illegal instruction where it dequantises qint32 channel by channel.
    scale, zero = (
        part.double().view([-1 if axis == x.q_per_channel_axis() else 1 for axis in range(x.ndim)])
        for part in (x.q_per_channel_scales(), x.q_per_channel_zero_points())
    )
    return ((x.int_repr() - zero) * scale).float()


def _of_array(x: Any) -> tuple[Tensor, Tensor | None]:
    """As `_of_tensor`, of anything else."""
    import numpy as np
    import torch

    sparse = sys.modules.get("scipy.sparse")
    if is_frame(x):
        x = numbers_of(x)
    elif sparse is not None and sparse.issparse(x):
        _affordable(x.shape)
        x = x.toarray()
    elif isinstance(x, (list, tuple)):
        if any(isinstance(row, torch.Tensor) for row in x):
            return _of_tensor(torch.stack(list(x)))
        x = _stacked(x) if _masked_within(x) else x
    elif hasattr(x, "__dlpack__") and not hasattr(x, "__array__"):
        return _of_tensor(torch.from_dlpack(x).clone())  # type: ignore[attr-defined]
    mask = None
    if isinstance(x, np.ma.MaskedArray):
        mask, x = torch.from_numpy(np.array(np.ma.getmaskarray(x), dtype=bool)), x.filled(0)
    numbers = torch.from_numpy(_plain(np.asarray(x)))
    return _of_tensor(numbers)[0], mask


def _plain(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy in a dtype and an order that torch takes: it takes neither read-only, reversed nor byte-swapped arrays,
    nor long doubles."""
    import numpy as np

    if x.dtype == object:
        strange = {
            type(one).__name__ for one in x.flat if isinstance(one, bool) or not isinstance(one, (Real, Decimal))
        }
        if strange:
            raise TypeError(f"it holds {' and '.join(sorted(strange))}")
    elif x.dtype.kind == "V" and x.dtype.names is None and np.can_cast(x.dtype, np.float32):
        return x.astype(np.float32, order="C")  # bfloat16 and float8 of ml_dtypes, which JAX gives
    elif x.dtype.kind not in "biufc":
        raise TypeError(f"its dtype is {x.dtype}")
    if x.dtype == object or (x.dtype.kind == "f" and x.dtype.itemsize > 8):
        with np.errstate(over="ignore"):  # infinity is refused by its name
            return x.astype(np.float64, order="C")
    return x.astype(x.dtype.newbyteorder("="), order="C")


def _masked_within(x: Any) -> bool:
    import numpy as np

    return any(map(_masked_within, x)) if isinstance(x, (list, tuple)) else isinstance(x, np.ma.MaskedArray)


def _stacked(x: Any) -> np.ma.MaskedArray[Any, Any]:
    """Nested lists with masked arrays in them, as one masked array; numpy would read the numbers under the masks."""
    import numpy as np

    return np.ma.stack([_stacked(one) for one in x]) if isinstance(x, (list, tuple)) else np.ma.asarray(x)


def _affordable(shape: Sequence[int]) -> None:
    """InputError for a sparse array that is too large to be written out."""
    if math.prod(shape) > MOST_DENSE:
        raise InputError(
            f"is sparse, and written out its shape {tuple(shape)} is {math.prod(shape):.3g} numbers; at "
            f"most {MOST_DENSE:.3g} are allowed: give fewer rows or neurons"
        )
