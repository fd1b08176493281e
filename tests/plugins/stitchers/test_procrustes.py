"""Orthogonal Procrustes stitches against scipy, planted rotations and perturbed competitors."""

import numpy as np
import oracle
import pytest
import scipy.linalg
import torch
from paired_rows import correlated, rotation
from simbench_plugins.stitchers.procrustes import Procrustes

from simbench import Moments

WIDTHS = [(4, 7), (7, 4), (5, 5)]


def moments(a, b):
    return Moments.of(torch.from_numpy(a), torch.from_numpy(b))


def shifted(p, q, seed=0):
    a, b = correlated(50, p, q, seed)
    return a + 1 + np.arange(p), b - 2


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_procrustes_is_scipys_orthogonal_procrustes_on_zero_padded_rows(p, q, bias):
    a, b = shifted(p, q)
    affine = Procrustes(bias).from_moments(moments(a, b))
    weight, intercept = oracle.procrustes(a, b, bias)
    assert np.allclose(affine.weight.numpy(), weight, atol=1e-10)
    assert np.allclose(affine.bias.numpy(), intercept, atol=1e-9) if bias else affine.bias is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", WIDTHS)
def test_rows_or_columns_are_orthonormal(p, q, bias):
    weight = Procrustes(bias).from_moments(moments(*shifted(p, q))).weight
    gram = weight @ weight.mT if p <= q else weight.mT @ weight
    assert torch.allclose(gram, torch.eye(min(p, q), dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", [(4, 4), (4, 7)])
def test_procrustes_recovers_a_planted_rotation_and_offset(p, q, bias):
    a = correlated(40, p, 2, seed=1)[0] + 3
    planted = rotation(q, 2)[:p]
    offset = np.arange(q) if bias else np.zeros(q)
    affine = Procrustes(bias).from_moments(moments(a, a @ planted + offset))
    assert np.allclose(affine.weight.numpy(), planted, atol=1e-10)
    assert np.allclose(affine.bias.numpy(), offset, atol=1e-9) if bias else affine.bias is None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("p, q", [(4, 4), (4, 7)])
def test_no_nearby_or_random_orthogonal_map_has_a_smaller_residual(p, q, bias):
    a, b = shifted(p, q)
    m = moments(a, b)
    affine = Procrustes(bias).from_moments(m)
    best, least = affine.weight.numpy(), float(m.residual(affine))
    assert least == pytest.approx(oracle.residual(a, b, best, affine.bias.numpy() if bias else None), rel=1e-10)
    rng = np.random.default_rng(3)
    turns = [scipy.linalg.expm(size * (x - x.T)) for size in (1e-3, 1e-1, 1) for x in rng.normal(size=(20, q, q))]
    for competitor in [best @ turn for turn in turns] + [rotation(q, seed)[:p] for seed in range(20)]:
        intercept = b.mean(0) - a.mean(0) @ competitor if bias else None
        assert oracle.residual(a, b, competitor, intercept) > least


def test_with_more_channels_than_targets_the_inner_product_with_b_is_the_nuclear_norm():
    # No map with orthonormal columns has a larger <A M, B>: von Neumann's trace inequality.
    a, b = shifted(7, 4)
    weight = Procrustes(bias=False).from_moments(moments(a, b)).weight.numpy()
    assert ((a @ weight) * b).sum() == pytest.approx(np.linalg.norm(a.T @ b, "nuc"), rel=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_a_dead_feature_leaves_the_map_finite_and_orthogonal(bias):
    a, b = shifted(5, 5)
    a[:, 2], b[:, 0] = 0, 0
    affine = Procrustes(bias).from_moments(moments(a, b))
    assert torch.isfinite(affine.weight).all()
    assert torch.allclose(affine.weight @ affine.weight.mT, torch.eye(5, dtype=torch.float64), atol=1e-12)


def test_procrustes_of_uncentred_rows_differs_from_that_of_centred_rows():
    m = moments(*shifted(5, 5))
    centred, uncentred = (Procrustes(bias).from_moments(m).weight for bias in (True, False))
    assert not torch.allclose(centred, uncentred, atol=0.01)
    assert Procrustes().family == "orthogonal"
