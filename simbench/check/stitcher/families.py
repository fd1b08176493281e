"""The families of maps from which stitchers choose: membership, random members, and coordinates around a member."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from simbench.check.data import normal, rotation
from simbench.moments.affine import Affine

#: Families that match single neurons.
MATCHINGS = ("permutation", "scaled_permutation", "selection", "scaled_selection")
FAMILIES = ("identity", "orthogonal", "reduced_rank", "linear", "affine", *MATCHINGS)
#: Rounding allowed in orthonormality, and in singular values that must be zero, relative to the largest.
TOLERANCE = 1e-9


def outside(affine: Affine, family: str, rank: int, tolerance: float = TOLERANCE) -> str:
    """Why the map does not belong to the family, or "" if it does. rank: the bound of the family reduced_rank."""
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
        actual = int((singular > tolerance * singular[0]).sum())
        if actual > rank:
            return f"the weight has rank {actual}; at most {rank} is allowed"
    if family in MATCHINGS:
        return _mismatch(w, family)
    if family == "affine" and affine.bias is None:
        return "the map has no bias"
    if family in ("identity", "linear") and affine.bias is not None:
        return "the map has a bias"
    return ""


def _mismatch(w: Tensor, family: str) -> str:
    """Why the weight does not match single neurons, or "" if it does."""
    joined = w != 0
    for dim, name in ((0, "column"), (1, "row")):
        most = int(joined.sum(dim).max())
        if most > 1 and (name == "column" or "permutation" in family):
            return f"a {name} of the weight has {most} numbers that are not 0; at most one is allowed"
    if "scaled" not in family and not bool((w[joined].abs() == 1).all()):
        return "the weight has numbers that are not 0, 1 or -1"
    return ""


def planted(family: str, p: int, q: int, rank: int, bias: bool, generator: torch.Generator) -> Affine:
    """A random member with weight (p, q); of the family orthogonal only for p <= q."""
    if family == "identity":
        weight = torch.eye(p, q, dtype=torch.float64)
    elif family == "orthogonal":
        weight = rotation(generator, q)[:p]
    elif family == "reduced_rank":
        weight = normal(generator, p, rank) @ normal(generator, rank, q)
    elif family in MATCHINGS:
        weight = _matching(family, p, q, generator)
    else:
        weight = normal(generator, p, q)
    return Affine(weight, normal(generator, q) if bias else None)


def _matching(family: str, p: int, q: int, generator: torch.Generator) -> Tensor:
    """A weight (p, q) with positive entries that matches as many neurons as possible."""
    weight = torch.zeros(p, q, dtype=torch.float64)
    if "selection" in family:
        rows, columns = torch.randint(p, (q,), generator=generator), torch.arange(q)
    else:
        rows, columns = (torch.randperm(width, generator=generator)[: min(p, q)] for width in (p, q))
    weight[rows, columns] = 1
    return weight * normal(generator, q).exp() if "scaled" in family else weight


def exchanged(weight: Tensor, family: str, generator: torch.Generator) -> Tensor:
    """The weight (p, q) of a member of a family of MATCHINGS that matches other neurons.

    Two neurons of the wider side are exchanged or, in a selection, one neuron of b is joined to another of a.
    """
    weight, (p, q) = weight.clone(), weight.shape
    if "selection" in family:
        column, by = (int(torch.randint(width, (), generator=generator)) for width in (q, p - 1))
        weight[:, column] = weight[:, column].roll(by + 1)
    elif p >= q:
        two = torch.randperm(p, generator=generator)[:2]
        weight[two] = weight[two.flip(0)]
    else:
        two = torch.randperm(q, generator=generator)[:2]
        weight[:, two] = weight[:, two.flip(0)]
    return weight


#: Coordinates of the family around a map: tensors of zeros, and the function from such tensors to a member.
Chart = tuple[list[Tensor], Callable[[list[Tensor]], Affine]]


def chart(affine: Affine, family: str, rank: int) -> Chart:
    """Coordinates around a member of the family; every move stays inside it. Stacks of steps give a stack of maps.

    orthogonal: W exp(K - K^T). reduced_rank: (L + E)(R + F) with W = L R. linear, affine: W + E; scaled_permutation,
    scaled_selection: E where W is not 0. permutation, selection: W. A bias moves freely.
    """
    w, bias = affine.weight, affine.bias
    if family == "orthogonal":
        zeros = [w.new_zeros(w.shape[1], w.shape[1])]
    elif family == "reduced_rank":
        u, s, v = torch.linalg.svd(w, full_matrices=False)
        left, right = u[:, :rank] * s[:rank].sqrt(), s[:rank, None].sqrt() * v[:rank]
        zeros = [torch.zeros_like(left), torch.zeros_like(right)]
    else:
        zeros = [] if family in ("permutation", "selection") else [torch.zeros_like(w)]

    def move(steps: list[Tensor]) -> Affine:
        if family == "orthogonal":
            weight = w @ torch.linalg.matrix_exp(steps[0] - steps[0].mT)
        elif family == "reduced_rank":
            weight = (left + steps[0]) @ (right + steps[1])
        elif family in ("permutation", "selection"):
            weight = w.expand(*steps[-1].shape[:-1], *w.shape)  # the only step is that of the bias
        elif family in MATCHINGS:
            weight = w + steps[0] * (w != 0)
        else:
            weight = w + steps[0]
        return Affine(weight, None if bias is None else bias + steps[-1])

    return zeros if bias is None else [*zeros, torch.zeros_like(bias)], move
