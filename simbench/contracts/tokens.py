"""Token inputs of a data set: ids (n, t), with -1 at the positions that are masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

#: The id at a position that holds no token: padding, which an attention mask leaves out.
MASKED = -1


def problem(ids: numpy.ndarray, vocabulary: int) -> str:
    """Why an array cannot be the token inputs of a split, and what is wanted, or ""."""
    if ids.ndim != 2 or 0 in ids.shape:
        return f"tokens are {ids.shape}; ids (n, t) are wanted, one token or more"
    if ids.dtype.kind not in "iu":
        return f"tokens are {ids.dtype}; whole numbers, such as int64, are wanted"
    least, most = int(ids.min()), int(ids.max())
    if least < MASKED or most >= vocabulary:
        return (
            f"tokens reach from {least} to {most}; 0 to {vocabulary - 1} are allowed, and {MASKED} at positions that "
            "are masked"
        )
    empty = int((ids == MASKED).all(1).sum())
    return f"{empty} rows of tokens are masked everywhere; one token or more is wanted in each" if empty else ""


def masked(ids: numpy.ndarray, mask: numpy.ndarray | None) -> numpy.ndarray:
    """ids (n, t) as int64 with -1 where the attention mask (n, t) is 0."""
    import numpy as np

    ids = np.asarray(ids).astype(np.int64)
    return ids if mask is None else np.where(np.asarray(mask).astype(bool), ids, MASKED)
