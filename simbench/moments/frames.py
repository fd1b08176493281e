"""Frames: data frames of activations, a row an input, and which of their rows belong together."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from simbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


def is_frame(x) -> bool:
    """True for a pandas data frame; pandas is not imported where nobody has."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(x, pandas.DataFrame)


def aligned(b, a):
    """b with its rows in the order of the labels of a, where both are data frames; else b as it is.

    InputError where the labels of the two are not the same, each once; labels that are equal one by one are as well,
    however often they occur.
    """
    if not (is_frame(a) and is_frame(b)) or len(a) != len(b) or a.index.equals(b.index):
        return b
    once = a.index.is_unique and b.index.is_unique
    places = b.index.astype(object).get_indexer(a.index.astype(object)) if once else None  # equal, not just overlapping
    if once and (places >= 0).all():
        return b.iloc[places]
    told = f"share {int((places >= 0).sum())} of {len(a)} row labels" if once else "have row labels that repeat"
    raise InputError(
        f"a and b are data frames that {told}, so that it is not known which rows pair; give both the "
        "same labels, each once, or reset_index(drop=True) on both where rows pair in the order they have"
    )


def numbers_of(x: pd.DataFrame) -> np.ndarray:
    """The numbers of a data frame in the dtype that holds all its columns; what is missing is NaN. InputError, without
    the name of the frame, for a column that holds none."""
    import numpy as np
    from pandas.api import types

    if not x.shape[1]:
        return np.empty(x.shape)
    for label, dtype in zip(x.columns, x.dtypes):
        if dtype != object and (types.is_bool_dtype(dtype) or not types.is_numeric_dtype(dtype)):
            raise InputError(f"has a column {label!r} of dtype {dtype}; real numbers are allowed: convert or drop it")
    if any(dtype == object for dtype in x.dtypes):
        return x.to_numpy(dtype=object)
    kinds = [getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)) for dtype in x.dtypes]
    common = np.result_type(*kinds)
    return x.to_numpy(dtype=np.float64 if common.kind not in "fc" else common, na_value=np.nan)
