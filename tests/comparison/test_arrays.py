"""similarity(): what it takes, what it refuses, and that it leaves its inputs alone."""

import numpy as np
import pytest
import torch
from paired_rows import correlated
from simbench_plugins.indices.cka import CKA

import simbench
from simbench import DegenerateWarning, Index, InputError, Registry, hookimpl, similarity

A, B = correlated(30, 5, 7)
RNG = np.random.default_rng(0)
MAPS_A, MAPS_B = RNG.normal(size=(30, 4, 3, 2)), RNG.normal(size=(30, 6, 3, 2))


def spoilt(value):
    x = A.copy()
    x[3, 2] = x[7, 0] = value
    return x


REJECTED = {
    "NaN": (spoilt(np.nan), B, "a has 2 values that are NaN or infinite"),
    "infinity": (A, np.full_like(B, np.inf), "b has 210 values that are NaN or infinite"),
    "different numbers of rows": (A, B[:20], "a has 30 rows and b has 20 in view 'spatial'"),
    "different height and width": (MAPS_A, MAPS_B[..., :1], "a has 180 rows and b has 90.*view='pooled'"),
    "three rows": (A[:3], B[:3], "a and b have 3 rows; at least 4 are needed"),
    "constant a": (np.full((30, 5), 0.1), B, "a is constant"),
    "constant b": (A, torch.full((30, 2), 0.1), "b is constant"),
    "one dimension": (A[:, 0], B, r"a has shape \(30,\); allowed are \(n, p\) and \(n, c, h, w\)"),
    "three dimensions": (A, MAPS_B[..., 0], r"b has shape \(30, 6, 3\)"),
    "no rows": (A[:0], B[:0], r"a has shape \(0, 5\) and is empty"),
    "no features": (A, B[:, :0], r"b has shape \(30, 0\) and is empty"),
    "complex": (A + 1j, B, "a has dtype torch.complex128; real numbers"),
    "bool": (A > 0, B, "a has dtype torch.bool; real numbers"),
    "text": ("activations", B, "a is not an array of numbers"),
    "None": (A, None, "b is not an array of numbers"),
    "dict": ({"layer1": A}, B, "a is not an array of numbers"),
    "ragged lists": ([[1.0, 2.0], [3.0]], B, "a is not an array of numbers"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_unusable_activations_are_rejected_in_one_line_that_says_what_was_given(case):
    a, b, message = REJECTED[case]
    with pytest.raises(InputError, match=message) as error:
        similarity("cka", a, b)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "spec, message",
    [
        ("ckaa", "index 'ckaa' is unknown; did you mean 'cka'"),
        ("nonsense", "index 'nonsense' is unknown; allowed: .*cka.*simbench list indices"),
        ("cka[estimator=bias]", "'bias'; allowed: biased, debiased"),
        ("cka[estimater=biased]", "parameter of 'cka' 'estimater' is unknown; did you mean 'estimator'"),
        ("cka[estimator", r"'cka\[estimator' is malformed; the form is name or name\[parameter=value"),
        ("cka[]", r"'cka\[\]' has nothing between its brackets"),
        ("svcca[variance=much]", "'much'; allowed: a number"),
        ("svcca[variance=1.5]", r"svcca\[variance=1.5\]: variance is 1.5; a share above 0"),
        ("pwcca[variance=1]", r"'pwcca' takes no parameters; given 'pwcca\[variance=1\]'"),
        (None, "index is None; give a name such as 'cka'"),
        (CKA, "index is <class .*CKA'>; give a name such as 'cka'"),
    ],
)
def test_unknown_or_malformed_indices_are_rejected_in_one_line_that_says_what_was_given(spec, message):
    with pytest.raises(InputError, match=message) as error:
        similarity(spec, A, B)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(torch.from_numpy, id="torch"),
        pytest.param(lambda x: torch.from_numpy(x).requires_grad_(), id="requires grad"),
        pytest.param(np.asfortranarray, id="Fortran order"),
        pytest.param(lambda x: np.repeat(x, 2, axis=1)[:, ::2], id="strided"),
        pytest.param(lambda x: x[::-1].copy()[::-1], id="reversed"),
        pytest.param(lambda x: x.astype(">f8"), id="big endian"),
        pytest.param(lambda x: x.tolist(), id="lists"),
        pytest.param(lambda x: np.broadcast_to(x, x.shape), id="read-only"),
    ],
)
def test_every_kind_of_array_gives_the_value_of_the_numbers_in_it(make):
    assert similarity("cka", make(A), make(B)) == pytest.approx(similarity("cka", A, B), abs=1e-14)


@pytest.mark.parametrize("index", ["cka", "cka[estimator=debiased]", "cka[kernel=rbf]", "r2_lr", "cca", "pwcca"])
@pytest.mark.parametrize("dtype", [np.int64, np.int16, np.uint8])
def test_whole_numbers_count_as_real_numbers(index, dtype):
    a, b = (RNG.integers(0, 100, size=(30, p)).astype(dtype) for p in (5, 7))
    assert similarity(index, a, b) == pytest.approx(similarity(index, a.astype(float), b.astype(float)), abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_coarse_floats_are_computed_in_float64(dtype):
    a, b = torch.from_numpy(A).to(dtype), torch.from_numpy(B).to(dtype)
    assert similarity("cca", a, b) == pytest.approx(similarity("cca", a.double(), b.double()), abs=1e-12)


def as_rows(x, view):
    n, c, h, w = x.shape
    return {"spatial": np.moveaxis(x, 1, 3).reshape(-1, c), "flat": x.reshape(n, -1), "pooled": x.mean((2, 3))}[view]


@pytest.mark.parametrize("index", ["cka", "r2_lr", "pwcca"])
@pytest.mark.parametrize("view", ["spatial", "flat", "pooled"])
def test_maps_are_compared_in_the_view_asked_for(index, view):
    maps = (MAPS_A[:, :2], MAPS_B[:, :2])
    value = similarity(index, *maps, view=view)
    assert value == pytest.approx(similarity(index, *(as_rows(x, view) for x in maps)), abs=1e-12)
    others = {similarity(index, *maps, view=other) for other in ("spatial", "flat", "pooled") if other != view}
    assert all(abs(value - other) > 1e-3 for other in others)


def test_spatial_is_the_default_view():
    assert similarity("cka", MAPS_A, MAPS_B) == similarity("cka", MAPS_A, MAPS_B, view="spatial")


def test_whole_numbers_have_channel_means():
    maps = RNG.integers(0, 9, size=(10, 3, 4, 4))
    assert similarity("cka", maps, maps[::-1], view="pooled") == pytest.approx(
        similarity("cka", maps * 1.0, maps[::-1] * 1.0, view="pooled")
    )


def test_maps_of_other_height_and_width_compare_in_view_pooled():
    assert 0 < similarity("cka", MAPS_A, MAPS_B[:, :, :2], view="pooled") < 1


def test_an_unknown_view_is_rejected():
    with pytest.raises(InputError, match="view 'pool' is unknown; did you mean 'pooled'"):
        similarity("cka", A, B, view="pool")


@pytest.mark.parametrize(
    "index",
    ["cka", "cka[estimator=debiased]", "cka[kernel=rbf]", "r2_lr", "r2_lr[centred=false]", "cca", "svcca", "pwcca"],
)
@pytest.mark.parametrize("make", [np.array, torch.tensor])
def test_inputs_are_not_modified(index, make):
    a, b = make(A), make(B)
    similarity(index, a, b)
    assert (np.asarray(a) == A).all() and (np.asarray(b) == B).all()


def test_the_value_is_a_float_and_the_same_each_time():
    values = {similarity("svcca", A, B) for _ in range(3)}
    assert len(values) == 1 and type(values.pop()) is float


def test_an_index_object_is_taken_as_it_is():
    assert similarity(CKA("debiased"), A, B) == similarity("cka[estimator=debiased]", A, B)


class Rows(Index):
    """Counts rows: an index that sees nothing but samples."""

    name, source = "rows", "none"
    claims = simbench.Claims(range=(0.0, float("inf")))

    def from_samples(self, a, b):
        return a.new_tensor(float(len(a)))


class Undefined(Index):
    name, source = "undefined", "none"

    def from_moments(self, m):
        return m.ab.sum() * float("nan")


class Inline:
    @hookimpl
    def simbench_indices(self):
        return [Rows(), Undefined()]


def test_indices_come_from_the_registry_given():
    registry = simbench.load(extra=[Inline()])
    assert isinstance(registry, Registry)
    assert similarity("rows", MAPS_A, MAPS_B, registry=registry) == 180
    with pytest.raises(InputError, match="index 'rows' is unknown"):
        similarity("rows", A, B)


def test_an_index_that_returns_nan_is_an_error_that_names_it():
    with pytest.raises(InputError, match="index undefined returned nan"):
        similarity(Undefined(), A, B)


def test_a_degenerate_value_is_returned_with_a_warning_that_points_at_the_caller():
    with pytest.warns(DegenerateWarning, match="^cca: 5 \\+ 7 directions on 8 rows") as caught:
        assert similarity("cca", A[:8], B[:8]) == pytest.approx(1, abs=1e-9)
    assert caught[0].filename == __file__


def test_wide_float32_rows_keep_features_of_every_scale():
    """r2_lr ignores the scales of a, also where rows are turned before they are narrowed."""
    torch.manual_seed(0)
    a, b = torch.randn(30, 6), torch.randn(30, 40)
    b[:, :6] += a
    wide = torch.cat([a, torch.zeros(30, 34)], 1)
    scales = torch.cat([10.0 ** torch.linspace(-6, 6, 6), torch.ones(34)])
    assert simbench.similarity("r2_lr", wide * scales, b) == pytest.approx(
        simbench.similarity("r2_lr", wide, b), abs=1e-5
    )
