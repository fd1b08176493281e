"""Comoments of float32 rows, and the bases whitened from them, at the widths of Tiny-10."""

import pytest
import torch

from simbench import Moments

SHAPES = [(65_536, 16), (16_384, 32), (4_096, 64), (4_096, 256)]


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_comoments(benchmark, n, p):
    a, b = torch.randn(n, p), torch.randn(n, p)
    m = benchmark(Moments.of, a, b)
    assert m.n == n


@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_matrix_product_of_the_same_size(benchmark, n, p):
    """The float64 product of (p, n) with (n, p): the comoments contain three of these."""
    a = torch.randn(n, p, dtype=torch.float64)
    assert benchmark(lambda: a.mT @ a).shape == (p, p)


@pytest.mark.parametrize("p", [16, 64, 256])
def test_merge(benchmark, p):
    one, two = (Moments.of(torch.randn(1000, p), torch.randn(1000, p)) for _ in range(2))
    assert benchmark(lambda: one + two).n == 2000


@pytest.mark.parametrize("p", [16, 64, 256])
def test_whitening(benchmark, p):
    m = Moments.of(torch.randn(2000, p), torch.randn(2000, p))
    assert benchmark(lambda: m.a.forget().whitened).rank == p
