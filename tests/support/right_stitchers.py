"""Stitchers by their formulas, which keep their contract."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from simbench_plugins.stitchers.lasso import Lasso

from simbench import Affine, Stitcher
from simbench.errors import Inapplicable


def mean_to_mean(m, weight):
    return Affine(weight, m.mean_b - m.mean_a @ weight)


def solution(m):
    return torch.linalg.pinv(m.aa, hermitian=True, rtol=1e-12) @ m.ab


def least_squares(m):
    return mean_to_mean(m, solution(m))


def through_origin(m):
    return Affine(solution(m.uncentred()))


def truncated(m, rank):
    """Reduced rank regression, from the singular vectors of the fitted values."""
    _, vectors = torch.linalg.eigh(m.ab.mT @ solution(m))
    leading = vectors[:, -rank:]
    return mean_to_mean(m, solution(m) @ leading @ leading.mT)


def polar(m):
    u, _, v = torch.linalg.svd(m.ab, full_matrices=False)
    return u @ v


def procrustes(m):
    return mean_to_mean(m, polar(m))


def identity(m):
    if m.a.width != m.b.width:
        raise Inapplicable("equal widths only")
    return Affine.identity(m.a.width, dtype=torch.float64)


def ridge(m):
    return mean_to_mean(m, torch.linalg.solve(m.aa + torch.eye(m.a.width), m.ab))


def correlation(m):
    return (m.ab / torch.outer(m.aa.diagonal(), m.bb.diagonal()).sqrt()).nan_to_num()


def assigned(scores):
    chosen = torch.zeros_like(scores)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    chosen[rows, columns] = 1
    return chosen


def best(scores):
    """The first largest of every column."""
    return torch.nn.functional.one_hot(scores.argmax(0), len(scores)).mT.double()


def slopes(m, chosen):
    """Regression of each neuron of b on the one neuron of a that is chosen for it."""
    return mean_to_mean(m, (chosen * m.ab / m.aa.diagonal()[:, None]).nan_to_num())


def stitcher(find, family="affine", **attributes) -> Stitcher:
    """A direct stitcher that finds its map by a function of the moments."""
    body = {"name": "inline", "source": "this test", "family": family, "from_moments": lambda self, m: find(m)}
    return type("Inline", (Stitcher,), body | attributes)()


def penalised(find, loss):
    return stitcher(find, objective="penalised_residual", loss=lambda self, m, affine: loss(m, affine))


def matching(find, family="scaled_permutation"):
    return stitcher(
        find,
        family,
        objective="correlation",
        loss=lambda self, m, affine: -(correlation(m) * (affine.weight != 0)).sum(),
    )


def shrinkage(m, affine):
    return m.residual(affine) + affine.weight.square().sum() / m.b.total


RIGHT = {
    "least squares": stitcher(least_squares),
    "through the origin": stitcher(through_origin, "linear"),
    "reduced rank": stitcher(lambda m: truncated(m, 3), "reduced_rank", rank=3),
    "procrustes": stitcher(procrustes, "orthogonal"),
    "identity": stitcher(identity, "identity", objective=""),
    "ridge, no objective": stitcher(ridge, objective=""),
    "ridge": penalised(ridge, shrinkage),
    "lasso": penalised(Lasso(0.1).from_moments, Lasso(0.1).loss),
    "permutation": matching(lambda m: mean_to_mean(m, assigned(correlation(m))), "permutation"),
    "scaled permutation": matching(lambda m: slopes(m, assigned(correlation(m)))),
    "semi-matching": matching(lambda m: mean_to_mean(m, best(correlation(m))), "selection"),
    "scaled semi-matching": matching(lambda m: slopes(m, best(correlation(m))), "scaled_selection"),
}
