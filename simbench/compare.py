"""One index on two sets of activations: `simbench.similarity`."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

from simbench.contracts import Index
from simbench.errors import DegenerateWarning, InputError
from simbench.registry import Registry, load
from simbench.views import rows

if TYPE_CHECKING:
    from torch import Tensor

#: Fewest rows for which every index is defined (the debiased HSIC divides by n - 3).
MIN_ROWS = 4

_installed = cache(load)


def similarity(index: str | Index, a, b, view: str = "spatial", registry: Registry | None = None) -> float:
    """Value of an index for the activations a -> b of the same inputs.

    index: a spec such as "svcca[variance=0.99]", or an Index object.
    a, b: numpy arrays or torch tensors, (n, p) or (n, c, h, w); the widths may differ.
    view: how (n, c, h, w) becomes rows: "spatial" (n h w, c), "flat" (n, c h w) or "pooled" (n, c).

    Computed in float64 from the rows themselves (bases by singular value decomposition), so that badly
    conditioned activations keep their digits. Raises InputError for NaN or inf, different numbers of
    rows, fewer than 4 rows, constant activations and wrong ranks; warns with DegenerateWarning where the
    value carries no information (more directions than rows).
    """
    if isinstance(index, str):
        index = (registry or _installed()).get("indices", index)
    a, b = _rows(a, "a", view), _rows(b, "b", view)
    if len(a) != len(b):
        raise InputError(f"a has {len(a)} rows and b has {len(b)} in view {view!r}; both must come from the same "
                         "inputs, in the same order (layers of different height and width: try view='pooled')")
    if len(a) < MIN_ROWS:
        raise InputError(f"a and b have {len(a)} rows; at least {MIN_ROWS} are needed")
    for name, x in (("a", a), ("b", b)):
        if bool((x == x[0]).all()):
            raise InputError(f"{name} is constant: every row is the same, so no index is defined; "
                             "give activations that vary over the inputs")
    value = float(_value(index, a, b))
    if value != value:
        raise InputError(f"index {index.spec!r} returned NaN for finite input; simbench check {index.name} looks into it")
    return value


def _value(index: Index, a: Tensor, b: Tensor) -> Tensor:
    from simbench.moments import Moments

    if index.needs == "samples":
        return index.from_samples(a, b)
    m = Moments.of(a, b, keep_rows=True)
    reason = index.degenerate(m)
    if reason:
        warnings.warn(f"{index.spec}: {reason}", DegenerateWarning, stacklevel=3)
    return index.from_moments(m)


def _rows(x, name: str, view: str) -> Tensor:
    import torch

    try:
        x = torch.as_tensor(x).detach()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is not an array of numbers ({error}); give a numpy array or torch tensor") from None
    if x.ndim not in (2, 4):
        raise InputError(f"{name} has shape {tuple(x.shape)}; allowed are (n, p) and (n, c, h, w)")
    if x.is_complex() or x.dtype == torch.bool:
        raise InputError(f"{name} has dtype {x.dtype}; real numbers are allowed")
    if x.numel() == 0:
        raise InputError(f"{name} has shape {tuple(x.shape)} and is empty; allowed are (n, p) and (n, c, h, w)")
    if not bool(torch.isfinite(x).all()):
        raise InputError(f"{name} has {int((~torch.isfinite(x)).sum())} values that are NaN or infinite; "
                         "give finite activations")
    return rows(x, view)
