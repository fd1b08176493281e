"""The map of a stitcher on a pair of test representations."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.data import Pair
from simbench.check.outcome import applicable, require
from simbench.check.stitcher.families import MATCHINGS, outside
from simbench.check.tolerances import gap
from simbench.contracts import Stitcher
from simbench.moments.affine import Affine
from simbench.moments.pair import Moments


def error(affine: Affine, pair: Pair) -> Tensor:
    """||a W + bias - b||^2 / ||b - mean||^2, computed from the rows: 0-dim, or (k,) for a stack of k maps."""
    mapped = pair.a @ affine.weight
    if affine.bias is not None:
        mapped = mapped + affine.bias[..., None, :]
    return (mapped - pair.b).square().sum((-2, -1)) / (pair.b - pair.b.mean(0)).square().sum()


def fit(stitcher: Stitcher, pair: Pair) -> Affine:
    return stitcher.from_moments(Moments.of(pair.a, pair.b))


def fits(stitcher: Stitcher, pairs: list[Pair]) -> list[tuple[Pair, Affine]]:
    """The pairs to which the stitcher applies, with their maps. Raises Inapplicable if it applies to none."""
    return applicable(partial(fit, stitcher), pairs)


def belong(stitcher: Stitcher, pairs: list[Pair]) -> str:
    """Require that the maps of these pairs belong to the stitcher's family."""
    maps = fits(stitcher, pairs)
    for pair, affine in maps:
        problem = outside(affine, stitcher.family, rank(stitcher))
        require(not problem, f"family {stitcher.family}: {problem} ({pair.name})")
    return f"finite and {stitcher.family} on {', '.join(dict.fromkeys(pair.name for pair, _ in maps))}"


def shaped(affine: Affine, pair: Pair) -> None:
    """Require a finite float64 Affine with weight (p, q)."""
    wanted = (pair.a.shape[1], pair.b.shape[1])
    require(isinstance(affine, Affine), f"from_moments returns {type(affine).__name__}, not an Affine")
    require(
        affine.weight.shape == wanted and affine.weight.dtype == torch.float64,
        f"the weight has shape {tuple(affine.weight.shape)}, {affine.weight.dtype}; {wanted} in float64 is wanted",
    )
    require(
        affine.bias is None or affine.bias.dtype == torch.float64,
        f"the bias has dtype {getattr(affine.bias, 'dtype', None)}; float64 is wanted",
    )
    for name, x in (("weight", affine.weight), ("bias", affine.bias)):
        require(x is None or bool(x.isfinite().all()), f"the {name} has values that are not finite ({pair.name})")


def rank(stitcher: Stitcher) -> int:
    """The bound of the family reduced_rank; 0 for other families."""
    bound = getattr(stitcher, "rank", 0)
    return bound if isinstance(bound, int) else 0


def regular(stitcher: Stitcher) -> list[Pair]:
    """Well-conditioned related pairs with p = q, p < q and p > q, all wider than the rank of the stitcher."""
    low, high = rank(stitcher) + 4, rank(stitcher) + 6
    return [data.related(p, q, n=8 * high, seed=18) for p, q in ((low, low), (low, high), (high, low))]


def feasible(stitcher: Stitcher) -> list[Pair]:
    """Pairs, including singular ones, on which the wanted map is the one of smallest residual.

    An orthogonal map into fewer dimensions does not minimise the residual, and a constant neuron, which correlates
    with none, cannot be matched.
    """
    constant = [] if stitcher.family in MATCHINGS else data.dead(0.1)
    candidates = [*regular(stitcher), *data.few_rows(), *constant]
    return [pair for pair in candidates if stitcher.family != "orthogonal" or pair.a.shape[1] <= pair.b.shape[1]]


def distance(x: Affine, y: Affine) -> float:
    """The larger `gap` of the weights and of the biases of two maps."""
    bias = 0.0 if x.bias is None and y.bias is None else gap(x.bias, y.bias)
    return max(gap(x.weight, y.weight), bias)
