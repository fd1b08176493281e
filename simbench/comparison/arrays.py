"""`simbench.similarity`: one index, by name, on two sets of activations."""

from __future__ import annotations

from functools import cache

from simbench.contracts import Index
from simbench.errors import InputError
from simbench.measuring.value import compare
from simbench.registry import Registry, load

installed = cache(load)


def similarity(
    index: str | Index,
    a,
    b,
    view: str = "spatial",
    registry: Registry | None = None,
    layout: str | tuple[str | None, str | None] | None = None,
) -> float:
    """Value of an index for the activations a -> b of the same inputs.

    index: a spec such as "svcca[variance=0.99]", or an Index object.
    a, b: numpy arrays, torch tensors, data frames, sparse matrices or lists of real numbers, (n, p) or (n, c, h, w);
        the widths may differ. They are neither changed nor kept.
    view: how (n, c, h, w) becomes rows: "spatial" (n h w, c), "flat" (n, c h w) or "pooled" (n, c).
    layout: what the axes are, where that is not (n, p) or (n, c, h, w): "nhwc" (Keras), "ntc" or "nct" (tokens, read
        as pixels); or a pair such as ("nchw", "nhwc"), one for a and one for b. Three axes are asked about, never
        guessed.

    Rows pair by position. Two pandas data frames pair by their index: b is put into the order of a, and refused where
    the labels are not the same, each once. Masked arrays: a row of the view in which a value of a or of b is masked is
    left out of both, and no value under a mask is read. Missing values of data frames are NaN.

    Computed in float64 from the rows themselves (bases by singular value decomposition), whatever precision and scale
    they come in, so that badly conditioned activations keep their digits; rows wider than many take a few copies of
    them. Raises InputError for what is not real numbers, NaN or inf, different numbers of rows, fewer than 4 rows,
    activations that are constant or vary by no more than the rounding of their numbers, wrong ranks, and where the
    index is undefined (debiased CKA of rows that are all equally far apart); warns with DegenerateWarning where the
    value carries no information (more directions than rows).
    """
    if isinstance(index, str):
        index = (registry or installed()).get("indices", index)
    if not isinstance(index, Index):
        raise InputError(f"index is {index!r}; give a name such as 'cka', or an Index object")
    return compare(index, a, b, view, layout)
