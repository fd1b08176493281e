"""Moments of maps that a resize enlarges, computed before it, are those of the resized maps."""

from __future__ import annotations

import pytest
import torch

from simbench.moments.alignment import RESIZES, Alignment
from simbench.moments.enlarged import EnlargedMoments, _factors, _matrix
from simbench.moments.pair import Moments
from simbench.moments.scatter import Scatter
from simbench.moments.views import rows

SIZES = [((1, 1), (4, 4)), ((2, 2), (5, 3)), ((3, 2), (9, 8)), ((4, 6), (8, 3)), ((2, 9), (11, 4))]
MODES = sorted(filter(None, RESIZES))


def maps(source, target, n=300, p=5, q=3):
    """Maps of n inputs far from zero, and of the same inputs in another layer."""
    torch.manual_seed(0)
    x = torch.randn(n, p, *source, dtype=torch.float64) + torch.arange(p)[:, None, None] * 10
    y = torch.nn.functional.interpolate(x, target)[:, :q].tanh() + torch.randn(n, q, *target, dtype=torch.float64) - 7
    return x, y


def enlarged(x, y, alignment, batch=64, known=None):
    made = EnlargedMoments(alignment, known)
    for pair in zip(x.split(batch), y.split(batch), strict=True):
        made.add(*pair)
    made.close()
    return made


@pytest.mark.parametrize("resize", MODES)
@pytest.mark.parametrize("source, target", SIZES)
def test_they_are_the_moments_of_resized_maps(source, target, resize):
    x, y = maps(source, target)
    alignment = Alignment(source, target, resize)
    plain = Moments.of(rows(alignment(x), "spatial"), rows(y, "spatial"))
    found = enlarged(x, y, alignment).pair(0, 1)
    assert found.n == plain.n == len(x) * target[0] * target[1]
    for name in ("mean_a", "mean_b", "aa", "bb", "ab"):
        mine, other = getattr(found, name), getattr(plain, name)
        assert float((mine - other).norm() / other.norm()) < 1e-11, name


@pytest.mark.parametrize("resize", MODES)
@pytest.mark.parametrize("s, t", [(1, 1), (1, 7), (2, 5), (4, 8), (5, 6), (8, 3), (6, 6)])
def test_along_an_axis_a_resize_is_an_isometry_after_a_smaller_map(s, t, resize):
    """R = W Q with k = min(s, t), W^T W = 1, and rows that sum to 1 after scaling: the mean is kept."""
    r = _matrix(s, t, resize)
    q, w = (factor * (t / min(s, t)) ** 0.5 for factor in _factors(r))
    assert q.shape == (min(s, t), s) and w.shape == (min(s, t), t)
    assert torch.allclose(w.mT @ q, r, atol=1e-13)
    assert torch.allclose(w @ w.mT, torch.eye(len(w), dtype=w.dtype), atol=1e-13)
    for factor in _factors(r):
        assert torch.allclose(factor.sum(1), torch.ones(len(factor), dtype=w.dtype), atol=1e-13)


def test_a_known_scatter_is_taken_as_it_is_and_the_rest_is_the_same_to_the_last_bit():
    x, y = maps((2, 2), (6, 6))
    alignment = Alignment((2, 2), (6, 6))
    whole = enlarged(x, y, alignment)
    other = Scatter.of(torch.randn(50, 3, dtype=torch.float64))
    for known in ({1: other}, {0: whole.scatter(0), 1: other}):
        again = enlarged(x, y, alignment, batch=7, known=known)
        assert again.scatter(1) is other
        assert torch.equal(again.scatter(0).matrix, whole.scatter(0).matrix)
        assert torch.equal(again.pair(0, 1).ab, whole.pair(0, 1).ab)
        assert torch.equal(again.pair(1, 0).ab, whole.pair(0, 1).ab.mT)


def test_a_channel_that_does_not_vary_stays_constant_and_one_that_is_not_finite_spoils_its_own_alone():
    x, y = (each.float() for each in maps((2, 3), (8, 8)))
    x[:, 1] = 0.1
    y[0, 0, 0, 0] = torch.nan
    found = enlarged(x, y, Alignment((2, 3), (8, 8)))
    assert not bool(found.scatter(0).alive[1]) and int(found.scatter(0).alive.sum()) == x.shape[1] - 1
    assert not found.scatter(1).matrix.isfinite().all() and found.scatter(0).matrix.isfinite().all()
    assert found.scatter(0).eps == torch.finfo(torch.float32).eps
