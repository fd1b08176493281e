"""Arrays: every kind gives the value of the numbers it stands for, or one line that says why it stands for none."""

import decimal
import fractions

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from small_arrays import ANY_MOVE, VALUE, A, B, quietly, refused

from simbench import Index, InputError, similarity

FRAME = pd.DataFrame(A)


class Foreign:
    """An array of another library, which numpy can ask for its numbers."""

    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return self.x


class Exchanged:
    """An array that speaks DLPack alone."""

    def __init__(self, x):
        self.x = torch.tensor(x)

    def __dlpack__(self, **options):
        return self.x.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


def by_channel(dtype):
    scale, zero = torch.full((5,), 0.125), torch.zeros(5)
    return lambda: torch.quantize_per_channel(torch.tensor(A).float(), scale, zero, 1, dtype)


def field(x):
    packed = np.zeros(x.shape, dtype=[("flag", "i1"), ("value", "f8")])
    packed["value"] = x
    return packed["value"]


NUMBERS = {
    "long double": lambda: A.astype(np.longdouble),
    "objects": lambda: A.astype(object),
    "decimals": lambda: np.vectorize(decimal.Decimal, otypes=[object])(A),
    "fractions": lambda: np.vectorize(fractions.Fraction, otypes=[object])(A),
    "matrix": lambda: quietly(lambda: np.asmatrix(A)),
    "field of a structured array": lambda: field(A),
    "memoryview": lambda: memoryview(A),
    "tuples": lambda: tuple(map(tuple, A.tolist())),
    "list of tensors that want gradients": lambda: list(torch.tensor(A, requires_grad=True)),
    "another library's": lambda: Foreign(A),
    "DLPack": lambda: Exchanged(A),
    "integers beyond int64": lambda: [[2**70 + int(one * 2**60) for one in row] for row in A],
    **{name: lambda name=name: (8 * A + 100).astype(name) for name in ("uint16", "uint32", "uint64")},
    **{
        f"torch {name}": lambda name=name: torch.tensor(8 * A + 100).to(getattr(torch, name))
        for name in ("uint8", "int16", "uint16", "uint32", "uint64")
    },
    "imaginary part of a conjugate": lambda: torch.complex(torch.tensor(A), -torch.tensor(A)).conj().imag,
    **{
        f"scipy {kind}": lambda kind=kind: scipy.sparse.coo_array(A).asformat(kind)
        for kind in ("csr", "csc", "coo", "lil")
    },
    "scipy matrix": lambda: scipy.sparse.csr_matrix(A),
    "made in inference mode": torch.inference_mode()(lambda: torch.tensor(A)),
    "coo": lambda: torch.tensor(A).to_sparse(),
    "coo that wants gradients": lambda: torch.tensor(A, requires_grad=True).to_sparse(),
    "hybrid": lambda: torch.tensor(A).to_sparse(1),
    "csr": lambda: quietly(lambda: torch.tensor(A).to_sparse_csr()),
    "bsr": lambda: quietly(lambda: torch.tensor(A).to_sparse_bsr((4, 1))),
    "quantised": lambda: quietly(lambda: torch.quantize_per_tensor(torch.tensor(A).float(), 0.125, 0, torch.qint32)),
    "quantised by channel": lambda: quietly(by_channel(torch.qint8)),
    "quantised by channel, 32 bits": lambda: quietly(by_channel(torch.qint32)),
    "frame": lambda: FRAME,
    "frame of any labels": lambda: pd.DataFrame(A, index=list("ab" * 20), columns=[1, 1, 2, 2, 3]),
    "Float64": lambda: FRAME.astype("Float64"),
    "Float32": lambda: FRAME.astype("Float32"),
    "Int64": lambda: (8 * FRAME).astype("Int64"),
    "mixed frame": lambda: FRAME.astype({0: "Float64", 1: "float32", 2: pd.SparseDtype(float, 0)}),
    "frame of objects": lambda: FRAME.astype(object),
    "sparse frame": lambda: FRAME.astype(pd.SparseDtype(float, 0)),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_kind_of_array_has_the_value_of_its_numbers(kind):
    assert similarity("cka", NUMBERS[kind](), B) == ANY_MOVE


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "bfloat16", "float16"])
def test_coarse_floats_are_the_numbers_they_were_rounded_to(name):
    coarse = torch.tensor(A).to(getattr(torch, name))
    assert similarity("cka", coarse, B) == pytest.approx(similarity("cka", coarse.double(), B), abs=1e-12)


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("pyarrow", lambda _: FRAME.astype("double[pyarrow]")),
        ("pyarrow", lambda pa: FRAME.map(decimal.Decimal).astype(pd.ArrowDtype(pa.decimal128(20, 6)))),
        ("pyarrow", lambda pa: pa.table(FRAME.rename(columns=str))),
        ("polars", lambda pl: pl.DataFrame(A)),
        ("ml_dtypes", lambda ml: (8 * A).astype(ml.bfloat16)),
    ],
)
def test_arrays_of_other_packages_have_the_value_of_their_numbers(module, make):
    assert similarity("cka", make(pytest.importorskip(module)), B) == ANY_MOVE


def nested():
    return torch.nested.nested_tensor([torch.tensor(A[0]), torch.tensor(A[1, :2])])


REFUSED = {
    "meta": (lambda: torch.empty(40, 5, device="meta"), "a is on the meta device and holds no numbers"),
    "nested": (lambda: quietly(nested), "a is a nested tensor"),
    "lazy": (torch.nn.UninitializedParameter, "a is not an array of numbers"),
    "bits": (lambda: torch.zeros(40, 5, dtype=torch.uint8).view(torch.bits8), "a is not an array of numbers"),
    "sparse and boolean": (lambda: scipy.sparse.csr_array(A > 0), "a has dtype torch.bool; real numbers are allowed"),
    "sparse and complex": (lambda: torch.tensor(A + 1j).to_sparse(), "a has dtype torch.complex128; real numbers"),
    "sparse and huge": (lambda: scipy.sparse.coo_array((10**6, 10**6)), "a is sparse, and .* 1e+12 numbers; at most"),
    "sparse vector": (lambda: scipy.sparse.coo_array(A[:, 0]), "a has shape (40,); allowed are (n, p)"),
    "long complex": (lambda: A.astype(np.clongdouble), "a is not an array of numbers"),
    "strings": (lambda: A.astype(str), "a is not an array of numbers (its dtype is <U32)"),
    "objects that are strings": (lambda: A.astype(str).astype(object), "a is not an array of numbers (it holds str)"),
    "None among numbers": (lambda: [[1.0, None]] * 40, "a is not an array of numbers (it holds NoneType)"),
    "beyond float64": (lambda: [[10**400, 1]] * 40, "a is not an array of numbers (int too large"),
    "dates": (lambda: A.astype("i8").astype("M8[s]"), "a is not an array of numbers (its dtype is datetime64[s])"),
    "structured": (lambda: np.zeros((40, 5), dtype=[("x", "f8"), ("y", "f8")]), "a is not an array of numbers (its"),
    "bytes": (lambda: b"activations", "a is not an array of numbers"),
    "generator": (lambda: (row for row in A), "a is not an array of numbers (it holds generator)"),
    "ragged tensors": (lambda: [torch.tensor(A[0]), torch.tensor(A[1, :2])], "a is not an array of numbers"),
    "a column of flags": (lambda: FRAME.assign(z=True), "a has a column 'z' of dtype bool; real numbers are allowed"),
    "nullable flags": (lambda: (FRAME > 0).astype("boolean"), "a has a column 0 of dtype boolean"),
    "categories": (lambda: FRAME.assign(z=pd.Categorical(np.arange(40))), "a has a column 'z' of dtype category"),
    "a column of text": (lambda: FRAME.assign(z="text"), "a has a column 'z' of dtype"),
    "a column of dates": (lambda: FRAME.assign(z=pd.Timestamp(0)), "a has a column 'z' of dtype datetime64"),
    "a complex column": (lambda: FRAME.assign(z=1j), "a has dtype torch.complex128; real numbers are allowed"),
    "no columns": (lambda: FRAME[[]], "a has shape (40, 0) and is empty"),
    "missing": (lambda: FRAME.astype("Float64").mask(A[3, 2] == FRAME), "a has 2 values that are NaN or infinite"),
    "missing integers": (lambda: (8 * FRAME).astype("Int8").mask(A[3, 2] == FRAME), "a has 2 values that are NaN"),
    "a series": (lambda: FRAME[0], "a has shape (40,); allowed are (n, p)"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_holds_no_real_numbers_is_refused_in_one_line(kind):
    make, said = REFUSED[kind]
    line = refused(make(), B)
    assert all(part in line for part in said.split(" .* "))


# -- labels ------------------------------------------------------------------------------------------------------

LABELS = {
    "text": [f"image{i}" for i in range(40)],
    "numbers": range(40),
    "several levels": pd.MultiIndex.from_product([range(8), list("abcde")]),
    "times": pd.date_range("2020", periods=40),
    "intervals that overlap": pd.IntervalIndex.from_arrays(range(40), range(2, 42)),
    "categories": pd.CategoricalIndex([f"image{i}" for i in range(40)]),
}


@pytest.mark.parametrize("labels", LABELS)
def test_data_frames_pair_by_their_labels(labels):
    order = np.random.default_rng(1).permutation(40)
    a, b = pd.DataFrame(A, index=LABELS[labels]), pd.DataFrame(B, index=LABELS[labels])
    assert abs(similarity("cka", A, B[order]) - VALUE) > 0.1
    assert similarity("cka", a, b.iloc[order]) == ANY_MOVE
    assert similarity("cka", a.iloc[order], b) == ANY_MOVE


def test_equal_labels_that_repeat_pair_by_position():
    labels = [0, 0, 1, 1] * 10
    assert similarity("cka", pd.DataFrame(A, index=labels), pd.DataFrame(B, index=labels)) == VALUE


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (range(40), range(20, 60), "share 20 of 40 row labels"),
        (range(40), list(map(str, range(40))), "share 0 of 40 row labels"),
        ([0, 0, *range(2, 40)], range(40), "have row labels that repeat"),
        ([0, 1] * 20, [1, 0] * 20, "have row labels that repeat"),
    ],
)
def test_data_frames_of_other_or_repeated_labels_are_refused(a, b, said):
    assert said in refused(pd.DataFrame(A, index=a), pd.DataFrame(B, index=b))


def test_a_data_frame_and_an_array_pair_by_position():
    assert similarity("cka", pd.DataFrame(A, index=range(40, 0, -1)), B) == VALUE


# -- memory ------------------------------------------------------------------------------------------------------


class Writer(Index):
    """Writes into what it is handed."""

    name, source = "writer", "none"
    needs = "samples"

    def from_samples(self, a, b):
        a.mul_(0)
        b.mul_(0)
        return a.new_zeros(())


@pytest.mark.parametrize(
    "make",
    [
        torch.tensor,
        np.array,
        pd.DataFrame,
        np.ma.array,
        Exchanged,
        lambda x: list(torch.tensor(x)),
        lambda x: torch.tensor(x)[..., None, None],
        lambda x: torch.tensor(x)[..., None, None].to(memory_format=torch.channels_last),
    ],
    ids=["torch", "numpy", "pandas", "masked", "DLPack", "list", "maps", "channels last"],
)
@pytest.mark.parametrize("view", ["spatial", "flat", "pooled"])
def test_an_index_that_writes_into_its_rows_leaves_the_callers_arrays(make, view):
    a, b = make(A), make(B)
    with pytest.raises(InputError, match="index writer changed what it was handed"):
        similarity(Writer(), a, b, view=view)
    after = a.x if isinstance(a, Exchanged) else np.ma.getdata(a) if isinstance(a, np.ma.MaskedArray) else a
    after = torch.stack(after) if isinstance(after, list) else after
    assert (np.asarray(after).reshape(A.shape) == A).all()
