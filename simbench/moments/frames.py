"""Frames: data frames of activations, one row for each input, and which of their rows pair."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from simbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np


def is_frame(x: Any) -> bool:
    """True for a pandas data frame; pandas is not imported unless it has been."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(x, pandas.DataFrame)


def aligned(b: Any, a: Any) -> Any:
    """b with its rows in the order of the labels of a, where both are data frames; else b as it is.

    InputError unless both have the same labels, each once, or labels that are equal row by row, however often they
    occur.
    """
    if not (is_frame(a) and is_frame(b)) or len(a) != len(b) or a.index.equals(b.index):
        return b
    how = "have row labels that repeat"
    if a.index.is_unique and b.index.is_unique:
        places = b.index.astype(object).get_indexer(a.index.astype(object))  # equal, not just overlapping
        if (places >= 0).all():
            return b.iloc[places]
        how = f"share {int((places >= 0).sum())} of {len(a)} row labels"
    raise InputError(
        f"a and b are data frames that {how}, so that it is not known which rows pair; give both the "
        "same labels, each once, or reset_index(drop=True) on both where rows pair in the order they have"
    )


def numbers_of(x: Any) -> np.ndarray[Any, Any]:
    """The numbers of a data frame in the dtype that holds all its columns; missing values are NaN. InputError,
    without the name of the frame, for a column that holds no real numbers."""
    import numpy as np
    from pandas.api import types  # type: ignore[import-untyped]

    if not x.shape[1]:
        return np.empty(x.shape)
    for label, dtype in zip(x.columns, x.dtypes, strict=True):
        if not types.is_object_dtype(dtype) and (types.is_bool_dtype(dtype) or not types.is_numeric_dtype(dtype)):
            raise InputError(f"has a column {label!r} of dtype {dtype}; real numbers are allowed: convert or drop it")
    if any(map(types.is_object_dtype, x.dtypes)):
        values: np.ndarray[Any, Any] = x.to_numpy(dtype=object)
        return values
    kinds = [getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)) for dtype in x.dtypes]
    common = np.result_type(*kinds)
    values = x.to_numpy(dtype=np.float64 if common.kind not in "fc" else common, na_value=np.nan)
    return values
