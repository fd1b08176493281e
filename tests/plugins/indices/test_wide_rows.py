"""Rows that are wider than many cost n x n algebra: the values of p x p moments, without them."""

import subprocess
import sys

import numpy as np
import oracle
import oracle_kernels
import pytest
import torch
from paired_rows import correlated
from simbench_plugins.indices.cca import CCA, PWCCA, SVCCA
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.r2_lr import R2LR
from simbench_plugins.indices.reversed import Reversed

from simbench import Index, InputError, Moments, similarity
from simbench.moments import deferred
from simbench.moments.scatter import Scatter

LINEAR = {
    CKA(): oracle.cka,
    CKA(centred=False): lambda a, b: oracle_kernels.alignment(a, b, centre=False),
    R2LR(): oracle.r2_lr,
    R2LR(centred=False): lambda a, b: oracle.r2_lr(a, b, False),
    CCA(): oracle.cca,
    SVCCA(): oracle.svcca,
    PWCCA(): oracle.pwcca,
    Reversed(PWCCA()): lambda a, b: oracle.pwcca(b, a),
}
ids = {"ids": lambda value: getattr(value, "spec", str(value))}


def wide(n=60, p=90, q=75, rank=12):
    """More features than rows, of fewer directions, far from zero."""
    a, b = correlated(n, rank, rank - 2, seed=3)
    rng = np.random.default_rng(4)
    return a @ rng.normal(size=(rank, p)) + 3, b @ rng.normal(size=(rank - 2, q)) - 1


@pytest.mark.parametrize("index", LINEAR, **ids)
def test_values_on_wide_rows_are_those_of_products_of_features_and_of_the_rows_themselves(index):
    a, b = wide()
    p_by_p = float(index.from_moments(Moments.of(torch.from_numpy(a), torch.from_numpy(b))))
    assert similarity(index, a, b) == pytest.approx(p_by_p, abs=1e-10)
    assert similarity(index, a, b) == pytest.approx(LINEAR[index](a, b), abs=1e-10)


@pytest.mark.parametrize(
    "index", [PWCCA(), R2LR(centred=False), CKA(centred=False), Reversed(PWCCA()), Reversed(R2LR(centred=False))], **ids
)
def test_no_index_asks_for_a_product_of_all_features(index, monkeypatch):
    def refused(x, y):
        raise AssertionError(f"{x.shape[1]} x {y.shape[1]} numbers are asked for")

    monkeypatch.setattr("simbench.moments.scatter.product", refused)
    monkeypatch.setattr("simbench.moments.pair.product", refused)
    a, b = wide()
    assert 0 < similarity(index, a, b) <= 1


@pytest.mark.long
@pytest.mark.any_rounding
def test_fifty_thousand_neurons_take_a_few_copies_of_the_rows():
    """80 x 50,176 numbers are 32 MB a side in float64; p x p would be 20 GB."""
    script = """
import torch, simbench
torch.manual_seed(0)
a, b = (torch.randn(80, 20) @ torch.randn(20, 50176) for _ in "ab")
simbench.similarity("pwcca", a[:, :9], b[:, :9])
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
before = peak()
values = [simbench.similarity(index, a, b) for index in ("pwcca", "r2_lr[centred=false]", "cca", "r2_lr", "cka")]
print(min(values), max(values), (peak() - before) / 1e3)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    low, high, megabytes = map(float, done.stdout.split())
    assert low > 0 and high < 1 and megabytes < 500, done.stdout


def test_bases_of_wide_rows_are_those_of_a_decomposition_of_all_features():
    a = torch.from_numpy(wide()[0])
    a[:, 5] = 7.3  # dead
    held, products = Scatter.of(a, keep_rows=True), Scatter.of(a)
    for name in ("whitened", "principal"):
        found, expected = getattr(held, name), getattr(products, name)
        assert found.rank == expected.rank == 12 and found.first(3).rank == 3
        torch.testing.assert_close(found.values, expected.values[:12], rtol=1e-9, atol=0)
        torch.testing.assert_close(found.loadings @ found.loadings.mT, products.matrix, rtol=1e-9, atol=1e-8)
        torch.testing.assert_close(found.scores, held.rows @ found.whitening, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found.first(3).loadings, found.loadings[:, :3])
        torch.testing.assert_close(found.scores @ found.loadings.mT, held.rows, rtol=1e-9, atol=1e-9)
        assert found.whitening[5].eq(0).all() and found.loadings[5].eq(0).all()


def test_moments_that_hold_their_rows_give_the_matrices_that_are_asked_for():
    a, b = map(torch.from_numpy, wide())
    held, products = Moments.of(a, b, keep_rows=True), Moments.of(a, b)
    for m, expected in ((held, products), (held.swap(), products.swap()), (held.uncentred(), products.uncentred())):
        for name in ("aa", "bb", "ab"):
            torch.testing.assert_close(getattr(m, name), getattr(expected, name), rtol=1e-10, atol=1e-10)
        assert m.ab is m.ab
    part = held.a.take(slice(2, 9))
    torch.testing.assert_close(part.matrix, held.aa[2:9, 2:9])
    assert held.a.forget().rows is None and torch.equal(held.a.forget().matrix, held.aa)


class Traces(Index):
    """Looks at p x p moments, and sees rotations of a."""

    name, source = "traces", "made by the tests"

    def from_moments(self, m):
        return m.aa.diagonal().amax() / m.aa.trace()


def test_moments_that_do_not_fit_into_the_machine_are_one_line_that_says_what_they_take(monkeypatch):
    monkeypatch.setattr(deferred.os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 10)
    a, b = wide()
    with pytest.raises(InputError, match="moments of 90 neurons with 90 take 0 GB, more than the machine has") as error:
        similarity(Traces(), a, b)
    assert "\n" not in str(error.value)
