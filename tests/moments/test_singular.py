"""Singular values by eigenvalues: as the singular value decomposition has them, down to none."""

import numpy as np
import pytest
import torch

from simbench.moments.singular import Singular


def matrix(values, p, q, seed=0):
    """(p, q) with these singular values, and its left singular vectors."""
    generator = torch.Generator().manual_seed(seed)
    left, right = (
        torch.linalg.qr(torch.randn(n, len(values), generator=generator, dtype=torch.float64)).Q for n in (p, q)
    )
    return left * torch.tensor(values, dtype=torch.float64) @ right.T, left


@pytest.mark.parametrize("p, q", [(6, 6), (6, 9), (9, 6)])
@pytest.mark.parametrize(
    "values",
    [
        [1, 0.9, 0.5, 0.3, 0.2, 0.1],
        [1, 1, 1, 0.5, 0.5, 0.5],
        [1, 0.5, 1e-2, 1e-3, 1e-4, 2e-5],
        [1, 0.5, 1e-6, 1e-8, 1e-12, 0],
        [7, 6, 5, 4, 3, 2],
        [3e-9, 2e-9, 1e-9, 8e-10, 5e-10, 1e-13],
    ],
)
def test_values_and_vectors_are_those_that_the_matrix_was_made_of(p, q, values):
    c, _ = matrix(values, p, q)
    expected = np.array(values, float)
    vectors, found = Singular(c).left
    for each in (found, Singular(c).values):
        np.testing.assert_allclose(each, expected, rtol=0, atol=1e-10 * expected[0])
    assert vectors.shape == (p, 6)
    kept = expected > 1e-5 * expected[0]
    along = (vectors[:, kept].T @ c).norm(dim=1)  # u_i^T c has the length of the i-th value
    np.testing.assert_allclose(along, expected[kept], rtol=1e-6)
    np.testing.assert_allclose(vectors[:, kept].T @ vectors[:, kept], np.eye(kept.sum()), atol=1e-6)


def test_vectors_of_separate_values_are_the_same_but_for_their_sign():
    c, left = matrix([1, 0.8, 0.6, 0.4, 0.2, 0.1], 6, 7)
    for tall in (c, c.T @ left):
        expected = torch.linalg.svd(tall, full_matrices=False).U
        found = Singular(tall).left[0]
        np.testing.assert_allclose((found * expected).sum(0).abs(), 1, atol=1e-12)


@pytest.mark.parametrize("p, q", [(3, 0), (0, 3), (1, 1), (3, 5)])
def test_nothing_and_zeros_have_no_values_and_zeros(p, q):
    c = torch.zeros(p, q, dtype=torch.float64)
    assert Singular(c).values.tolist() == Singular(c).left[1].tolist() == [0.0] * min(p, q)
    assert Singular(c).left[0].shape == (p, min(p, q))


def test_noise_of_any_shape_agrees_with_the_decomposition():
    for p, q in ((50, 50), (40, 70), (70, 40)):
        c = torch.randn(p, q, generator=torch.Generator().manual_seed(p), dtype=torch.float64) / 100
        expected = torch.linalg.svdvals(c)
        for found in (Singular(c).values, Singular(c).left[1]):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * float(expected[0]))


@pytest.mark.parametrize("p, q", [(6, 9), (9, 6)])
def test_exact_values_keep_what_squares_lose(p, q):
    values = [1, 0.5, 1e-3, 1e-8, 1e-11, 1e-13]
    c, _ = matrix(values, p, q)
    for found in (Singular(c, exact=True).values, Singular(c, exact=True).left[1]):
        np.testing.assert_allclose(found, values, rtol=1e-2, atol=1e-15)
