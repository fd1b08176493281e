"""The families of maps that stitchers are confined to: who belongs, random members, and neighbours."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from simbench.affine import Affine
from simbench.check.data import normal, rotation

FAMILIES = ("identity", "orthogonal", "reduced_rank", "linear", "affine")
#: Rounding allowed in orthonormality and, relative to the largest, in singular values that must be zero.
TOLERANCE = 1e-9


def outside(affine: Affine, family: str, rank: int, tolerance: float = TOLERANCE) -> str:
    """How the map leaves the family, or "" when it belongs. rank bounds the family reduced_rank."""
    w, (p, q) = affine.weight, affine.weight.shape
    if not bool(w.isfinite().all()) or (affine.bias is not None and not bool(affine.bias.isfinite().all())):
        return "the map has values that are not finite"
    if family == "identity" and not (p == q and torch.equal(w, torch.eye(p, dtype=w.dtype))):
        return "the weight is not the identity"
    if family == "orthogonal":
        gram = w @ w.mT if p <= q else w.mT @ w
        error = float((gram - torch.eye(len(gram), dtype=w.dtype)).abs().max())
        if error > tolerance:
            return f"{'W W^T' if p <= q else 'W^T W'} differs from I by {error:.2g}"
    if family == "reduced_rank":
        singular = torch.linalg.svdvals(w)
        found = int((singular > tolerance * singular[0]).sum())
        if found > rank:
            return f"the weight has rank {found}; at most {rank} is allowed"
    if family == "affine" and affine.bias is None:
        return "the map has no bias"
    if family in ("identity", "linear") and affine.bias is not None:
        return "the map has a bias"
    return ""


def planted(family: str, p: int, q: int, rank: int, bias: bool, generator: torch.Generator) -> Affine:
    """A random member with weight (p, q); orthogonal: p <= q."""
    if family == "identity":
        weight = torch.eye(p, q, dtype=torch.float64)
    elif family == "orthogonal":
        weight = rotation(generator, q)[:p]
    elif family == "reduced_rank":
        weight = normal(generator, p, rank) @ normal(generator, rank, q)
    else:
        weight = normal(generator, p, q)
    return Affine(weight, normal(generator, q) if bias else None)


#: Coordinates of the family around a map: tensors of zeros, and what moving by such tensors gives.
Chart = tuple[list[Tensor], Callable[[list[Tensor]], Affine]]


def chart(affine: Affine, family: str, rank: int) -> Chart:
    """Coordinates around a member of the family; every move stays inside it.

    orthogonal: W exp(K - K^T). reduced_rank: (L + E)(R + F) with W = L R. linear, affine: W + E.
    """
    w, bias = affine.weight, affine.bias
    if family == "orthogonal":
        zeros = [w.new_zeros(w.shape[1], w.shape[1])]
    elif family == "reduced_rank":
        u, s, v = torch.linalg.svd(w, full_matrices=False)
        left, right = u[:, :rank] * s[:rank].sqrt(), s[:rank, None].sqrt() * v[:rank]
        zeros = [torch.zeros_like(left), torch.zeros_like(right)]
    else:
        zeros = [torch.zeros_like(w)]

    def move(steps: list[Tensor]) -> Affine:
        if family == "orthogonal":
            weight = w @ torch.linalg.matrix_exp(steps[0] - steps[0].mT)
        elif family == "reduced_rank":
            weight = (left + steps[0]) @ (right + steps[1])
        else:
            weight = w + steps[0]
        return Affine(weight, None if bias is None else bias + steps[-1])

    return zeros if bias is None else [*zeros, torch.zeros_like(bias)], move
