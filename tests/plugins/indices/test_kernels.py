"""Kernel indices against Gram matrices of scikit-learn and scipy: kernels, estimators, bandwidths and forms."""

import math

import numpy as np
import oracle_kernels as reference
import pytest
import torch
from paired_rows import correlated, rotation
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.hsic import HSIC, KernelAlignment
from zoo_rows import ROWS

from simbench import InputError, Undefined, similarity

KERNELS = ("linear", "rbf", "laplacian", "polynomial")
ids = {"ids": lambda value: getattr(value, "spec", str(value))}


def close(value, rel=1e-9):
    return pytest.approx(value, rel=rel, abs=rel)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("rows", ROWS)
def test_cka_hsic_and_alignment_are_products_of_gram_matrices(rows, kernel):
    a, b = ROWS[rows]()
    n = len(a)
    for centre in (True, False):
        k, l = (reference.gram(x, kernel, centre) for x in (a, b))
        for estimator, unbiased in (("biased", False), ("debiased", True)):
            kl, kk, ll = (reference.product(*pair, unbiased, centre) for pair in ((k, l), (k, k), (l, l)))
            # Rows that coincide or have many features leave less of the unbiased HSIC than of its terms.
            assert similarity(CKA(estimator, kernel, centred=centre), a, b) == close(kl / np.sqrt(kk * ll))
            if centre:
                factor = n * (n - 3) if unbiased else (n - 1) ** 2
                index = HSIC("unbiased" if unbiased else "biased", kernel)
                assert similarity(index, a, b) == close(kl / factor)
            elif not unbiased:
                assert similarity(KernelAlignment(kernel), a, b) == close(kl / np.sqrt(kk * ll))


@pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
@pytest.mark.parametrize("median", ["pairs", "all", "nonzero"])
def test_the_bandwidth_is_a_multiple_of_numpys_median_of_the_chosen_distances(kernel, median):
    a, b = correlated(31, 5, 4, seed=1)
    a[3:7] = a[2]  # distances of zero, which only `nonzero` leaves out
    index = CKA(kernel=kernel, bandwidth=0.4, median=median)
    expected = reference.alignment(a, b, kernel=kernel, median=median, times=0.4)
    assert similarity(index, a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [12, 13])
def test_conventions_of_the_median_differ_visibly(n):
    a, b = correlated(n, 5, 4, seed=2)
    a[1], b[3] = a[0], b[0]
    values = [similarity(CKA(kernel="rbf", median=median), a, b) for median in ("pairs", "all", "nonzero")]
    assert np.ptp(values) > 1e-4 and len({round(value, 5) for value in values}) == 3


def test_degree_and_offset_of_the_polynomial_are_scikit_learns_on_rows_of_mean_length_one():
    a, b = correlated(40, 5, 7, seed=3)
    for degree, offset in ((2, 0.0), (4, 0.5), (1, 3.0)):
        index = CKA(kernel="polynomial", degree=degree, offset=offset)
        expected = reference.alignment(a, b, kernel="polynomial", degree=degree, offset=offset)
        assert similarity(index, a, b) == pytest.approx(expected, abs=1e-12)
    # Centring takes the offset away from a polynomial of degree 1, which leaves the linear kernel.
    assert similarity(CKA(kernel="polynomial", degree=1), a, b) == pytest.approx(similarity("cka", a, b), abs=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("estimator", ["biased", "debiased", "minibatch"])
def test_the_angular_form_is_the_arccos_of_the_cosine_and_obeys_the_triangle_inequality(kernel, estimator):
    a, b = correlated(40, 5, 7, seed=4)
    c = a @ np.random.default_rng(5).normal(size=(5, 6)) + correlated(40, 6, 2, seed=6)[0]
    index = CKA(estimator, kernel, form="angular")
    angles = [similarity(index, *pair) for pair in ((a, b), (b, c), (a, c))]
    assert angles[0] == pytest.approx(math.acos(similarity(CKA(estimator, kernel), a, b)), abs=1e-12)
    assert 2 * max(angles) <= sum(angles) and min(angles) > 0.1


@pytest.mark.parametrize("kernel", ["rbf", "laplacian", "polynomial"])
def test_small_angles_keep_their_digits(kernel):
    a = correlated(40, 5, 2, seed=7)[0]
    assert similarity(CKA(kernel=kernel, form="angular"), a, 3 * a @ rotation(5, 8)) < 1e-12
    assert similarity(CKA(form="angular"), a, 3 * a @ rotation(5, 8)) < 1e-7  # moments have arccos alone


@pytest.mark.parametrize("estimator", ["biased", "debiased"])
def test_the_gradient_of_the_polynomial_kernel_is_that_of_finite_differences(estimator):
    a, b = (torch.from_numpy(x).requires_grad_() for x in correlated(6, 2, 3, seed=9))
    assert torch.autograd.gradcheck(CKA(estimator, "polynomial").from_samples, (a, b))


@pytest.mark.parametrize("index", [CKA(kernel="laplacian"), HSIC(), KernelAlignment()], **ids)
def test_gradients_are_finite_where_rows_coincide(index):
    a, b = (torch.from_numpy(x) for x in correlated(12, 3, 4, seed=9))
    a[3], b[3] = a[2], b[2]
    a.requires_grad_()
    index.from_samples(a, b).backward()
    assert a.grad.isfinite().all() and a.grad.norm() > 1e-6


@pytest.mark.parametrize("kernel", KERNELS)
def test_states_are_vectors_of_length_one_whose_product_is_the_value(kernel):
    a, b = (torch.from_numpy(x) for x in correlated(20, 3, 4, seed=10))
    for index in (CKA("debiased", kernel), CKA("minibatch", kernel, batch=8), KernelAlignment(kernel)):
        f, g = index.prepare(a), index.prepare(b)
        assert index.inner and float(f.norm()) == pytest.approx(1, abs=1e-14)
        assert float(index.compare(f, g)) == float(f @ g) == pytest.approx(similarity(index, a, b), abs=1e-12)
    assert not CKA(kernel=kernel, form="angular").inner


@pytest.mark.parametrize("kernel", KERNELS)
def test_known_answers_come_out_for_all_parameters(kernel):
    further = {
        "linear": [{}],
        "rbf": [{}, {"bandwidth": 0.4, "median": "all"}, {"bandwidth": 2.0, "median": "nonzero"}],
        "polynomial": [{}, {"degree": 2, "offset": 0.0}, {"degree": 1, "offset": 0.0}, {"degree": 4, "offset": 0.3}],
    }
    count = 0
    for parameters in further.get(kernel, further["rbf"]):
        indices = [CKA(name, kernel, **parameters) for name in ("biased", "debiased", "minibatch")]
        indices += [CKA("biased", kernel, centred=False, **parameters), KernelAlignment(kernel, **parameters)]
        indices += [HSIC(name, kernel, **parameters) for name in ("biased", "unbiased")]
        for index in (*indices, HSIC(kernel=kernel, divisor="rows", **parameters)):
            for known in index.known_answers():
                count += 1
                assert similarity(index, known.a, known.b) == pytest.approx(known.value, abs=1e-12), known.why
    assert count >= 9


def test_hsic_of_independent_rows_is_near_zero_only_if_unbiased():
    pairs = [np.random.default_rng(seed).normal(size=(2, 30, 20)) for seed in range(20)]
    biased, unbiased = ([similarity(HSIC(name), a, b) for a, b in pairs] for name in ("biased", "unbiased"))
    assert min(unbiased) < 0 < max(unbiased) and abs(np.mean(unbiased)) < np.mean(biased) / 20


def test_alignment_sees_the_mean_that_cka_does_not():
    a, b = correlated(40, 5, 7, seed=11)
    assert similarity("kernel_alignment", a + 100, b + 100) == pytest.approx(1, abs=1e-2)
    assert similarity("cka", a + 100, b + 100) == pytest.approx(similarity("cka", a, b), abs=1e-10)
    assert similarity("kernel_alignment[kernel=rbf]", a + 9, b) == pytest.approx(
        similarity("kernel_alignment[kernel=rbf]", a, b), abs=1e-12
    )


def test_only_the_bandwidth_changed_what_configurations_compute():
    assert CKA(kernel="rbf").version == 2 and CKA().version == CKA("debiased").version == 1
    assert CKA().identity["params"] == {"estimator": "biased", "kernel": "linear", "batch": 128}
    assert CKA(centred=False).identity["params"]["centred"] is False and CKA() != CKA(form="angular")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: CKA(bandwidth=2.0), "bandwidth is 2.0 and kernel linear; bandwidth is only for kernel=rbf or"),
        (lambda: CKA(kernel="rbf", degree=2), "degree is 2 and kernel rbf; degree is only for kernel=polynomial"),
        (lambda: HSIC(kernel="linear", median="all"), "median is all and kernel linear"),
        (lambda: HSIC("unbiased", divisor="rows"), "divisor is only for estimator=biased"),
        (lambda: KernelAlignment(bandwidth=0.0), "bandwidth is 0.0; a number above 0 is allowed"),
        (lambda: HSIC("unbiased").from_samples(torch.randn(3, 2), torch.randn(3, 2)), "at least 4 rows: 3 are given"),
    ],
)
def test_parameters_that_cannot_be_are_one_clear_line(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("index", [CKA(kernel="laplacian"), CKA("debiased", "polynomial"), HSIC()], **ids)
def test_coinciding_rows_have_no_bandwidth_and_no_unit(index):
    still, b = torch.zeros(8, 3), torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    with pytest.raises(Undefined, match="^b has (rows of which many coincide|no rows that differ)"):
        index.from_samples(b, still)
