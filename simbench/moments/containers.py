"""Arrays: whatever activations are held in, read as rows of numbers that pair."""

from __future__ import annotations

import math
import sys
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

from simbench.errors import InputError, unknown
from simbench.moments.frames import aligned, is_frame, numbers_of
from simbench.moments.views import LAYOUTS, USUAL, VIEWS, layout_of, rows

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: Most numbers that a sparse array is written out to: 4 GB of float64.
MOST_DENSE = 2**29
#: What an object of somebody else's, or torch, says where it cannot be read.
_UNREADABLE = (TypeError, ValueError, RuntimeError, ArithmeticError, BufferError)


def paired_rows(
    a, b, view: str, layout: str | tuple[str | None, str | None] | None = None
) -> tuple[Tensor, Tensor, int]:
    """Rows (m, p) of a and (m, q) of b in a view, finite floats in memory of their own, on the device of a; and how
    many rows are left out because something in them is masked.

    a, b: anything that holds real numbers: arrays, tensors, data frames, lists; sparse and quantised ones are written
        out, integers and floats that torch does not know become float64.
    layout: of both, or a pair; see `views.layout_of`.

    A row of the view with a masked number in either side is left out of both, and nothing under a mask is read.
    Two pandas data frames pair by their index; everything else pairs by position. InputError, in one line, for all
    that is not numbers, and for rows that do not pair.
    """
    if not isinstance(view, str) or view not in VIEWS:
        raise unknown("view", view, VIEWS)
    layouts = _layouts(layout)
    (a, hidden_a), (b, hidden_b) = (
        _rows(x, name, view, told) for x, name, told in zip((a, aligned(b, a)), "ab", layouts)
    )
    if len(a) != len(b):
        raise InputError(
            f"a has {len(a)} rows and b has {len(b)} in view {view!r}; both must come from the same "
            "inputs, in the same order (layers of different height and width: try view='pooled')"
        )
    hidden = [mask.to(a.device) for mask in (hidden_a, hidden_b) if mask is not None]
    b = b.to(a.device)
    if not hidden:
        return a, b, 0
    seen = ~(hidden[0] | hidden[-1])
    return a[seen], b[seen], len(a) - int(seen.sum())


def _layouts(layout) -> tuple[str | None, str | None]:
    """The layout of each side."""
    pair = tuple(layout) if isinstance(layout, (tuple, list)) else (layout, layout)
    if len(pair) != 2 or not all(one is None or isinstance(one, str) for one in pair):
        raise InputError(
            f"layout is {layout!r}; give one of {', '.join(map(repr, LAYOUTS))}, or a pair of them, for a and for b"
        )
    for one in pair:
        if one is not None and one not in LAYOUTS:
            raise unknown("layout", one, LAYOUTS)
    return pair


def _rows(x, name: str, view: str, layout: str | None) -> tuple[Tensor, Tensor | None]:
    """Rows of one side, and which of them have something masked (None: none has)."""
    import torch

    try:
        numbers, mask = _of_tensor(x) if isinstance(x, torch.Tensor) else _of_array(x)
        bad = int((~torch.isfinite(numbers)).sum())
    except InputError as error:
        raise InputError(f"{name} {error}") from None
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name} is not an array of numbers ({reason}); give a numpy array or torch tensor") from None
    shape = tuple(numbers.shape)
    if layout is None and numbers.ndim not in USUAL:
        known = " or ".join(f"layout={told!r}" for told in LAYOUTS if len(told) == numbers.ndim)
        raise InputError(
            f"{name} has shape {shape}; allowed are (n, p) and (n, c, h, w)"
            + (f", or {known}, which says what the axes are" if known else "")
        )
    try:
        layout = layout_of(numbers, layout)
    except InputError as error:
        raise InputError(f"{name}: {error} (a pair such as layout=('nc', 'nhwc') gives each side its own)") from None
    if numbers.numel() == 0:
        raise InputError(f"{name} has shape {shape} and is empty; allowed are (n, p) and (n, c, h, w)")
    if bad:
        raise InputError(f"{name} has {bad} values that are NaN or infinite; give finite activations")
    found = rows(numbers, view, layout)
    if isinstance(x, torch.Tensor) and found.untyped_storage().data_ptr() == numbers.untyped_storage().data_ptr():
        found = found.clone()  # an index that writes into its rows must not write into the caller's
    if mask is None or not bool(mask.any()):
        return found, None
    return found, rows(mask.to(torch.float32), view, layout).ne(0).any(1)


def _of_tensor(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """The numbers of a tensor as dense floats, 0 where they are masked, and the mask, if any."""
    import torch

    if isinstance(x, torch.masked.MaskedTensor):
        mask = ~x.get_mask().to_dense()
        return _of_tensor(x.get_data())[0].masked_fill(mask, 0), mask
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
    """The numbers that a quantised tensor stands for."""
    import torch

    if x.dtype is not torch.qint32 or x.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return x.dequantize()
    # torch 2.14 ends the process with an illegal instruction where it dequantises qint32 channel by channel.
    scale, zero = (
        part.double().view([-1 if axis == x.q_per_channel_axis() else 1 for axis in range(x.ndim)])
        for part in (x.q_per_channel_scales(), x.q_per_channel_zero_points())
    )
    return ((x.int_repr() - zero) * scale).float()


def _of_array(x) -> tuple[Tensor, Tensor | None]:
    """The numbers of anything that is no tensor, as `_of_tensor`."""
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
        return _of_tensor(torch.from_dlpack(x).clone())
    mask = None
    if isinstance(x, np.ma.MaskedArray):
        mask, x = torch.from_numpy(np.array(np.ma.getmaskarray(x), dtype=bool)), x.filled(0)
    numbers = torch.from_numpy(_plain(np.asarray(x)))
    return _of_tensor(numbers)[0], mask


def _plain(x: np.ndarray) -> np.ndarray:
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


def _masked_within(x) -> bool:
    import numpy as np

    return any(map(_masked_within, x)) if isinstance(x, (list, tuple)) else isinstance(x, np.ma.MaskedArray)


def _stacked(x) -> np.ma.MaskedArray:
    """Nested lists with masked arrays in them, as one masked array; numpy would read what is under the masks."""
    import numpy as np

    return np.ma.stack([_stacked(one) for one in x]) if isinstance(x, (list, tuple)) else np.ma.asarray(x)


def _affordable(shape) -> None:
    """InputError for a sparse array that is too large to be written out."""
    if math.prod(shape) > MOST_DENSE:
        raise InputError(
            f"is sparse, and written out its shape {tuple(shape)} is {math.prod(shape):.3g} numbers; at "
            f"most {MOST_DENSE:.3g} are allowed: give fewer rows or neurons"
        )
