"""Inputs that networks are given as they are, of any shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy


def problem(inputs: numpy.ndarray) -> str:
    """Why an array holds no inputs (n, ...) of finite numbers, or ""."""
    if inputs.ndim < 2 or 0 in inputs.shape or inputs.dtype.kind not in "fiu":
        return f"inputs are {inputs.dtype} {inputs.shape}; numbers (n, ...) are wanted"
    if not (math.isfinite(inputs.min()) and math.isfinite(inputs.max())):
        return "inputs hold NaN or infinite values; finite values are wanted"
    return ""
