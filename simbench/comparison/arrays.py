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
    """Value of an index for activations a -> b of the same inputs.

    index: a spec such as "svcca[variance=0.99]", or an Index object.
    a, b: numpy arrays, torch tensors, data frames, sparse matrices or lists of real numbers, (n, p) or (n, c, h, w);
        their widths may differ. They are not changed, and no reference to them is kept.
    view: how (n, c, h, w) becomes rows: "spatial" (n h w, c), "flat" (n, c h w) or "pooled" (n, c);
        "tokens" (n t, c) without class and register tokens, or "cls" (n, c), the first class token.
    layout: the meaning of the axes if it is not (n, p) or (n, c, h, w): "nhwc" (Keras), "ntc" or "nct" (tokens, read
        as pixels); or a pair such as ("nchw", "nhwc") for a and for b. It is required for three axes.
        "tokens[prefix=1,grid=14x14]" says how many class and register tokens come first, and the grid of the others.

    Rows pair by position. Two pandas data frames pair by their index: b is put into the order of a, and both must have
    the same unique labels. Masked arrays: a row of the view in which a value of a or of b is masked is left out of
    both, and values under a mask are not read. Missing values of data frames are NaN.

    The value is computed in float64 from the rows themselves (bases by singular value decomposition), whatever their
    precision and scale, so that badly conditioned activations keep their digits. If there are more neurons than rows,
    this takes a few copies of the rows.

    Raises InputError for an index of cases (`Index.from_case`), for anything but finite real numbers, wrong numbers of
    axes, different numbers of rows, fewer than 4 rows, activations that are constant or vary by no more than the
    rounding of their numbers, and pairs on which the index is undefined (debiased CKA of rows that are all equally far
    apart). Warns with DegenerateWarning if the value carries no information (more directions than rows).

    >>> import torch
    >>> a = torch.eye(6, 2)
    >>> round(similarity("cka", a, 3 * a + 1), 9)
    1.0
    """
    return compare(index_of(index, registry), a, b, view, layout)


def index_of(index: str | Index, registry: Registry | None) -> Index:
    """The index that a user names or gives. Raises InputError for anything else."""
    if isinstance(index, str):
        index = (registry or installed()).get("indices", index)
    if not isinstance(index, Index):
        raise InputError(f"index is {index!r}; give a name such as 'cka', or an Index object")
    return index
